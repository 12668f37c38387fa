/* dialect_tunnel.c - the packets of Wafer's tunnel (type or type:JSON, one a text frame), and on them the events of the
 * chat that came with it: speak and people. */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "conn.h"
#include "dialect.h"
#include "json.h"
#include "request.h"
#include "request_head.h"
#include "server.h"
#include "words.h"
#include "worker.h"

/* The client pings in this interval, and takes the connection for lost without an answer within it. */
enum { TUNNEL_PING_S = 15 };

static void tunnel_send(struct conn *c, const char *packet)
{
	conn_message(c, FRAME_TEXT, packet, strlen(packet));
}

static void tunnel_greet(struct conn *c, const char *query, size_t len, bool has_session)
{
	const struct config *config = c->worker->server->config;
	struct buf packet = BUF_INIT;

	if (!has_session)
		return;
	if (buf_addf(&packet, "timeout:%d",
		     config->push.idle_s / 2 < TUNNEL_PING_S ? (int)config->push.idle_s / 2 : TUNNEL_PING_S) == 0)
		tunnel_send(c, packet.data);
	buf_free(&packet);
	dialect_join(c, query, len);
}

/* Is the member's value that string, however it is written? */
static bool value_is(const struct jsontext_member *m, const char *text)
{
	const struct jsontext_member inner = {
		.name = m->value + 1, .name_len = m->value_len - 2, .has_escape = memchr(m->value, '\\', m->value_len) != NULL,
	};

	return m->value[0] == '"' && member_is(&inner, text);
}

/* speak's one word.  False when there is none: it may be a message in the chat's own dialect. */
static bool tunnel_speak_take(struct conn *c, const char *content, size_t len)
{
	struct json_object *o = json_parse_form(content, len);
	size_t word_len;
	const char *word = o ? json_text_with_nul(o, "word", &word_len) : NULL;

	if (word)
		request_text(c, word, word_len, 0);
	json_object_put(o);
	return word != NULL;
}

/* message:{"type":T,"content":C}: speak is a text message; anything else whose content is an object is taken as
 * the chat's own dialect says it. */
static void tunnel_message(struct conn *c, const char *text, size_t len)
{
	static const char form[] = "message:{\"type\":\"speak\",\"content\":{\"word\":\"...\"}}";
	struct members members;
	int r = members_read(&members, text, len);
	const struct jsontext_member *type = members_find(&members, "type"), *content = members_find(&members, "content");

	if (!type || type->value[0] != '"' || !content || content->value[0] != '{')
		request_bad(c, request_head_wrong(r < 0 ? r : -EINVAL, form), NULL, 0);
	else if (!value_is(type, "speak") || !tunnel_speak_take(c, content->value, content->value_len))
		request_take(c, content->value, content->value_len, 0);
	members_fini(&members);
}

static void tunnel_take(struct conn *c, enum frame_opcode opcode, char *data, size_t len)
{
	static const char message[] = "message:";

	if (opcode != FRAME_TEXT)
		request_bad(c, "the tunnel has no binary packets", NULL, 0);
	else if (len == 4 && memcmp(data, "ping", 4) == 0)
		tunnel_send(c, "pong");
	else if (len == 5 && memcmp(data, "close", 5) == 0)
		conn_close(c, CLOSE_NORMAL);
	else if (len > sizeof(message) - 1 && memcmp(data, message, sizeof(message) - 1) == 0)
		tunnel_message(c, data + sizeof(message) - 1, len - (sizeof(message) - 1));
	/* Other packets have no meaning from this side, and the protocol passes over what it does not know. */
}

/* Appends a text as it is written; "" for what is none. */
static int tunnel_text(struct buf *out, const struct jsontext_member *m)
{
	return m && m->value[0] == '"' ? buf_add(out, m->value, m->value_len) : buf_adds(out, "\"\"");
}

/* The demo's clients know their own messages by who.openId: their own is told to them, to others the public id. */
static int tunnel_open_id(struct worker *w, const struct jsontext_member *uid, bool is_own, struct buf *out)
{
	char text[UID_LEN + 1] = "";
	struct member who;

	if (is_own && uid && uid->value_len == UID_LEN + 2 && worker_sessions(w)) {
		memcpy(text, uid->value + 1, UID_LEN);
		if (store_member(w->sessions, text, &who) == 0)
			return json_quote(out, who.openid, strlen(who.openid));
	}
	return tunnel_text(out, uid);
}

static int tunnel_who(struct worker *w, const struct members *user, bool is_own, struct buf *out)
{
	static const char *const names[] = { "uid", "nickName", "avatarUrl" };
	size_t i;
	int r;

	if ((r = buf_adds(out, "{\"openId\":")) == 0)
		r = tunnel_open_id(w, members_find(user, "uid"), is_own, out);
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++)
		if ((r = buf_addf(out, ",\"%s\":", names[i])) == 0)
			r = tunnel_text(out, members_find(user, names[i]));
	return r == 0 ? buf_adds(out, "}") : r;
}

/* What has no packet of its own: the object of the chat's own dialect, for clients that listen for it. */
static int tunnel_whole(const struct post *p, const char *type, bool is_own, struct buf *out)
{
	int r = buf_addf(out, "message:{\"type\":\"%s\",\"content\":", type);

	if (r == 0 && (r = dialect_object(p, is_own, out)) == 0)
		r = buf_adds(out, "}");
	return r;
}

static int tunnel_speak(struct worker *w, const struct members *message, const struct jsontext_member *word, bool is_own,
			struct buf *out)
{
	int r;

	if ((r = buf_adds(out, "message:{\"type\":\"speak\",\"content\":{\"who\":")) == 0 &&
	    (r = tunnel_who(w, message, is_own, out)) == 0 && (r = buf_adds(out, ",\"word\":")) == 0 &&
	    (r = tunnel_text(out, word)) == 0)
		r = buf_adds(out, "}}");
	return r;
}

/* A message with text is spoken, another, a picture say, told whole. */
static int tunnel_say(struct worker *w, const struct post *p, bool is_own, struct buf *out)
{
	const struct jsontext_member *word;
	struct buf object = BUF_INIT;
	struct members message;
	int r = dialect_object(p, is_own, &object);

	if (r == 0) {
		r = members_read(&message, object.data, object.len);
		word = members_find(&message, "content");
		if (r != -ENOMEM)	/* no members, no text */
			r = word && word->value[0] == '"' ? tunnel_speak(w, &message, word, is_own, out)
							  : tunnel_whole(p, "message", is_own, out);
		members_fini(&message);
	}
	buf_free(&object);
	return r;
}

/* Who came or went; which: "enter" or "leave". */
static int tunnel_people(struct worker *w, const struct post *p, const char *which, bool is_own, struct buf *out)
{
	const struct jsontext_member *user;
	struct members event, who;
	int r = members_read(&event, p->text, p->len);

	user = members_find(&event, "user");
	if (r == 0)
		r = buf_addf(out, "message:{\"type\":\"people\",\"content\":{\"total\":%u", p->num);
	if (r == 0 && user && (r = buf_addf(out, ",\"%s\":", which)) == 0) {
		if ((r = members_read(&who, user->value, user->value_len)) == 0)
			r = tunnel_who(w, &who, is_own, out);
		members_fini(&who);
	}
	members_fini(&event);
	return r == 0 ? buf_adds(out, "}}") : r;
}

static int tunnel_encode(struct worker *w, const struct post *p, bool is_own, struct buf *out)
{
	int r;

	if (p->kind == POST_BINARY)
		return 0;
	if (p->kind == POST_MESSAGE)
		r = tunnel_say(w, p, is_own, out);
	else if (words_is_event(p, "welcome"))
		r = tunnel_people(w, p, "enter", true, out);
	else if (words_is_event(p, "join"))
		r = tunnel_people(w, p, "enter", false, out);
	else if (words_is_event(p, "leave"))
		r = tunnel_people(w, p, "leave", false, out);
	else
		r = tunnel_whole(p, "system", false, out);
	return r < 0 ? r : FRAME_TEXT;
}

static int tunnel_answer(struct worker *w, const struct post *p, uint32_t tag, bool is_copy, struct buf *out)
{
	(void)tag;
	return is_copy ? 0 : tunnel_encode(w, p, true, out);
}

/* Nothing: after the close the client fetches a new address, for which it logs in anew. */
static int tunnel_dismiss(const struct conn *c, const char *json, size_t len, struct buf *out)
{
	(void)c;
	(void)json;
	(void)len;
	(void)out;
	return 0;
}

static int tunnel_heartbeat(struct buf *out)
{
	(void)out;
	return 0;	/* the client pings */
}

const struct dialect dialect_tunnel = {
	.name = "tunnel",
	.greet = tunnel_greet,
	.take = tunnel_take,
	.encode = tunnel_encode,
	.answer = tunnel_answer,
	.dismiss = tunnel_dismiss,
	.heartbeat = tunnel_heartbeat,
};
