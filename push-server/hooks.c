/* hooks.c - deals out what the homes hand over: messages to be judged to a pool of lanes, events to the webhook and the
 * notices.  A user's messages go to one lane, so that they keep their order. */
#include "hooks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "fields.h"
#include "home.h"
#include "json.h"
#include "lane.h"
#include "log.h"
#include "notify.h"
#include "operate.h"
#include "request.h"
#include "seccheck.h"
#include "server.h"
#include "verdicts.h"
#include "webhook.h"

enum {
	DEAD_AFTER = 5,		/* failed questions in a row, after which the backend is left alone ... */
	DEAD_MS = 5000		/* ... for so long */
};

/* One of the pool; but for lane all its thread's. */
struct judge {
	struct hooks *hooks;
	struct lane *lane;
	struct wechat *wechat;		/* NULL without a content check */
	struct http *http;		/* NULL without the webhook's question */
	struct store_reader *users;
	unsigned failures;
	int64_t dead_until_ms;
};

struct hooks {
	struct server *server;
	struct config check_config;		/* the server's, with the check's patience */
	struct wechat_shared *check_shared, *shared;
	struct judge *judges;
	unsigned judge_count;
	bool checks_before, checks_after, asks;	/* [check] text = refuse, recall; [webhook] message */
	struct webhook *webhook;
	struct notify *notify;
	struct verdicts *verdicts;
	atomic_bool stopping;
	atomic_uint waiting;
	_Atomic uint64_t passed, refused, failed, recalled, calls, calls_failed;
};

/* Waiting for a judge: a message before it is stored (ask), or the words of one that was delivered already. */
struct matter {
	struct mail mail;
	struct ask *ask;
	int64_t since_ms;
	char room[ROOM_NAME_MAX + 1];
	struct uid uid;
	uint64_t id;
	char *words;
};

static void matter_free(struct matter *m)
{
	free(m->words);
	free(m);
}

/* --- in a judge's thread --- */

static enum seccheck judge_words(struct judge *j, const char *room, const struct uid *uid, const char *words,
				 int64_t since_ms)
{
	struct hooks *h = j->hooks;
	enum seccheck verdict = SECCHECK_FAILED;

	if (!atomic_load(&h->stopping) && clock_mono_ms() - since_ms < h->server->config->check.timeout_ms)
		verdict = seccheck_words(j->wechat, server_reader(h->server, &j->users), room, uid, words, strlen(words),
					 &h->stopping);
	atomic_fetch_add(verdict == SECCHECK_PASS    ? &h->passed
			 : verdict == SECCHECK_RISKY ? &h->refused
						     : &h->failed, 1);
	return verdict;
}

/* Asks the owner's backend, unless it has been silent lately. */
static enum error judge_ask(struct judge *j, struct ask *ask, char why[static WEBHOOK_WHY_SIZE])
{
	struct hooks *h = j->hooks;
	int64_t now_ms = clock_mono_ms();
	enum error e = ERR_NONE;
	bool failed = true;

	if (!atomic_load(&h->stopping) && now_ms >= j->dead_until_ms) {
		atomic_fetch_add(&h->calls, 1);
		e = webhook_ask(j->http, h->server->config, ask, why, &failed);
		j->failures = failed ? j->failures + 1 : 0;
		if (j->failures >= DEAD_AFTER) {
			j->dead_until_ms = clock_mono_ms() + DEAD_MS;
			j->failures = DEAD_AFTER - 1;
			log_warn("webhook-dead", "pause_ms=%d", DEAD_MS);
		}
		if (failed)
			atomic_fetch_add(&h->calls_failed, 1);
	}
	if (failed && strcmp(h->server->config->webhook.on_failure, "refuse") == 0) {
		snprintf(why, WEBHOOK_WHY_SIZE, "messages cannot be judged at the moment: try again");
		return ERR_STORE;
	}
	return e;
}

static void run_before(struct mail *mail, void *owner)
{
	struct matter *m = (struct matter *)mail;
	struct judge *j = owner;
	struct hooks *h = j->hooks;
	char why[WEBHOOK_WHY_SIZE] = "";
	enum error e = ERR_NONE;

	atomic_fetch_sub(&h->waiting, 1);
	if (h->asks)
		e = judge_ask(j, m->ask, why);
	if (e == ERR_NONE && h->checks_before && m->ask->words != NULL && m->ask->words[0] != '\0') {
		enum seccheck verdict = judge_words(j, m->ask->room, &m->ask->uid, m->ask->words, m->since_ms);

		if (verdict == SECCHECK_RISKY)
			e = ERR_RISKY_CONTENT;
		else if (verdict == SECCHECK_FAILED &&
			 strcmp(h->server->config->check.on_failure, "refuse") == 0)
			e = ERR_WECHAT_BUSY;
	}
	home_checked(h->server, m->ask, e, why[0] == '\0' ? NULL : why);
	matter_free(m);
}

static void run_after(struct mail *mail, void *owner)
{
	struct matter *m = (struct matter *)mail;
	struct judge *j = owner;
	enum seccheck verdict;

	atomic_fetch_sub(&j->hooks->waiting, 1);
	verdict = judge_words(j, m->room, &m->uid, m->words, clock_mono_ms());
	if (verdict == SECCHECK_RISKY && operate_recall_wait(j->hooks->server, m->room, m->id) == ERR_NONE)
		atomic_fetch_add(&j->hooks->recalled, 1);
	matter_free(m);
}

/* --- in anybody's --- */

static struct judge *judge_of(struct hooks *h, const struct uid *uid)
{
	return &h->judges[uid_hash(uid) % h->judge_count];
}

/* Takes the matter when there is room for one more. */
static bool matter_post(struct hooks *h, struct matter *m, const struct uid *uid)
{
	if (atomic_fetch_add(&h->waiting, 1) < (unsigned)h->server->config->check.queue &&
	    lane_post(judge_of(h, uid)->lane, &m->mail) == 0)
		return true;
	atomic_fetch_sub(&h->waiting, 1);
	return false;
}

bool hooks_check(struct hooks *h, struct ask *ask)
{
	const struct config *config;
	struct matter *m;
	bool is_refused;

	if (h == NULL || ask->is_operator ||
	    !(h->asks || (h->checks_before && ask->words != NULL && ask->words[0] != '\0')))
		return false;
	if ((m = calloc(1, sizeof(*m))) != NULL) {
		m->mail.run = run_before;
		m->ask = ask;
		m->since_ms = clock_mono_ms();
		if (matter_post(h, m, &ask->uid))
			return true;
		free(m);
	}
	config = h->server->config;
	atomic_fetch_add(&h->failed, 1);
	is_refused = (h->asks && strcmp(config->webhook.on_failure, "refuse") == 0) ||
		     (h->checks_before && strcmp(config->check.on_failure, "refuse") == 0);
	if (is_refused)
		home_checked(h->server, ask, ERR_WECHAT_BUSY, "too many messages wait to be judged: try again");
	return is_refused;
}

/* In the "deliver, then recall" way the words are looked for in what was delivered. */
static void check_after(struct hooks *h, const char *room, const struct uid *uid, uint64_t id, const char *text,
			size_t len)
{
	struct json_object *o = fields_parse(text, len);
	char *words = o == NULL ? NULL : json_words(o, "content");
	struct matter *m;

	if (words == NULL || words[0] == '\0' || (m = calloc(1, sizeof(*m))) == NULL) {
		free(words);
		goto out;
	}
	m->mail.run = run_after;
	memcpy(m->room, room, strnlen(room, ROOM_NAME_MAX));
	m->uid = *uid;
	m->id = id;
	m->words = words;
	if (!matter_post(h, m, uid)) {
		atomic_fetch_add(&h->failed, 1);
		matter_free(m);
	}
out:
	json_object_put(o);
}

bool hooks_wants(const struct hooks *h, enum hook_event kind)
{
	if (h == NULL)
		return false;
	return webhook_wants(h->webhook, kind) || (h->notify != NULL && (kind == HOOK_JOIN || kind == HOOK_MESSAGE)) ||
	       (h->checks_after && kind == HOOK_MESSAGE);
}

void hooks_event(struct hooks *h, enum hook_event kind, const char *room, const struct uid *uid, uint64_t id,
		 int64_t time_ms, const char *text, size_t len)
{
	static const struct uid nobody;

	if (h == NULL)
		return;
	if (webhook_wants(h->webhook, kind))
		webhook_post(h->webhook, kind, room, uid, id, time_ms, text, len);
	if (uid == NULL || uid_equal(uid, &nobody))
		return;
	if (kind == HOOK_MESSAGE && h->checks_after)
		check_after(h, room, uid, id, text, len);
	if (kind == HOOK_MESSAGE && h->notify != NULL)
		notify_message(h->notify, room, uid, text, len, time_ms);
	if (kind == HOOK_JOIN && h->notify != NULL)
		notify_back(h->notify, room, uid);
}

void hooks_stats(struct hooks *h, struct hooks_stats *out)
{
	*out = (struct hooks_stats){ .checks_passed = 0 };
	if (h == NULL)
		return;
	out->checks_passed = atomic_load(&h->passed);
	out->checks_refused = atomic_load(&h->refused);
	out->checks_failed = atomic_load(&h->failed);
	out->checks_recalled = atomic_load(&h->recalled);
	out->checks_waiting = atomic_load(&h->waiting);
	out->webhook_calls = atomic_load(&h->calls);
	out->webhook_failed = atomic_load(&h->calls_failed);
	out->media_recalled = verdicts_recalled(h->verdicts);
	webhook_stats(h->webhook, out);
	notify_stats(h->notify, out);
}

/* --- starting and stopping --- */

static int judge_start(struct hooks *h, struct judge *j)
{
	const struct config *config = h->server->config;

	j->hooks = h;
	if (h->checks_before || h->checks_after) {
		if ((j->wechat = wechat_new(h->check_shared)) == NULL)
			return -ENOMEM;
	}
	if (h->asks && (j->http = http_new(&(struct http_options){ .ca_file = NULL })) == NULL)
		return -ENOMEM;
	j->lane = lane_new(&(struct lane_options){
		.name = "check", .max = (unsigned)config->check.queue, .owner = j,
	});
	return j->lane == NULL ? -ENOMEM : 0;
}

static int judges_start(struct hooks *h)
{
	unsigned count = (unsigned)h->server->config->check.threads;
	int r;

	if ((h->judges = calloc(count, sizeof(*h->judges))) == NULL)
		return -ENOMEM;
	while (h->judge_count < count)
		if ((r = judge_start(h, &h->judges[h->judge_count++])) < 0)
			return r;
	return 0;
}

static void judges_free(struct hooks *h)
{
	for (unsigned i = 0; i < h->judge_count; i++) {
		struct judge *j = &h->judges[i];

		lane_free(j->lane);
		if (j->users != NULL)
			store_reader_free(j->users);
		http_free(j->http);
		wechat_free(j->wechat);
	}
	free(h->judges);
}

static int data_check(const struct config *config)
{
	static const struct notice notice = { .nick = "n", .content = "c", .room = "r" };
	struct buf data = BUF_INIT;
	int r = config->notify.template_id[0] == '\0' ? 0 : notify_data(&data, config->notify.data, &notice);

	buf_free(&data);
	return r;
}

static int hooks_start_parts(struct hooks *h, bool wants_webhook, bool wants_notify, bool wants_verdicts)
{
	const struct config *config = h->server->config;

	h->check_config = *config;
	h->check_config.wechat.timeout_ms = config->check.timeout_ms;
	if ((h->checks_before || h->checks_after) &&
	    (h->check_shared = wechat_shared_new(&h->check_config, h->server->store)) == NULL)
		return -ENOMEM;
	if (wants_notify && (h->shared = wechat_shared_new(config, h->server->store)) == NULL)
		return -ENOMEM;
	if ((h->checks_before || h->checks_after || h->asks) && judges_start(h) < 0)
		return -ENOMEM;
	if (wants_webhook && (h->webhook = webhook_new(config)) == NULL)
		return -ENOMEM;
	if (wants_notify && (h->notify = notify_new(h->server, h->shared)) == NULL)
		return -ENOMEM;
	if (wants_verdicts && (h->verdicts = verdicts_new(h->server)) == NULL)
		return -ENOMEM;
	return 0;
}

const char *hooks_lack(const struct config *config, const char **section, const char **key)
{
	bool notifies = config->notify.template_id[0] != '\0', checks = strcmp(config->check.text, "off") != 0;
	bool asks = strcmp(config->webhook.message, "on") == 0;

	*section = "wechat";
	*key = config->wechat.app_id[0] == '\0' ? "app_id" : "app_secret";
	if ((notifies || checks) && (config->wechat.app_id[0] == '\0' || config->wechat.app_secret[0] == '\0'))
		return "missing, but needed for [check] text and [notify] template_id";
	*section = "webhook";
	*key = config->webhook.url[0] == '\0' ? "url" : "secret";
	if ((asks || config->webhook.events[0] != '\0') &&
	    (config->webhook.url[0] == '\0' || config->webhook.secret[0] == '\0'))
		return "missing, but [webhook] message or events is set; url and secret are both needed, because every call is "
		       "signed";
	*section = "notify";
	*key = "data";
	return data_check(config) < 0 ? "this is no list of fields; name=text name=text … is allowed, with {nickName} {content} "
					"{room} {time}" : NULL;
}

int hooks_start(struct server *s, struct hooks **out, char why[static 200])
{
	const struct config *config = s->config;
	bool before = strcmp(config->check.text, "refuse") == 0, after = strcmp(config->check.text, "recall") == 0;
	bool asks = strcmp(config->webhook.message, "on") == 0, reports = config->webhook.events[0] != '\0';
	bool notifies = config->notify.template_id[0] != '\0', watches = strcmp(config->media.check, "on") == 0;
	const char *section, *key, *lack;
	struct hooks *h;
	int r;

	*out = NULL;
	if (!(before || after || asks || reports || notifies || watches))
		return 0;
	if ((lack = hooks_lack(config, &section, &key)) != NULL) {
		snprintf(why, 200, "[%s] %s: %s", section, key, lack);
		return -EINVAL;
	}
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return -ENOMEM;
	h->server = s;
	h->checks_before = before;
	h->checks_after = after;
	h->asks = asks;
	if ((r = hooks_start_parts(h, reports, notifies, watches)) < 0) {
		snprintf(why, 200, "hooks: %s", strerror(-r));
		hooks_free(h);
		return r;
	}
	*out = h;
	return 0;
}

void hooks_stop(struct hooks *h)
{
	if (h == NULL)
		return;
	atomic_store(&h->stopping, true);
	for (unsigned i = 0; i < h->judge_count; i++)
		lane_stop(h->judges[i].lane);
	verdicts_stop(h->verdicts);
	notify_stop(h->notify);
}

void hooks_free(struct hooks *h)
{
	if (h == NULL)
		return;
	judges_free(h);
	verdicts_free(h->verdicts);
	notify_free(h->notify);
	webhook_free(h->webhook);
	wechat_shared_free(h->check_shared);
	wechat_shared_free(h->shared);
	free(h);
}
