/* home_asks.c - what rooms are asked for besides joining and looking: messages on their way through the history, recalls,
 * marks and moderation. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "be.h"
#include "config.h"
#include "home_internal.h"
#include "hooks.h"
#include "json.h"
#include "bounds.h"
#include "people.h"
#include "server.h"
#include "webhook.h"
#include "words.h"

/* --- getting here --- */

static void ask_run(struct mail *mail, void *worker)
{
	home_take(worker, (struct ask *)mail);
}

void home_ask(struct worker *from, struct ask *ask)
{
	ask->mail.run = ask_run;
	worker_send(from, worker_home_of(from, ask->room), &ask->mail);
}

void home_ask_from_any(struct server *server, struct ask *ask)
{
	ask->mail.run = ask_run;
	worker_post(&server->workers[worker_home_of(&server->workers[0], ask->room)], &ask->mail);
}

uint32_t home_num(struct worker *w, const struct ask *ask)
{
	struct home *h = home_get(w, ask->room, false);

	return h ? h->presence.users : 0;
}

void home_answer_one(struct worker *w, struct ask *ask, struct post *p)
{
	home_answer(w, ask, ERR_NONE, &p, 1);
}

/* An answer that is no more than its event's name and number. */
static void answer_event(struct worker *w, struct ask *ask, const char *event, uint64_t id)
{
	struct buf words = BUF_INIT;
	int r = words_event(&words, event, ask->room, home_num(w, ask), ask->cid);

	home_answer_one(w, ask, id ? home_words(&words, r, 0, ",\"id\":%llu", (unsigned long long)id)
			      : home_words(&words, r, 0, "%s", ""));
}

/* Tells who wants to know (events=all) what a user did. */
static void tell_wanted(struct home *h, const char *event, const struct uid *uid, uint64_t id, bool but_not_oneself)
{
	struct buf words = BUF_INIT;
	struct member who;
	struct post *p;
	int r = words_event(&words, event, h->name, h->presence.users, NULL);

	home_who(h->worker, uid, &who);
	if (r == 0)
		r = buf_adds(&words, ",\"user\":");
	if (r == 0)
		r = words_user(&words, &who, 0);
	p = id ? home_words(&words, r, h->presence.users, ",\"id\":%llu", (unsigned long long)id)
	       : home_words(&words, r, h->presence.users, "%s", "");
	if (!p)
		return;
	p->is_wanted_only = true;
	p->has_uid = but_not_oneself;
	p->uid = *uid;
	home_tell_all(h, p, NO_WORKER);
	post_unref(p);
}

/* --- to the history --- */

/* Has it done what q says; the answer comes to home_stored.  Takes the ask. */
static void history_ask(struct worker *w, struct ask *ask, struct history_request *q)
{
	struct home *h = home_get(w, ask->room, true);
	int r = -ENOMEM;

	if (q && h) {
		q->context = ask;
		snprintf(q->room, sizeof(q->room), "%s", ask->room);
		uid_text(&ask->uid, q->uid);
		if (q->time_ms == 0)
			q->time_ms = clock_wall_ms();
		r = history_submit(w->server->history, q);
	}
	if (r == 0) {
		h->asks++;
		return;
	}
	if (q) {
		buf_free(&q->key);
		buf_free(&q->value);
		free(q->text);
		free(q);
	}
	home_refuse(w, ask, ERR_STORE, r == -EAGAIN ? "too many messages are waiting to be stored: try again in a moment" : NULL);
	if (h)
		home_free_if_idle(h);
}

static struct history_request *history_new(enum history_verb verb)
{
	struct history_request *q = calloc(1, sizeof(*q));

	if (q)
		q->verb = verb;
	return q;
}

static void message_store(struct worker *w, struct ask *ask)
{
	struct history_request *q = history_new(HISTORY_APPEND);
	int64_t now_ms = clock_wall_ms();
	struct buf tail = BUF_INIT;
	char *text;

	if (!q || buf_addf(&tail, "\"number\":%u,\"time\":%lld}", home_num(w, ask), (long long)now_ms) < 0 ||
	    !(text = realloc(ask->text, ask->text_len + tail.len))) {
		free(q);
		buf_free(&tail);
		home_refuse(w, ask, ERR_STORE, NULL);
		return;
	}
	memcpy(text + ask->text_len, tail.data, tail.len);
	q->time_ms = now_ms;	/* the same that everybody is told */
	q->text = text;
	q->text_len = ask->text_len + tail.len;
	ask->text = NULL;	/* the history's now */
	memcpy(q->cid, ask->cid, sizeof(q->cid));
	buf_free(&tail);
	history_ask(w, ask, q);
}

static void message_take(struct worker *w, struct ask *ask)
{
	if (!ask->is_operator && people_is_muted(w, ask->room, &ask->uid, clock_wall_ms())) {
		home_refuse(w, ask, ERR_MUTED, NULL);
		return;
	}
	if (!ask->is_checked && hooks_check(w->server->hooks, ask))
		return;
	message_store(w, ask);
}

struct checked_mail {
	struct mail mail;
	struct ask *ask;
	enum error verdict;
	char message[WEBHOOK_WHY_SIZE];
};

static void checked_run(struct mail *mail, void *worker)
{
	struct checked_mail *m = (struct checked_mail *)mail;

	m->ask->is_checked = true;
	if (m->verdict != ERR_NONE)
		home_refuse(worker, m->ask, m->verdict, m->message[0] ? m->message : NULL);
	else
		home_take(worker, m->ask);
	free(m);
}

void home_checked(struct server *server, struct ask *ask, enum error verdict, const char *message)
{
	struct checked_mail *m = calloc(1, sizeof(*m));

	if (!m) {
		log_error("no-memory", "what=checked");
		ask->mail.run = request_lost;	/* an operator's asks are not checked */
		worker_post(&server->workers[ask->from.worker], &ask->mail);
		return;
	}
	m->mail.run = checked_run;
	m->ask = ask;
	m->verdict = verdict;
	if (message)
		snprintf(m->message, sizeof(m->message), "%s", message);
	worker_post(&server->workers[worker_home_of(&server->workers[0], ask->room)], &m->mail);
}

/* --- small asks --- */

static void recall_take(struct worker *w, struct ask *ask)
{
	struct history_request *q = history_new(HISTORY_RECALL);

	if (q) {
		q->id = ask->number;
		q->may_any = ask->is_operator || people_is_moderator(w, ask->room, &ask->uid);
	}
	history_ask(w, ask, q);
}

static void read_take(struct worker *w, struct ask *ask)
{
	struct history_request *q = history_new(HISTORY_RAISE);
	struct home *h = home_get(w, ask->room, false);
	char uid[UID_LEN + 1];

	uid_text(&ask->uid, uid);
	if (q) {
		q->table = TABLE_READS;
		q->amount = (int64_t)(h && ask->number > h->last ? h->last : ask->number);
		if (history_key(&q->key, ask->room, uid) < 0) {
			free(q);
			q = NULL;
		}
	}
	history_ask(w, ask, q);
}

static void consent_take(struct worker *w, struct ask *ask)
{
	struct history_request *q;
	char uid[UID_LEN + 1];

	/* Consents to what is never sent would be kept for ever, as many as anybody can name. */
	if (strcmp(ask->words, w->server->config->notify.template_id) != 0) {
		home_refuse(w, ask, ERR_NOT_FOUND, "template: no notices are sent by that one");
		return;
	}
	q = history_new(HISTORY_ADD);
	uid_text(&ask->uid, uid);
	if (q) {
		q->table = TABLE_CONSENTS;
		q->amount = !ask->has_since ? 1 : ask->number > 10 ? 10 : (int64_t)ask->number;
		if (history_key(&q->key, uid, ask->words) < 0) {
			free(q);
			q = NULL;
		}
	}
	history_ask(w, ask, q);
}

static void mute_take(struct worker *w, struct ask *ask)
{
	struct history_request *q = history_new(ask->kind == REQUEST_MUTE ? HISTORY_SET : HISTORY_DELETE);
	uint64_t until = ask->limit ? (uint64_t)clock_wall_ms() + ask->limit * 1000ull : 0;
	uint8_t value[8];
	char uid[UID_LEN + 1];

	be_put(value, until, sizeof(value));
	uid_text(&ask->whom, uid);
	if (q) {
		q->table = TABLE_MUTES;
		if (history_key(&q->key, ask->room, uid) < 0 || buf_add(&q->value, value, sizeof(value)) < 0) {
			buf_free(&q->key);
			free(q);
			q = NULL;
		}
	}
	history_ask(w, ask, q);
}

static void kick_run(struct mail *mail, void *worker)
{
	answer_event(worker, (struct ask *)mail, "kicked", 0);
}

static void kick_done(void *arg, struct worker *w)
{
	struct ask *ask = arg;

	ask->mail.run = kick_run;
	worker_send(w, worker_home_of(w, ask->room), &ask->mail);
}

/* The connection's worker has let the ask pass with a place that was not granted yet, and may never be. */
static bool asker_may(struct worker *w, const struct ask *ask)
{
	const struct presence_user *user;
	struct home *h;

	switch (ask->kind) {
	case REQUEST_MESSAGE:
	case REQUEST_HISTORY:
	case REQUEST_MEMBERS:
	case REQUEST_RECALL:
	case REQUEST_TYPING:
	case REQUEST_READ:
		h = ask->is_operator ? NULL : home_get(w, ask->room, false);
		user = h ? presence_find(&h->presence, &ask->uid) : NULL;
		return ask->is_operator || (user && user->connections);
	default:
		return true;
	}
}

void home_take(struct worker *w, struct ask *ask)
{
	struct home *h;

	if (!asker_may(w, ask)) {
		home_refuse(w, ask, ERR_FORBIDDEN, "this connection is not in that room");
		return;
	}
	switch (ask->kind) {
	case REQUEST_JOIN:
		home_join(w, ask);
		return;
	case REQUEST_CATCH_UP:
		home_catch_up(w, ask);
		return;
	case REQUEST_MESSAGE:
		message_take(w, ask);
		return;
	case REQUEST_HISTORY:
		home_past(w, ask);
		return;
	case REQUEST_MEMBERS:
		home_members(w, ask);
		return;
	case REQUEST_RECALL:
		recall_take(w, ask);
		return;
	case REQUEST_READ:
		read_take(w, ask);
		return;
	case REQUEST_CONSENT:
		consent_take(w, ask);
		return;
	case REQUEST_TYPING:
		if ((h = home_get(w, ask->room, false)))
			tell_wanted(h, "typing", &ask->uid, 0, true);
		answer_event(w, ask, "typing", 0);
		return;
	case REQUEST_LEAVE:
		answer_event(w, ask, "left", 0);
		return;
	case REQUEST_PING:
		answer_event(w, ask, "pong", 0);
		return;
	default:
		break;
	}
	/* What is left is for moderators. */
	if (!ask->is_operator && !people_is_moderator(w, ask->room, &ask->uid)) {
		home_refuse(w, ask, ERR_FORBIDDEN, "this is for moderators");
		return;
	}
	if (ask->kind != REQUEST_KICK)
		mute_take(w, ask);
	else if (people_kick(w->server, ask->room, &ask->whom, kick_done, ask) < 0)
		home_refuse(w, ask, ERR_STORE, NULL);
}

/* --- from the history --- */

static void stored_message(struct worker *w, struct home *h, struct ask *ask, struct history_request *q)
{
	struct history_entry entry = { .id = q->id, .time_ms = q->time_ms, .uid = q->uid, .text = q->text, .len = q->text_len };
	struct post *p = home_message_post(ask->room, &entry);
	struct buf told = BUF_INIT;

	h->last = q->id;
	if (!p) {
		/* It is stored, and nobody can be told: whoever comes back is. */
		log_error("no-memory", "what=message");
		home_refuse(w, ask, ERR_STORE, NULL);
		return;
	}
	p->sender = ask->from;
	p->tag = ask->tag;
	p->num = h->presence.users;
	home_tell_all(h, p, ask->from.worker);
	if (hooks_wants(w->server->hooks, HOOK_MESSAGE))
		hooks_event(w->server->hooks, HOOK_MESSAGE, h->name, &ask->uid, q->id, q->time_ms, q->text, q->text_len);
	if (ask->done) {
		if (buf_adds(&told, "{\"type\":\"remote\",") == 0 && buf_add(&told, p->text, p->len) == 0)
			ask->done(ask, told.data, told.len);
		else
			ask->done(ask, "{}", 2);
		buf_free(&told);
	}
	post_unref(p);
	ask_free(ask);
}

struct found {
	const char *room;
	struct post *post;
	bool is_recalled;
};

static int found_add(const struct history_entry *entry, void *arg)
{
	struct found *found = arg;

	found->post = home_message_post(found->room, entry);
	found->is_recalled = entry->is_recalled;
	return 1;
}

/* What is known of a message that is no longer kept. */
static int words_gone(struct buf *words, struct worker *w, const struct ask *ask, const struct history_request *q)
{
	struct member who;
	int r = buf_addf(words, "{\"type\":\"%s\",\"id\":%llu", ask->is_operator ? "remote" : "user", (unsigned long long)q->id);

	home_who(w, &ask->uid, &who);
	if (r == 0 && (r = words_text(words, "cid", ask->cid)) == 0 && (r = words_text(words, "room", ask->room)) == 0 &&
	    (r = words_text(words, "uid", who.uid)) == 0 && (r = words_text(words, "nickName", who.nick)) == 0 &&
	    (r = words_text(words, "avatarUrl", who.avatar)) == 0)
		r = buf_addf(words, ",\"number\":%u,\"time\":%llu}", home_num(w, ask), (unsigned long long)q->number);
	return r;
}

/* The same cid again: who sent it gets its copy once more, nobody else hears of it. */
static void stored_duplicate(struct worker *w, struct ask *ask, const struct history_request *q)
{
	struct found found = { .room = ask->room };
	struct buf words = BUF_INIT;
	struct post *p;
	int r = 0;

	history_each(w->past, ask->room, q->id, q->id, found_add, &found);
	p = found.post;
	if (p) {
		r = buf_adds(&words, ask->is_operator ? "{\"type\":\"remote\"," : "{\"type\":\"user\",");
		if (r == 0)
			r = buf_add(&words, p->text, p->len);
		if (r == 0 && found.is_recalled) {	/* its cid went with its text, and the client waits for it */
			words.len--;
			if ((r = words_text(&words, "cid", ask->cid)) == 0)
				r = buf_adds(&words, "}");
		}
	} else {	/* no longer kept, which is no reason to store it again */
		r = words_gone(&words, w, ask, q);
	}
	post_unref(p);
	home_answer_one(w, ask, words_post(&words, r, 0));
}

static void stored_error(struct worker *w, struct ask *ask, const struct history_request *q)
{
	switch (q->error) {
	case -ENOENT:
		home_refuse(w, ask, ERR_NOT_FOUND, NULL);
		break;
	case -EPERM:
		home_refuse(w, ask, ERR_FORBIDDEN, "that message is another's");
		break;
	case -ETIME:
		home_refuse(w, ask, ERR_FORBIDDEN, "messages can be recalled within two minutes");
		break;
	case -EMSGSIZE:
		home_refuse(w, ask, ERR_TOO_LARGE, NULL);
		break;
	default:
		home_refuse(w, ask, ERR_STORE, NULL);
		break;
	}
}

static void stored_recall(struct worker *w, struct home *h, struct ask *ask, const struct history_request *q)
{
	tell_wanted(h, "recall", &ask->uid, q->id, false);
	answer_event(w, ask, "recalled", q->id);
}

static void stored_one(struct worker *w, struct ask *ask, struct history_request *q)
{
	struct home *h = home_get(w, ask->room, false);

	if (h && h->asks)
		h->asks--;
	if (q->error < 0)
		stored_error(w, ask, q);
	else if (q->verb == HISTORY_APPEND && q->is_duplicate)
		stored_duplicate(w, ask, q);
	else if (q->verb == HISTORY_APPEND && h)
		stored_message(w, h, ask, q);
	else if (q->verb == HISTORY_RECALL && h)
		stored_recall(w, h, ask, q);
	else if (ask->kind == REQUEST_READ && h) {
		tell_wanted(h, "read", &ask->uid, q->number, true);
		answer_event(w, ask, "read", q->number);
	} else if (ask->kind == REQUEST_MUTE || ask->kind == REQUEST_UNMUTE) {
		if (h)
			tell_wanted(h, ask->kind == REQUEST_MUTE ? "muted" : "unmuted", &ask->whom, 0, false);
		answer_event(w, ask, ask->kind == REQUEST_MUTE ? "muted" : "unmuted", 0);
	} else {
		answer_event(w, ask, ask->kind == REQUEST_CONSENT ? "consent" : "done", q->number);
	}
	if (h)
		home_free_if_idle(h);
}

void home_stored(struct worker *w, struct history_batch *batch)
{
	struct history_request *q;

	while ((q = STAILQ_FIRST(batch))) {
		struct ask *ask = q->context;

		STAILQ_REMOVE_HEAD(batch, link);
		if (ask)
			stored_one(w, ask, q);
		buf_free(&q->key);
		buf_free(&q->value);
		free(q->text);
		free(q);
	}
}
