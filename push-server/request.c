/* request.c - clients' wishes: judged here as far as this worker can (session, rate, form), then asked of the room's
 * home; and what the home answers. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "conn.h"
#include "home.h"
#include "json.h"
#include "bounds.h"
#include "people.h"
#include "relay.h"
#include "room.h"
#include "server.h"
#include "words.h"
#include "worker.h"

struct ask *ask_new(enum request_kind kind)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask) {
		ask->kind = kind;
		ask->from.worker = NO_WORKER;
	}
	return ask;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	free(ask->text);
	free(ask->words);
	free(ask);
}

static const struct config *request_config(const struct conn *c)
{
	return c->worker->server->config;
}

void request_refuse(struct conn *c, enum error e, const char *message, const char *cid, uint32_t tag)
{
	const struct room *r = c->place.room;
	struct buf words = BUF_INIT;
	struct post *p;

	p = words_post(&words, words_refused(&words, e, message, r ? r->name : NULL, r ? r->num : 0, cid), 0);
	if (p)
		conn_answer(c, p, tag, false);
	post_unref(p);
	metric_add(e == ERR_RATE_LIMITED ? &c->worker->metrics.refused_rate
		   : e == ERR_BAD_REQUEST ? &c->worker->metrics.refused_bad : &c->worker->metrics.refused_other, 1);
}

/* --- who may ask, and how often --- */

/* Counts an offence; true when it was one too many within a minute. */
static bool strike(struct conn *c, uint8_t *strikes, unsigned most)
{
	uint32_t now = worker_now();

	if (now - c->strike_ms > 60000) {
		c->strike_ms = now;
		c->rate_strikes = c->bad_strikes = 0;
	}
	return ++*strikes > most;
}

static void request_bad(struct conn *c, const char *message, const char *cid, uint32_t tag)
{
	request_refuse(c, ERR_BAD_REQUEST, message, cid, tag);
	if (strike(c, &c->bad_strikes, BAD_REQUESTS_MAX))
		conn_close(c, CLOSE_RATE);
}

/* One message more: within the rate?  Two seconds' worth may come at once. */
static bool rate_take(struct conn *c)
{
	int64_t per_minute = request_config(c)->push.rate, now_us, step_us, burst_us;

	if (per_minute == 0)
		return true;
	now_us = clock_mono_us();
	step_us = 60000000 / per_minute;
	burst_us = step_us > 2000000 ? step_us : 2000000;
	if (c->rate_due_us < now_us)
		c->rate_due_us = now_us;
	if (c->rate_due_us + step_us - now_us > burst_us)
		return false;
	c->rate_due_us += step_us;
	return true;
}

/* The session as it is now, in *who.  False: it has ended, and the connection with it (or the store is out of order, and
 * that has been said). */
static bool request_session(struct conn *c, struct member *who, const char *cid, uint32_t tag)
{
	struct worker *w = c->worker;
	int64_t now_ms = clock_wall_ms();
	char address[46];
	int r;

	metric_add(&w->metrics.session_checks, 1);
	r = store_authorise(w->sessions, c->session, NULL, now_ms, who);
	if (r == -ENOENT || r == -ESTALE) {
		conn_dismiss(c, ERR_INVALID_SESSION);
		return false;
	}
	if (r < 0) {
		request_refuse(c, ERR_STORE, NULL, cid, tag);
		return false;
	}
	c->expires_s = (uint32_t)(who->expires_ms / 1000);
	if (history_count(w->server->history, TABLE_BANS)) {
		conn_address_text(c, address);
		if (people_is_banned(w, &c->uid, address, now_ms)) {
			conn_dismiss(c, ERR_BANNED);
			return false;
		}
	}
	return true;
}

/* --- asking --- */

static void request_send(struct conn *c, struct ask *ask, uint32_t tag)
{
	ask->from = conn_name(c);
	ask->tag = tag;
	ask->uid = c->uid;
	if (++c->pending >= PENDING_MAX)
		conn_pause(c, PAUSE_PENDING);
	home_ask(c->worker, ask);
}

static void request_ended(struct conn *c)
{
	if (c->pending)
		c->pending--;
	if (c->pending <= PENDING_MAX / 2)
		conn_resume(c, PAUSE_PENDING);
}

/* The room that the request names, or the connection's first.  NULL: it is in none such, which has been said. */
static struct room *request_place(struct conn *c, const char *name, size_t len, const char *cid, uint32_t tag)
{
	struct room *r;

	if (!name) {
		if (!c->place.room)
			request_bad(c, "this connection is in no room: join one", cid, tag);
		return c->place.room;
	}
	if (!home_name_valid(name, len)) {
		request_bad(c, "room: 1 to 64 bytes of UTF-8 without control characters", cid, tag);
		return NULL;
	}
	r = room_find(c->worker, name);
	if (!r || !room_place(r, c)) {
		request_refuse(c, ERR_FORBIDDEN, "this connection is not in that room: join it first", cid, tag);
		return NULL;
	}
	return r;
}

static void ask_room(struct ask *ask, const char *room, const char *cid)
{
	snprintf(ask->room, sizeof(ask->room), "%s", room);
	snprintf(ask->cid, sizeof(ask->cid), "%s", cid);
}

/* The user's name or picture has changed since this connection last spoke: who wants to know is told. */
static void request_profile(struct conn *c, const struct room *r, const struct member *who)
{
	struct buf words = BUF_INIT;
	struct post *p;
	int n;

	if (c->revision == who->revision)
		return;
	c->revision = who->revision;
	n = words_event(&words, "profile", r->name, r->num, NULL);
	if (n == 0)
		n = buf_adds(&words, ",\"user\":");
	if (n == 0)
		n = words_user(&words, who, 0);
	if (n == 0)
		n = buf_adds(&words, "}");
	p = words_post(&words, n, 0);
	if (!p)
		return;
	p->is_wanted_only = true;
	home_tell(c->worker, r->name, p);
	post_unref(p);
}

/* --- messages --- */

/* What only the server says.  `error` and the SDKs' key would make clients drop their session. */
static bool name_is_reserved(const char *name, size_t len)
{
	static const char *const reserved[] = { "type", "id", "room", "number", "time", "uid", "nickName", "avatarUrl",
						"error", "recalled", WAFER_MAGIC };
	size_t i;

	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strlen(reserved[i]) == len && memcmp(reserved[i], name, len) == 0)
			return true;
	return false;
}

/* The client's own members, each with a comma behind it. */
static int message_members(struct buf *out, const struct jsontext_member *members, size_t count)
{
	size_t i;
	int r = 0;

	for (i = 0; i < count && r == 0; i++) {
		if (name_is_reserved(members[i].name, members[i].name_len))
			continue;
		if ((r = buf_adds(out, "\"")) == 0 && (r = buf_add(out, members[i].name, members[i].name_len)) == 0 &&
		    (r = buf_adds(out, "\":")) == 0 && (r = buf_add(out, members[i].value, members[i].value_len)) == 0)
			r = buf_adds(out, ",");
	}
	return r;
}

/* The server's members that this worker knows: the home adds number and time. */
static int message_sender(struct buf *out, const char *room, const struct member *who)
{
	int r;

	if ((r = buf_adds(out, "\"room\":")) == 0 && (r = json_quote(out, room, strlen(room))) == 0 &&
	    (r = buf_addf(out, ",\"uid\":\"%s\"", who->uid)) == 0 && (r = words_text(out, "nickName", who->nick)) == 0 &&
	    (r = words_text(out, "avatarUrl", who->avatar)) == 0)
		r = buf_adds(out, ",");
	return r;
}

static void message_send(struct conn *c, struct room *r, const struct member *who, struct buf *text, const char *cid,
			 char *words, uint32_t tag)
{
	struct ask *ask = ask_new(REQUEST_MESSAGE);

	if (!ask || message_sender(text, r->name, who) < 0) {
		ask_free(ask);
		free(words);
		buf_free(text);
		request_refuse(c, ERR_STORE, "the server is short of memory", cid, tag);
		return;
	}
	ask_room(ask, r->name, cid);
	ask->words = words;
	ask->text = text->data;		/* taken */
	ask->text_len = text->len;
	request_profile(c, r, who);
	request_send(c, ask, tag);
}

/* What the head of any object says: its cid and room.  False when it has been refused. */
struct request_head {
	char cid[CID_MAX + 1];
	char room[ROOM_NAME_MAX + 1];
	bool has_room;
	const char *op;			/* borrowed from the tree */
	struct json_object *tree;	/* when one was needed */
};

/* A plain string's bytes, without its quotes; false when it is another kind of value or has escapes. */
static bool plain_text(const struct jsontext_member *m, char *out, size_t size)
{
	size_t len = m->value_len;

	if (len < 2 || m->value[0] != '"' || len - 2 >= size || memchr(m->value, '\\', len))
		return false;
	memcpy(out, m->value + 1, len - 2);
	out[len - 2] = '\0';
	return true;
}

/* Reads the head off the members; false when only a tree can tell. */
static bool head_quick(const struct jsontext_member *members, size_t count, struct request_head *head)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct jsontext_member *m = &members[i];

		if (m->has_escape)
			return false;
		if (m->name_len == 2 && memcmp(m->name, "op", 2) == 0)
			return false;
		if (m->name_len == 3 && memcmp(m->name, "cid", 3) == 0 &&
		    !plain_text(m, head->cid, sizeof(head->cid)))
			return false;
		if (m->name_len == 4 && memcmp(m->name, "room", 4) == 0) {
			if (!plain_text(m, head->room, sizeof(head->room)))
				return false;
			head->has_room = true;
		}
	}
	return true;
}

/* A string member of the tree into out.  1, 0 when absent, -EINVAL when it is no string or too long. */
static int tree_text(struct json_object *tree, const char *name, char *out, size_t size)
{
	struct json_object *member;
	const char *text;
	size_t len;

	if (!json_object_object_get_ex(tree, name, &member))
		return 0;
	text = json_text(tree, name, &len);
	if (!text || len >= size)
		return -EINVAL;
	memcpy(out, text, len + 1);
	return 1;
}

/* The same off a tree; the refusal's words or NULL. */
static const char *head_slow(struct request_head *head)
{
	struct json_object *op;
	size_t len;
	int r;

	if (tree_text(head->tree, "cid", head->cid, sizeof(head->cid)) < 0) {
		head->cid[0] = '\0';
		return "cid: a string of at most 64 bytes";
	}
	r = tree_text(head->tree, "room", head->room, sizeof(head->room));
	if (r < 0)
		return "room: 1 to 64 bytes of UTF-8 without control characters";
	head->has_room = r > 0;
	if (json_object_object_get_ex(head->tree, "op", &op) && !(head->op = json_text(head->tree, "op", &len)))
		return "op: the name of an operation";
	return NULL;
}

static char *message_words(struct conn *c, const char *text, size_t len)
{
	struct json_object *tree;
	const char *content;
	char *words = NULL;
	size_t n;

	if (!c->worker->server->hooks || !(tree = json_parse(text, len)))
		return NULL;
	content = json_text(tree, "content", &n);
	if (content)
		words = strdup(content);
	json_object_put(tree);
	return words;
}

static int message_from_tree(struct buf *out, struct json_object *tree)
{
	int r = 0;

	json_object_object_foreach(tree, name, value) {
		if (r < 0 || name_is_reserved(name, strlen(name)))
			continue;
		if ((r = json_quote(out, name, strlen(name))) == 0)
			r = buf_addf(out, ":%s,", json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	return r;
}

static void request_message(struct conn *c, const char *text, size_t len, const struct jsontext_member *members,
			    size_t count, const struct request_head *head, const struct member *who, uint32_t tag)
{
	struct room *r = request_place(c, head->has_room ? head->room : NULL, strlen(head->room), head->cid, tag);
	struct buf out = BUF_INIT;
	int n;

	if (!r)
		return;
	n = head->tree ? message_from_tree(&out, head->tree) : message_members(&out, members, count);
	if (n < 0) {
		buf_free(&out);
		request_refuse(c, ERR_STORE, "the server is short of memory", head->cid, tag);
		return;
	}
	message_send(c, r, who, &out, head->cid, message_words(c, text, len), tag);
}

void request_text(struct conn *c, const char *word, size_t len, uint32_t tag)
{
	struct room *r = c->place.room;
	struct buf out = BUF_INIT;
	struct member who;

	if (!request_session(c, &who, NULL, tag))
		return;
	if (!rate_take(c)) {
		request_refuse(c, ERR_RATE_LIMITED, NULL, NULL, tag);
		if (strike(c, &c->rate_strikes, RATE_STRIKES_MAX))
			conn_close(c, CLOSE_RATE);
		return;
	}
	if (!r || buf_adds(&out, "\"text\":true,\"content\":") < 0 || json_quote(&out, word, len) < 0 ||
	    buf_adds(&out, ",") < 0) {
		buf_free(&out);
		return;
	}
	message_send(c, r, &who, &out, "", c->worker->server->hooks ? strndup(word, len) : NULL, tag);
}

/* --- operations --- */

static const struct operation {
	const char *name;
	enum request_kind kind;
	const char *number;	/* the member that ask->number comes from */
	bool needs_number;
} operations[] = {
	{ "join", REQUEST_JOIN, "since", false },
	{ "leave", REQUEST_LEAVE, NULL, false },
	{ "history", REQUEST_HISTORY, "before", false },
	{ "members", REQUEST_MEMBERS, NULL, false },
	{ "recall", REQUEST_RECALL, "id", true },
	{ "typing", REQUEST_TYPING, NULL, false },
	{ "read", REQUEST_READ, "id", true },
	{ "ping", REQUEST_PING, NULL, false },
	{ "consent", REQUEST_CONSENT, "count", false },
	{ "mute", REQUEST_MUTE, NULL, false },
	{ "unmute", REQUEST_UNMUTE, NULL, false },
	{ "kick", REQUEST_KICK, NULL, false },
};

static void request_ping(struct conn *c, const char *cid, uint32_t tag)
{
	const struct room *r = c->place.room;
	struct buf words = BUF_INIT;
	struct post *p;
	int n = words_event(&words, "pong", r ? r->name : NULL, r ? r->num : 0, cid);

	if (n == 0)
		n = buf_addf(&words, ",\"time\":%lld}", (long long)clock_wall_ms());
	p = words_post(&words, n, 0);
	if (p)
		conn_answer(c, p, tag, false);
	post_unref(p);
}

/* Gives the connection a place in the room, if it may have one more.  NULL when that has been refused. */
static struct room *place_open(struct conn *c, const char *name, const char *cid, uint32_t tag)
{
	struct place *more;
	struct room *r;

	if (c->place.room && c->more_count + 1 >= request_config(c)->push.max_rooms) {
		request_refuse(c, ERR_TOO_LARGE, "this connection is in as many rooms as it may be", cid, tag);
		return NULL;
	}
	if (!(r = room_get(c->worker, name)))
		goto short_of_memory;
	if (!c->place.room) {
		c->place = (struct place){ r, PLACE_JOINING };
	} else {
		more = realloc(c->more, (c->more_count + 1u) * sizeof(*more));
		if (!more)
			goto short_of_memory;
		c->more = more;
		c->more[c->more_count++] = (struct place){ r, PLACE_JOINING };
	}
	r->joining++;
	return r;
short_of_memory:
	request_refuse(c, ERR_STORE, "the server is short of memory", cid, tag);
	return NULL;
}

static void join_send(struct conn *c, struct ask *ask, uint32_t tag)
{
	struct room *r = room_find(c->worker, ask->room);

	ask->is_again = r && room_place(r, c);
	if (!ask->is_again && !place_open(c, ask->room, ask->cid, tag)) {
		ask_free(ask);
		return;
	}
	request_send(c, ask, tag);
}

void request_join(struct conn *c, const char *room, const char *since, const char *epoch)
{
	struct ask *ask;
	char *end;

	if (!home_name_valid(room, strlen(room))) {
		request_bad(c, "room: 1 to 64 bytes of UTF-8 without control characters", NULL, 0);
		return;
	}
	if (!(ask = ask_new(REQUEST_JOIN))) {
		conn_end(c);
		return;
	}
	ask_room(ask, room, "");
	if (since) {
		ask->number = strtoull(since, &end, 10);
		ask->has_since = *since >= '0' && *since <= '9' && *end == '\0';
		if (!ask->has_since)
			request_bad(c, "since: the id of the last message that you have", NULL, 0);
	}
	if (epoch)
		snprintf(ask->epoch, sizeof(ask->epoch), "%s", strlen(epoch) <= EPOCH_LEN ? epoch : "?");
	join_send(c, ask, 0);
}

void request_room(struct conn *c, const char *room, uint32_t tag)
{
	struct ask *ask;

	if (!home_name_valid(room, strlen(room))) {
		request_bad(c, "room: 1 to 64 bytes of UTF-8 without control characters", NULL, tag);
		return;
	}
	if ((ask = ask_new(REQUEST_JOIN))) {
		ask_room(ask, room, "");
		join_send(c, ask, tag);
	}
}

/* Fills the members that only some operations have; the refusal's words or NULL. */
static const char *operation_read(struct ask *ask, const struct operation *op, struct json_object *tree)
{
	char whom[UID_LEN + 2], epoch[64], template[CID_MAX + 1];
	struct json_object *member;
	int64_t number;
	int r;

	if (op->number && json_object_object_get_ex(tree, op->number, &member)) {
		if (!json_int(tree, op->number, &number) || number < 0)
			return "since, before, id and count are whole numbers, 0 or more";
		ask->number = (uint64_t)number;
		ask->has_since = true;
	} else if (op->needs_number) {
		return "id: the message's number";
	}
	if (json_object_object_get_ex(tree, "limit", &member)) {
		if (!json_int(tree, "limit", &number) || number < 1)
			return "limit: a whole number, 1 or more";
		ask->limit = number > HISTORY_LIMIT_MAX ? HISTORY_LIMIT_MAX : (uint32_t)number;
	}
	if (json_int(tree, "seconds", &number) && number >= 0 && number <= INT32_MAX)
		ask->limit = (uint32_t)number;
	r = tree_text(tree, "epoch", epoch, sizeof(epoch));
	if (r != 0)
		snprintf(ask->epoch, sizeof(ask->epoch), "%.16s", r < 0 || strlen(epoch) > EPOCH_LEN ? "?" : epoch);
	if (op->kind == REQUEST_MUTE || op->kind == REQUEST_UNMUTE || op->kind == REQUEST_KICK) {
		if (tree_text(tree, "uid", whom, sizeof(whom)) <= 0 || !uid_parse(whom, strlen(whom), &ask->whom))
			return "uid: whom it is about";
	}
	if (op->kind == REQUEST_CONSENT) {
		if (tree_text(tree, "template", template, sizeof(template)) <= 0 || !(ask->words = strdup(template)))
			return "template: the template's id, at most 64 bytes";
	}
	return NULL;
}

static void request_operation(struct conn *c, const struct request_head *head, uint32_t tag)
{
	const struct operation *op = NULL;
	const char *wrong;
	struct room *r;
	struct ask *ask;
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].name, head->op) == 0)
			op = &operations[i];
	if (!op) {
		request_bad(c, "op: join, leave, history, members, recall, typing, read, ping, consent, mute, unmute or kick",
			    head->cid, tag);
		return;
	}
	if (op->kind == REQUEST_PING) {
		request_ping(c, head->cid, tag);
		return;
	}
	ask = ask_new(op->kind);
	if (!ask) {
		request_refuse(c, ERR_STORE, "the server is short of memory", head->cid, tag);
		return;
	}
	if ((wrong = operation_read(ask, op, head->tree))) {
		ask_free(ask);
		request_bad(c, wrong, head->cid, tag);
		return;
	}
	if (op->kind == REQUEST_JOIN) {
		if (!home_name_valid(head->room, strlen(head->room))) {
			ask_free(ask);
			request_bad(c, "room: 1 to 64 bytes of UTF-8 without control characters", head->cid, tag);
			return;
		}
		ask_room(ask, head->room, head->cid);
		join_send(c, ask, tag);
		return;
	}
	r = request_place(c, head->has_room ? head->room : NULL, strlen(head->room), head->cid, tag);
	if (!r) {
		ask_free(ask);
		return;
	}
	ask_room(ask, r->name, head->cid);
	request_send(c, ask, tag);
	if (op->kind == REQUEST_LEAVE) {	/* behind the ask, so that the answer still finds its number */
		char name[ROOM_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%s", r->name);
		room_leave(r, c);
		home_tell_leave(c->worker, name, &c->uid, true);
	}
}

void request_take(struct conn *c, const char *text, size_t len, uint32_t tag)
{
	struct jsontext_member members[MEMBERS_MAX];
	struct request_head head = { .cid = "" };
	const char *wrong = NULL;
	struct member who;
	int count;

	count = jsontext_object(text, len, members, MEMBERS_MAX);
	if (count >= 0 && (count > MEMBERS_MAX || !head_quick(members, (size_t)count, &head))) {
		head.cid[0] = '\0';
		head.has_room = false;
		head.tree = json_parse(text, len);
		wrong = head.tree ? head_slow(&head) : "the server is short of memory";
	}
	if (!request_session(c, &who, head.cid, tag)) {
		/* said already */
	} else if (!(head.op && strcmp(head.op, "ping") == 0) && !rate_take(c)) {
		request_refuse(c, ERR_RATE_LIMITED, NULL, head.cid, tag);
		if (strike(c, &c->rate_strikes, RATE_STRIKES_MAX))
			conn_close(c, CLOSE_RATE);
	} else if (count < 0) {
		request_bad(c, "one JSON object a message", NULL, tag);
	} else if (wrong) {
		request_bad(c, wrong, head.cid, tag);
	} else if (head.op) {
		request_operation(c, &head, tag);
	} else {
		request_message(c, text, len, members, (size_t)count, &head, &who, tag);
	}
	json_object_put(head.tree);
}

/* --- binary data --- */

static void relay_resume(void *worker, struct conn_ref sender)
{
	struct conn *c = worker_conn(worker, sender);

	if (c)
		conn_resume(c, PAUSE_RELAY);
}

void request_binary(struct conn *c, const char *data, size_t len)
{
	struct room *r = c->place.room;
	struct member who;
	struct post *p;

	if (!r || !request_session(c, &who, NULL, 0))
		return;
	if (!c->relay)
		c->relay = relay_new(&c->worker->mailbox, conn_name(c), relay_resume);
	p = c->relay ? post_new(POST_BINARY, data, len) : NULL;
	if (!p) {
		conn_end(c);	/* a stream with a hole in it is worse than none */
		return;
	}
	p->has_uid = true;
	p->uid = c->uid;
	p->sender = conn_name(c);
	p->relay = c->relay;
	if (relay_add(c->relay, len))
		conn_pause(c, PAUSE_RELAY);
	home_tell(c->worker, r->name, p);
	post_unref(p);
}

/* --- what comes back --- */

void request_told(struct worker *w, const struct post *p)
{
	struct conn *c;

	if (p->kind != POST_MESSAGE || p->sender.worker != w->index || !(c = worker_conn(w, p->sender)))
		return;
	conn_answer(c, p, p->tag, true);
	request_ended(c);
}

static void reply_tell(struct conn *c, const struct reply *reply)
{
	uint32_t i;

	if (reply->count)
		conn_answer(c, reply->posts[0], reply->tag, false);
	for (i = 1; i < reply->count; i++)
		conn_tell(c, reply->posts[i]);
}

static void reply_join(struct conn *c, const struct reply *reply)
{
	struct room *r = room_find(c->worker, reply->room);
	struct place *place = r ? room_place(r, c) : NULL;

	if (!place)
		return;		/* it has left meanwhile */
	if (reply->error != ERR_NONE) {
		if (place->index == PLACE_JOINING)
			room_leave(r, c);
		reply_tell(c, reply);
		return;
	}
	room_flush(r);		/* what was said before the welcome goes before it */
	if (reply->posts[0]->num)
		r->num = reply->posts[0]->num;
	if (place->index == PLACE_JOINING && room_join(r, c) < 0) {
		conn_end(c);
		return;
	}
	reply_tell(c, reply);
}

void request_replied(struct mail *mail, void *worker)
{
	struct reply *reply = (struct reply *)mail;
	struct conn *c = worker_conn(worker, reply->to);
	uint32_t i;

	if (c && c->state == CONN_OPEN) {
		if (reply->kind == REQUEST_JOIN)
			reply_join(c, reply);
		else
			reply_tell(c, reply);
		request_ended(c);
	}
	for (i = 0; i < reply->count; i++)
		post_unref(reply->posts[i]);
	free(reply);
}
