/* admin_publish.c - the API's calls that say something: in one room, or in all that have members. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_api.h"
#include "admin_gather.h"
#include "config.h"
#include "fields.h"
#include "home.h"
#include "operate.h"
#include "request.h"
#include "server.h"

/* The message's own fields, as `"a":1,"b":2,`; those that the server gives are left out.  Ends the call if not good. */
static bool message_fields(struct call *call, struct buf *fields)
{
	struct json_object *message = json_member(call->body, "message");
	struct buf object = BUF_INIT;
	const char *text;
	size_t n = 0;
	int r;

	if (message == NULL && (text = json_text(call->body, "text", &n)) != NULL) {
		r = buf_adds(fields, "\"text\":true,\"content\":");
		if (r < 0 || (r = json_quote(fields, text, n)) < 0 || (r = buf_add(fields, ",", 1)) < 0)
			call_fail(call, ERR_STORE, strerror(-r));
		return r == 0;
	}
	if (message == NULL) {
		call_fail(call, ERR_BAD_REQUEST, "message: an object such as {\"text\":true,\"content\":\"hello\"}");
		return false;
	}
	for (const char *const *name = fields_reserved; *name != NULL; name++)
		json_object_object_del(message, *name);
	json_object_object_del(message, "cid");
	if (json_object_object_length(message) == 0) {
		call_fail(call, ERR_BAD_REQUEST, "message: it is empty");
		return false;
	}
	r = json_add(&object, message);
	if (r == 0 && object.len > (size_t)call->api->server->config->push.max_message_kb << 10)
		r = -EMSGSIZE;
	if (r == 0)
		r = buf_add(fields, object.data + 1, object.len - 2);
	if (r == 0)
		r = buf_add(fields, ",", 1);
	buf_free(&object);
	if (r < 0)
		call_fail(call, r == -EMSGSIZE ? ERR_TOO_LARGE : ERR_STORE, NULL);
	return r == 0;
}

/* A text of the request's, or what is known of the user, or a default. */
static int add_who(struct buf *out, struct call *call, const char *field, const char *known, const char *otherwise)
{
	size_t n = 0;
	const char *text = json_text(call->body, field, &n);
	int r;

	if (text == NULL || n > AVATAR_MAX)
		n = strlen(text = known[0] != '\0' ? known : otherwise);
	if ((r = buf_addf(out, "\"%s\":", field)) < 0 || (r = json_quote(out, text, n)) < 0)
		return r;
	return buf_add(out, ",", 1);
}

/* What the server says of a message, in the order in which clients' messages have it. */
static int add_server_fields(struct buf *out, struct call *call, const char *room, const char *cid)
{
	struct member who = { .nick = "" };
	char uid[UID_LEN + 1];
	int r;

	uid_text(&call->uid, uid);
	if (server_member(call->api->server, &call->api->users, uid, &who) < 0)
		who.nick[0] = who.avatar[0] = '\0';
	if (cid[0] != '\0' && ((r = buf_adds(out, "\"cid\":")) < 0 || (r = json_quote(out, cid, strlen(cid))) < 0 ||
			       (r = buf_add(out, ",", 1)) < 0))
		return r;
	if ((r = buf_adds(out, "\"room\":")) < 0 || (r = json_quote(out, room, strlen(room))) < 0 ||
	    (r = buf_addf(out, ",\"uid\":\"%s\",", uid)) < 0 ||
	    (r = add_who(out, call, "nickName", who.nick, "系统")) < 0)
		return r;
	return add_who(out, call, "avatarUrl", who.avatar, "");
}

/* NULL when memory is short. */
static struct ask *message_ask(struct call *call, const char *room, const struct buf *fields, const char *cid)
{
	struct ask *ask = operate_new(REQUEST_MESSAGE, room, NULL, NULL);
	struct buf text = BUF_INIT;

	if (ask == NULL)
		return NULL;
	if (buf_add(&text, fields->data, fields->len) < 0 || add_server_fields(&text, call, room, cid) < 0) {
		buf_free(&text);
		ask_free(ask);
		return NULL;
	}
	ask->uid = call->uid;
	memcpy(ask->cid, cid, strlen(cid) + 1);
	ask->text = text.data;
	ask->text_len = text.len;
	return ask;
}

/* cid and, if named, uid.  Ends the call if they are not good. */
static bool message_who(struct call *call, char cid[static CID_MAX + 1])
{
	size_t n = 0;
	const char *text = json_text(call->body, "cid", &n);

	cid[0] = '\0';
	if (n > CID_MAX) {
		call_fail(call, ERR_BAD_REQUEST, "cid: 64 bytes at most");
		return false;
	}
	if (text != NULL)
		memcpy(cid, text, n + 1);
	return !json_object_object_get_ex(call->body, "uid", NULL) || call_uid(call);
}

static void publish(struct call *call)
{
	struct buf fields = BUF_INIT;
	char cid[CID_MAX + 1];

	if (!call_room(call, true) || !message_who(call, cid))
		return;
	if (message_fields(call, &fields))
		call_ask(call, message_ask(call, call->room, &fields, cid), call_relay);
	buf_free(&fields);
}

/* --- broadcast --- */

struct broadcast {
	const struct room_line *rooms;	/* the gathering's */
	size_t count, at, under_way, sent, failed;
	enum error failure;		/* the first */
	struct buf fields;
	char cid[CID_MAX + 1];
};

/* One room's message, with a mail of its own because many are under way. */
struct saying {
	struct mail mail;
	struct call *call;
	enum error error;
};

static void broadcast_free(struct broadcast *b)
{
	buf_free(&b->fields);
	free(b);
}

static void broadcast_end(struct call *call)
{
	struct broadcast *b = call->broadcast;
	struct buf json = BUF_INIT;

	(void)buf_addf(&json, "{\"ok\":true,\"rooms\":%zu,\"failed\":%zu", b->sent, b->failed);
	if (b->failed > 0)
		(void)buf_addf(&json, ",\"failure\":\"%s\"", error_name(b->failure));
	(void)buf_adds(&json, "}");
	gather_free(call->gather);
	broadcast_free(b);
	call_reply(call, &json);
}

static void broadcast_count(struct broadcast *b, enum error e)
{
	if (e == ERR_NONE)
		b->sent++;
	else if (b->failed++ == 0)
		b->failure = e;
}

static void broadcast_go_on(struct call *call);

static void saying_done(struct mail *mail, void *owner)
{
	struct saying *saying = (struct saying *)mail;
	struct call *call = saying->call;

	(void)owner;
	call->broadcast->under_way--;
	broadcast_count(call->broadcast, saying->error);
	free(saying);
	broadcast_go_on(call);
}

/* In a worker's thread. */
static void on_saying(struct ask *ask, const char *json, size_t len)
{
	struct saying *saying = ask->context;
	struct buf whole = BUF_INIT;

	saying->error = operate_take(&whole, json, len) < 0 ? ERR_STORE : operate_refusal(whole.data, whole.len, NULL);
	buf_free(&whole);
	api_post(saying->call->api, &saying->mail);
}

/* Says it in the next room; false when memory is short. */
static bool broadcast_say(struct call *call, const char *room)
{
	struct broadcast *b = call->broadcast;
	struct saying *saying = calloc(1, sizeof(*saying));
	struct ask *ask = saying == NULL ? NULL : message_ask(call, room, &b->fields, b->cid);

	if (ask == NULL) {
		free(saying);
		return false;
	}
	saying->mail.run = saying_done;
	saying->call = call;
	ask->done = on_saying;
	ask->context = saying;
	b->under_way++;
	home_ask_from_any(call->api->server, ask);
	return true;
}

static void broadcast_go_on(struct call *call)
{
	struct broadcast *b = call->broadcast;

	while (b->at < b->count && b->under_way < API_BROADCAST_WINDOW)
		if (!broadcast_say(call, b->rooms[b->at++].name))
			broadcast_count(b, ERR_STORE);
	if (b->at == b->count && b->under_way == 0)
		broadcast_end(call);
}

static void broadcast_gathered(struct call *call)
{
	struct broadcast *b = call->broadcast;

	if (gather_take(call, &b->rooms, &b->count))
		broadcast_go_on(call);
	else
		broadcast_free(b);
}

static void broadcast(struct call *call)
{
	char cid[CID_MAX + 1];
	struct broadcast *b;

	if (!message_who(call, cid))
		return;
	if ((b = calloc(1, sizeof(*b))) == NULL) {
		call_fail(call, ERR_STORE, "out of memory");
		return;
	}
	memcpy(b->cid, cid, sizeof(cid));
	if (!message_fields(call, &b->fields)) {
		broadcast_free(b);
		return;
	}
	call->broadcast = b;
	gather_rooms(call, broadcast_gathered);
}

const struct route api_publish_routes[] = {
	{ "publish", true, publish }, { "broadcast", true, broadcast },
	{ NULL, false, NULL },
};
