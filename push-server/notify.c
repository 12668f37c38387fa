/* notify.c - who is to be told, and the telling.  Everything happens in one lane, one message after another. */
#include "notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lane.h"
#include "log.h"
#include "operate.h"
#include "server.h"

struct notify {
	struct server *server;
	struct lane *lane;
	struct wechat *wechat;			/* the lane's, as the readers */
	struct history_reader *past;
	struct store_reader *users;
	atomic_bool stopping;
	_Atomic uint64_t sent, refused, failed;
};

/* A message, or (fields NULL) somebody's return. */
struct item {
	struct mail mail;
	char room[ROOM_NAME_MAX + 1];
	struct uid uid;
	int64_t time_ms;
	char *fields;
	size_t len;
};

/* One message on its way to those who are away. */
struct round {
	struct notify *n;
	const struct item *item;
	const char *from;		/* the sender's uid */
	struct buf nick, content;
};

static int key_mark(struct buf *key, const char *room, const char *uid)
{
	int r;

	if ((r = buf_add(key, "notified", sizeof("notified"))) < 0)
		return r;
	return history_key(key, room, uid);
}

static int key_consent(struct buf *key, const char *uid, const char *template_id)
{
	return history_key(key, uid, template_id);
}

/* Changes a table and waits; false when it did not happen. */
static bool change(struct notify *n, enum history_verb verb, enum room_table table, const struct buf *key,
		   int64_t amount)
{
	struct change c = {
		.verb = verb, .table = table, .key = key->data, .key_len = key->len, .value = "1",
		.value_len = verb == HISTORY_SET ? 1 : 0, .amount = amount,
	};
	struct buf answer = BUF_INIT;
	bool is_done = operate_change_wait(n->server, &c, &answer) == 0 &&
		       operate_refusal(answer.data, answer.len, NULL) == ERR_NONE;

	buf_free(&answer);
	return is_done;
}

/* Is the user in the room?  When nobody can say, yes: better no notice than a needless one. */
static bool is_here(struct round *round, const char *uid)
{
	struct ask *ask = operate_new(REQUEST_MEMBERS, round->item->room, NULL, NULL);
	struct json_object *o, *members;
	struct buf answer = BUF_INIT;
	bool is_away = false;

	if (ask == NULL || !uid_parse(uid, UID_LEN, &ask->whom)) {
		ask_free(ask);
		return true;
	}
	if (operate_ask_wait(round->n->server, ask, &answer) == 0 &&
	    (o = json_parse(answer.data, answer.len)) != NULL) {
		is_away = json_object_object_get_ex(o, "members", &members) &&
			  json_object_is_type(members, json_type_array) && json_object_array_length(members) == 0;
		json_object_put(o);
	}
	buf_free(&answer);
	return !is_away;
}

static enum error send_notice(struct round *round, const char *openid, struct wechat_told *told)
{
	const struct config *config = round->n->server->config;
	struct notice notice = {
		.nick = buf_str(&round->nick), .content = buf_str(&round->content),
		.room = round->item->room, .time_ms = round->item->time_ms,
	};
	struct buf data = BUF_INIT, page = BUF_INIT;
	enum error e = ERR_STORE;

	if (notify_data(&data, config->notify.data, &notice) == 0 &&
	    notify_page(&page, config->notify.page, round->item->room) == 0)
		e = wechat_notify(round->n->wechat, openid, config->notify.template_id, buf_str(&page), buf_str(&data),
				  config->notify.state, told);
	buf_free(&data);
	buf_free(&page);
	return e;
}

/* The consent is taken and the mark set before WeChat is asked, so that no crash can send twice; where WeChat surely
 * sent nothing, both are put back.  That there is no consent it knows better than our count. */
static void tell_one(struct round *round, const char *uid, const struct buf *consent, const struct buf *mark)
{
	struct notify *n = round->n;
	struct wechat_told told = { .errcode = 0 };
	struct member who;
	enum error e;

	if (server_member(n->server, &n->users, uid, &who) < 0 || !change(n, HISTORY_ADD, TABLE_CONSENTS, consent, -1))
		return;
	if (!change(n, HISTORY_SET, TABLE_MARKS, mark, 0)) {
		(void)change(n, HISTORY_ADD, TABLE_CONSENTS, consent, 1);
		return;
	}
	e = send_notice(round, who.openid, &told);
	if (e == ERR_FORBIDDEN) {
		(void)change(n, HISTORY_DELETE, TABLE_CONSENTS, consent, 0);
		(void)change(n, HISTORY_DELETE, TABLE_MARKS, mark, 0);
		atomic_fetch_add(&n->refused, 1);
	} else if (e != ERR_NONE) {
		log_warn("notice-failed", "uid=%s error=%s errcode=%lld", uid, error_name(e), (long long)told.errcode);
		if (!told.is_unsure) {
			(void)change(n, HISTORY_ADD, TABLE_CONSENTS, consent, 1);
			(void)change(n, HISTORY_DELETE, TABLE_MARKS, mark, 0);
		}
		atomic_fetch_add(&n->failed, 1);
	} else {
		atomic_fetch_add(&n->sent, 1);
	}
}

static void consider(struct round *round, const char *uid)
{
	struct notify *n = round->n;
	struct buf consent = BUF_INIT, mark = BUF_INIT;
	uint64_t left = 0;

	if (strcmp(uid, round->from) == 0 || atomic_load(&n->stopping))
		return;
	if (key_consent(&consent, uid, n->server->config->notify.template_id) == 0 &&
	    key_mark(&mark, round->item->room, uid) == 0 &&
	    history_get_number(n->past, TABLE_CONSENTS, consent.data, consent.len, &left) == 0 && left > 0 &&
	    history_get(n->past, TABLE_MARKS, mark.data, mark.len, NULL) == -ENOENT && !is_here(round, uid))
		tell_one(round, uid, &consent, &mark);
	buf_free(&consent);
	buf_free(&mark);
}

/* Uids of an enrolled room, copied out because the table is not to be held open while WeChat is asked. */
static int gather_uid(const void *key, size_t key_len, const void *value, size_t len, void *arg)
{
	(void)value;
	(void)len;
	if (key_len < UID_LEN)
		return 0;
	return buf_add(arg, (const char *)key + key_len - UID_LEN, UID_LEN);
}

static void consider_enrolled(struct round *round)
{
	struct buf prefix = BUF_INIT, uids = BUF_INIT;
	char uid[UID_LEN + 1] = "";

	if (history_key(&prefix, round->item->room, "") == 0 &&
	    history_each_key(round->n->past, TABLE_ENROLLED, prefix.data, prefix.len, gather_uid, &uids) == 0)
		for (size_t at = 0; at + UID_LEN <= uids.len; at += UID_LEN) {
			memcpy(uid, uids.data + at, UID_LEN);
			consider(round, uid);
		}
	buf_free(&prefix);
	buf_free(&uids);
}

static void consider_pair(struct round *round)
{
	const char *names = round->item->room + strlen("@dm:");
	char uid[UID_LEN + 1] = "";

	if (strlen(names) != 2 * UID_LEN + 1)
		return;
	memcpy(uid, names, UID_LEN);
	consider(round, uid);
	memcpy(uid, names + UID_LEN + 1, UID_LEN);
	consider(round, uid);
}

static void item_free(struct item *item)
{
	free(item->fields);
	free(item);
}

static void run_message(struct mail *mail, void *owner)
{
	struct item *item = (struct item *)mail;
	struct notify *n = owner;
	char from[UID_LEN + 1];
	struct round round = { .n = n, .item = item, .from = from };

	uid_text(&item->uid, from);
	if (history_count(n->server->history, TABLE_CONSENTS) > 0 && !atomic_load(&n->stopping) &&
	    notify_content(&round.nick, &round.content, item->fields, item->len) == 0) {
		if (strncmp(item->room, "@dm:", 4) == 0)
			consider_pair(&round);
		else
			consider_enrolled(&round);
	}
	buf_free(&round.nick);
	buf_free(&round.content);
	item_free(item);
}

static void run_back(struct mail *mail, void *owner)
{
	struct item *item = (struct item *)mail;
	struct notify *n = owner;
	struct buf key = BUF_INIT;
	char uid[UID_LEN + 1];

	uid_text(&item->uid, uid);
	if (!atomic_load(&n->stopping) && key_mark(&key, item->room, uid) == 0 &&
	    history_get(n->past, TABLE_MARKS, key.data, key.len, NULL) == 0)
		(void)change(n, HISTORY_DELETE, TABLE_MARKS, &key, 0);
	buf_free(&key);
	item_free(item);
}

static struct item *item_new(const char *room, const struct uid *uid)
{
	struct item *item = calloc(1, sizeof(*item));

	if (item == NULL)
		return NULL;
	memcpy(item->room, room, strnlen(room, ROOM_NAME_MAX));
	item->uid = *uid;
	return item;
}

void notify_message(struct notify *n, const char *room, const struct uid *from, const char *fields, size_t len,
		    int64_t time_ms)
{
	struct item *item;

	if (!notify_cares(room) || history_count(n->server->history, TABLE_CONSENTS) == 0 ||
	    (item = item_new(room, from)) == NULL)
		return;
	item->mail.run = run_message;
	item->time_ms = time_ms;
	item->len = len;
	if ((item->fields = malloc(len + 1)) == NULL) {
		item_free(item);
		return;
	}
	memcpy(item->fields, fields, len);
	item->fields[len] = '\0';
	if (lane_post(n->lane, &item->mail) < 0)
		item_free(item);
}

void notify_back(struct notify *n, const char *room, const struct uid *uid)
{
	struct item *item;

	if (!notify_cares(room) || history_count(n->server->history, TABLE_MARKS) == 0 ||
	    (item = item_new(room, uid)) == NULL)
		return;
	item->mail.run = run_back;
	if (lane_post(n->lane, &item->mail) < 0)
		item_free(item);
}

struct notify *notify_new(struct server *s, struct wechat_shared *shared)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->server = s;
	n->wechat = wechat_new(shared);
	if (n->wechat == NULL || history_reader_new(s->history, &n->past) < 0)
		goto fail;
	n->lane = lane_new(&(struct lane_options){ .name = "notices", .max = NOTIFY_QUEUE_MAX, .owner = n });
	if (n->lane != NULL)
		return n;
fail:
	notify_free(n);
	return NULL;
}

void notify_stop(struct notify *n)
{
	if (n == NULL)
		return;
	atomic_store(&n->stopping, true);
	lane_stop(n->lane);
}

void notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	lane_free(n->lane);
	if (n->users != NULL)
		store_reader_free(n->users);
	if (n->past != NULL)
		history_reader_free(n->past);
	wechat_free(n->wechat);
	free(n);
}

void notify_stats(const struct notify *n, struct hooks_stats *out)
{
	if (n == NULL)
		return;
	out->notices_sent = atomic_load(&n->sent);
	out->notices_refused = atomic_load(&n->refused);
	out->notices_failed = atomic_load(&n->failed);
	out->notices_waiting = lane_waiting(n->lane);
}
