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
#include "worker.h"

/* The client pings in this interval, and takes the connection for lost without an answer within it. */
enum { TUNNEL_PING_S = 15 };

enum { PACKET_MEMBERS_MAX = 16 };	/* of which two have a meaning */

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

/* The last member of that name; NULL when there is none. */
static const struct jsontext_member *last_member(const struct jsontext_member *members, size_t count, const char *name)
{
	while (count-- > 0)
		if (member_is(&members[count], name))
			return &members[count];
	return NULL;
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
	struct jsontext_member members[PACKET_MEMBERS_MAX];
	int count = jsontext_object(text, len, members, PACKET_MEMBERS_MAX);
	size_t known = count < 0 || count > PACKET_MEMBERS_MAX ? 0 : (size_t)count;
	const struct jsontext_member *type = last_member(members, known, "type"), *content = last_member(members, known, "content");

	if (!type || type->value[0] != '"' || !content || content->value[0] != '{')
		request_bad(c, request_head_wrong(count < 0 ? count : -EINVAL, form), NULL, 0);
	else if (!value_is(type, "speak") || !tunnel_speak_take(c, content->value, content->value_len))
		request_take(c, content->value, content->value_len, 0);
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

/* The demo's clients know their own messages by who.openId: their own is told to them, to others the public id. */
static int tunnel_who(struct worker *w, struct json_object *o, bool is_own, struct buf *out)
{
	const char *uid = json_text(o, "uid", NULL), *nick = json_text(o, "nickName", NULL),
		   *avatar = json_text(o, "avatarUrl", NULL), *open_id = uid ? uid : "";
	struct member who;
	int r;

	if (is_own && uid && worker_sessions(w) && store_member(w->sessions, uid, &who) == 0)
		open_id = who.openid;
	if ((r = buf_adds(out, "{\"openId\":")) == 0 && (r = json_quote(out, open_id, strlen(open_id))) == 0 &&
	    (r = buf_adds(out, ",\"uid\":")) == 0 && (r = json_quote(out, uid ? uid : "", uid ? strlen(uid) : 0)) == 0 &&
	    (r = buf_adds(out, ",\"nickName\":")) == 0 && (r = json_quote(out, nick ? nick : "", nick ? strlen(nick) : 0)) == 0 &&
	    (r = buf_adds(out, ",\"avatarUrl\":")) == 0)
		r = json_quote(out, avatar ? avatar : "", avatar ? strlen(avatar) : 0);
	return r == 0 ? buf_adds(out, "}") : r;
}

static int tunnel_speak(struct worker *w, struct json_object *o, bool is_own, struct buf *out)
{
	size_t len;
	const char *word = json_text_with_nul(o, "content", &len);
	int r;

	if (!word) {	/* a picture, say: for clients that listen for it */
		if ((r = buf_adds(out, "message:{\"type\":\"message\",\"content\":")) == 0 && (r = json_add(out, o)) == 0)
			r = buf_adds(out, "}");
		return r;
	}
	if ((r = buf_adds(out, "message:{\"type\":\"speak\",\"content\":{\"who\":")) == 0 &&
	    (r = tunnel_who(w, o, is_own, out)) == 0 && (r = buf_adds(out, ",\"word\":")) == 0 &&
	    (r = json_quote(out, word, len)) == 0)
		r = buf_adds(out, "}}");
	return r;
}

/* welcome and join say who entered, leave who left; refused and gap are for clients that listen for them. */
static int tunnel_event(struct worker *w, struct json_object *o, struct buf *out)
{
	const char *event = json_text(o, "event", NULL);
	struct json_object *user = json_member(o, "user");
	bool enters = event && (strcmp(event, "join") == 0 || strcmp(event, "welcome") == 0);
	bool leaves = event && strcmp(event, "leave") == 0;
	int64_t num = 0;
	int r;

	json_int(o, "num", &num);
	if (enters || leaves) {
		r = buf_addf(out, "message:{\"type\":\"people\",\"content\":{\"total\":%lld", (long long)num);
		if (r == 0 && user && (r = buf_addf(out, ",\"%s\":", enters ? "enter" : "leave")) == 0)
			r = tunnel_who(w, user, strcmp(event, "welcome") == 0, out);
		return r == 0 ? buf_adds(out, "}}") : r;
	}
	if ((r = buf_adds(out, "message:{\"type\":\"system\",\"content\":")) == 0 && (r = json_add(out, o)) == 0)
		r = buf_adds(out, "}");
	return r;
}

static int tunnel_encode(struct worker *w, const struct post *p, bool is_own, struct buf *out)
{
	struct buf text = BUF_INIT;
	struct json_object *o;
	int r;

	if (p->kind == POST_BINARY)
		return 0;
	r = dialect_object(p, is_own, &text);
	o = r == 0 ? json_parse(text.data, text.len) : NULL;
	buf_free(&text);
	if (!o)
		return r;
	r = p->kind == POST_MESSAGE ? tunnel_speak(w, o, is_own, out) : tunnel_event(w, o, out);
	json_object_put(o);
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
