/* message.c - what is said: the client's fields with those that only the server says, on their way to the room's home;
 * and binary data. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "conn.h"
#include "error.h"
#include "fields.h"
#include "home.h"
#include "json.h"
#include "people.h"
#include "relay.h"
#include "request_internal.h"
#include "room.h"
#include "server.h"
#include "utf8.h"
#include "words.h"
#include "worker.h"

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
	p->uid = c->uid;
	home_tell(c->worker, r->name, p);
	post_unref(p);
}

/* The client's own members as they are written, each with a comma behind it. */
static int message_members(struct buf *out, const struct request_head *head)
{
	size_t i;
	int r = 0;

	for (i = 0; i < head->members.count && r == 0; i++)
		if (!member_is_among(&head->members.list[i], fields_reserved))
			r = member_add(out, &head->members.list[i]);
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
		request_refuse(c, ERR_STORE, request_no_memory, cid, tag);
		return;
	}
	ask_address(ask, r->name, cid);
	ask->words = words;
	ask->text = text->data;		/* taken */
	ask->text_len = text->len;
	request_profile(c, r, who);
	request_send(c, ask, tag);
}

/* Its `content`, for the content check alone; owned by the caller. */
static char *message_words(struct conn *c, const struct request_head *head)
{
	const struct jsontext_member *content;
	struct json_object *tree;
	struct buf text = BUF_INIT;
	char *copy = NULL;

	if (!c->worker->server->hooks)
		return NULL;
	content = members_find(&head->members, "content");
	if (!content || buf_adds(&text, "{\"content\":") < 0 || buf_add(&text, content->value, content->value_len) < 0 ||
	    buf_adds(&text, "}") < 0) {
		buf_free(&text);
		return NULL;
	}
	tree = json_parse(text.data, text.len);
	if (tree)
		copy = json_words(tree, "content");
	json_object_put(tree);
	buf_free(&text);
	return copy;
}

void message_take(struct conn *c, const struct request_head *head, const struct member *who, uint32_t tag)
{
	struct room *r = request_place(c, head->has_room ? head->room : NULL, head->cid, tag);
	struct buf out = BUF_INIT;

	if (!r)
		return;
	if (message_members(&out, head) < 0) {
		buf_free(&out);
		request_refuse(c, ERR_STORE, request_no_memory, head->cid, tag);
		return;
	}
	message_send(c, r, who, &out, head->cid, message_words(c, head), tag);
}

void request_text(struct conn *c, const char *word, size_t len, uint32_t tag)
{
	struct buf out = BUF_INIT;
	struct member who;
	struct room *r;

	if (!request_session(c, &who, NULL, tag) || !request_rate(c, NULL, tag) ||
	    !(r = request_place(c, NULL, NULL, tag)))
		return;
	if (buf_adds(&out, "\"text\":true,\"content\":") < 0 || json_quote(&out, word, len) < 0 ||
	    buf_adds(&out, ",") < 0) {
		buf_free(&out);
		request_refuse(c, ERR_STORE, request_no_memory, NULL, tag);
		return;
	}
	message_send(c, r, &who, &out, "", c->worker->server->hooks ? utf8_words(word, len) : NULL, tag);
}

/* --- binary data --- */

static void relay_resume(void *worker, struct conn_ref sender)
{
	struct conn *c = worker_conn(worker, sender);

	if (c)
		conn_resume(c, PAUSE_RELAY);
}

static size_t relay_high(const struct conn *c)
{
	size_t share = (size_t)c->worker->server->config->push.queue_kb * 1024 / RELAY_SHARES;

	return share < RELAY_HIGH_BYTES ? share : RELAY_HIGH_BYTES;
}

void request_binary(struct conn *c, const char *data, size_t len)
{
	struct member who;
	struct room *r;
	struct post *p;

	if (!request_session(c, &who, NULL, 0) || !(r = request_place(c, NULL, NULL, 0)))
		return;
	if (people_is_muted(c->worker, r->name, &c->uid, clock_wall_ms())) {
		request_refuse(c, ERR_MUTED, NULL, NULL, 0);
		return;
	}
	if (!c->relay)
		c->relay = relay_new(&c->worker->mailbox, conn_name(c), relay_high(c), relay_resume);
	p = c->relay ? post_new(POST_BINARY, data, len) : NULL;
	if (!p) {
		conn_close(c, CLOSE_INTERNAL);	/* a stream with a hole in it is worse than none */
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
