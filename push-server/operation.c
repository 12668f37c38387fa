/* operation.c - what clients ask for: each is given to the room's home, which answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "clock.h"
#include "config.h"
#include "conn.h"
#include "home.h"
#include "json.h"
#include "request_internal.h"
#include "room.h"
#include "server.h"
#include "words.h"
#include "worker.h"

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

static void operation_ping(struct conn *c, const char *cid, uint32_t tag)
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

	if (c->state != CONN_OPEN)
		return NULL;	/* it ended for want of memory in the midst of this, and has left its rooms */
	if (c->place.room && c->more_count + 1 >= c->worker->server->config->push.max_rooms) {
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
	if (r) {
		room_hold(r);
		room_release(r);	/* which frees it if it was made for this */
	}
	request_refuse(c, ERR_STORE, request_no_memory, cid, tag);
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
		request_bad(c, request_room_rule, NULL, 0);
		return;
	}
	if (!(ask = ask_new(REQUEST_JOIN))) {
		conn_end(c);
		return;
	}
	ask_address(ask, room, "");
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

/* Fills the members that only some operations have; the refusal's words or NULL. */
static const char *operation_read(struct ask *ask, const struct operation *op, struct json_object *tree)
{
	char whom[UID_LEN + 2], epoch[64], template[CID_MAX + 1];
	struct json_object *member;
	int64_t number;
	int r;

	if (op->number && json_object_object_get_ex(tree, op->number, &member) && member) {
		if (!json_int(tree, op->number, &number) || number < 0)
			return "since, before, id and count are whole numbers, 0 or more";
		ask->number = (uint64_t)number;
		ask->has_since = true;
	} else if (op->needs_number) {
		return "id: the message's number";
	}
	if (op->kind == REQUEST_HISTORY && json_object_object_get_ex(tree, "limit", &member) && member) {
		if (!json_int(tree, "limit", &number) || number < 1)
			return "limit: a whole number, 1 or more";
		ask->limit = number > HISTORY_LIMIT_MAX ? HISTORY_LIMIT_MAX : (uint32_t)number;
	}
	if (op->kind == REQUEST_MUTE && json_object_object_get_ex(tree, "seconds", &member)) {	/* null would be for ever */
		if (!json_int(tree, "seconds", &number) || number < 0 || number > INT32_MAX)
			return "seconds: a whole number, 0 for ever";
		ask->limit = (uint32_t)number;
	}
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

void operation_take(struct conn *c, const struct request_head *head, uint32_t tag)
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
		operation_ping(c, head->cid, tag);
		return;
	}
	ask = ask_new(op->kind);
	if (!ask) {
		request_refuse(c, ERR_STORE, request_no_memory, head->cid, tag);
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
			request_bad(c, request_room_rule, head->cid, tag);
			return;
		}
		ask_address(ask, head->room, head->cid);
		join_send(c, ask, tag);
		return;
	}
	r = request_place(c, head->has_room ? head->room : NULL, head->cid, tag);
	if (!r) {
		ask_free(ask);
		return;
	}
	ask_address(ask, r->name, head->cid);
	if (op->kind == REQUEST_LEAVE)	/* first, so that the answer's number is that of those who stay */
		home_leave(c, r, true);
	request_send(c, ask, tag);
}
