/* dialect_socketio.c - Socket.IO 5 over Engine.IO 4, by its WebSocket transport alone.  Events: the client emits message,
 * join and the other operations, with an acknowledgement if it likes; the server emits message and system. */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "conn.h"
#include "credentials.h"
#include "crypto.h"
#include "encode.h"
#include "json.h"
#include "query.h"
#include "request.h"
#include "request_head.h"
#include "server.h"
#include "text.h"
#include "upgrade.h"
#include "worker.h"

/* The first character of an Engine.IO packet, and of the Socket.IO packet in a message. */
enum { EIO_OPEN = '0', EIO_CLOSE = '1', EIO_PING = '2', EIO_PONG = '3', EIO_MESSAGE = '4' };
enum { SIO_CONNECT = '0', SIO_DISCONNECT = '1', SIO_EVENT = '2', SIO_ACK = '3', SIO_CONNECT_ERROR = '4', SIO_BINARY_EVENT = '5' };

static int random_name(char out[static 21])
{
	uint8_t bytes[10];
	int r = crypto_random(bytes, sizeof(bytes));

	hex_encode(bytes, sizeof(bytes), out);
	return r;
}

static void socketio_greet(struct conn *c, const char *query, size_t len, bool has_session)
{
	const struct config *config = c->worker->server->config;
	int64_t timeout_s = config->push.idle_s - config->push.ping_s;
	struct buf packet = BUF_INIT;
	char sid[21];

	(void)has_session;	/* the room is joined when the CONNECT packet comes */
	c->wish = strndup(query ? query : "", len);
	if (!c->wish || random_name(sid) < 0 ||
	    buf_addf(&packet, "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":%lld,\"pingTimeout\":%lld,\"maxPayload\":%lld}",
		     sid, (long long)config->push.ping_s * 1000, (long long)(timeout_s > 5 ? timeout_s : 5) * 1000,
		     (long long)config->push.max_message_kb * 1024) < 0)
		conn_end(c);
	else
		conn_message(c, FRAME_TEXT, packet.data, packet.len);
	buf_free(&packet);
}

/* --- connecting --- */

/* Shows what auth holds: the names of the headers, or id and skey, or token: "<id>.<skey>". */
static enum error socketio_auth(struct conn *c, struct json_object *auth)
{
	const char *id = json_text(auth, "X-WX-Id", NULL), *skey = json_text(auth, "X-WX-Skey", NULL);
	struct credentials shown;
	enum error verdict;

	if (!id && !skey) {
		id = json_text(auth, "id", NULL);
		skey = json_text(auth, "skey", NULL);
	}
	if (!id && !skey)
		skey = json_text(auth, "token", NULL);
	if (credentials_read(id, skey, NULL, &shown) < 0)
		return ERR_INVALID_SESSION;
	verdict = upgrade_session(c, &shown);
	explicit_bzero(&shown, sizeof(shown));
	return verdict;
}

static void socketio_connected(struct conn *c, struct json_object *auth)
{
	const char *room = auth ? json_text(auth, "room", NULL) : NULL;
	const char *epoch = auth ? json_text(auth, "epoch", NULL) : NULL;
	struct buf packet = BUF_INIT, since = BUF_INIT;
	char *wish = c->wish;
	int64_t number;
	char sid[21];

	c->wish = NULL;
	if (random_name(sid) < 0 || buf_addf(&packet, "40{\"sid\":\"%s\"}", sid) < 0) {
		conn_end(c);
	} else {
		conn_message(c, FRAME_TEXT, packet.data, packet.len);
		if (auth && json_int(auth, "since", &number) && number >= 0)
			(void)buf_addf(&since, "%lld", (long long)number);
		if (room || since.len)
			request_join(c, room ? room : c->worker->server->config->push.default_room,
				     since.len ? since.data : NULL, epoch);
		else
			dialect_join(c, wish, strlen(wish));
	}
	buf_free(&packet);
	buf_free(&since);
	text_wipe(wish);
}

static void socketio_connect(struct conn *c, const char *text, size_t len)
{
	static const char wrong_namespace[] = ",{\"message\":\"Invalid namespace\"}";
	struct json_object *auth = NULL;
	enum error verdict = ERR_NONE;

	if (len && text[0] == '/') {	/* there is one namespace, the main one */
		const char *comma = memchr(text, ',', len);
		size_t name = comma ? (size_t)(comma - text) : len;
		struct buf packet = BUF_INIT;

		if (name != 1) {
			if (buf_adds(&packet, "44") == 0 && buf_add(&packet, text, name) == 0 &&
			    buf_adds(&packet, wrong_namespace) == 0)
				conn_message(c, FRAME_TEXT, packet.data, packet.len);
			buf_free(&packet);
			return;
		}
		len -= comma ? 2 : 1;
		text += comma ? 2 : 1;
	}
	if (!c->wish)
		return;		/* connected already */
	if (len)
		auth = json_parse(text, len);
	if (c->state == CONN_GREETED)
		verdict = auth ? socketio_auth(c, auth) : ERR_INVALID_SESSION;
	if (verdict == ERR_NONE)
		socketio_connected(c, auth);
	else
		upgrade_dismiss(c, verdict);
	json_object_put(auth);
}

/* --- events --- */

/* A request's text: the first argument, with the event's name as its operation unless it is a message. */
static int event_request(const char *name, struct json_object *argument, struct buf *out)
{
	bool is_message = strcmp(name, "message") == 0, is_object = json_object_is_type(argument, json_type_object);
	const char *member = strcmp(name, "join") == 0 || strcmp(name, "leave") == 0 ? "room" : "content";
	int r = 0;

	if (is_object && is_message)
		return json_add(out, argument);
	r = is_message ? buf_adds(out, "{\"text\":true") : buf_adds(out, "{\"op\":");
	if (r == 0 && !is_message)
		r = json_quote(out, name, strlen(name));
	if (r == 0 && json_object_is_type(argument, json_type_string)) {	/* emit("join", "room"), emit("message", "hi") */
		r = buf_addf(out, ",\"%s\":", member);
		if (r == 0)
			r = json_quote(out, json_object_get_string(argument), (size_t)json_object_get_string_len(argument));
	}
	if (r == 0 && is_object && json_object_object_length(argument) > 0) {
		json_object_object_del(argument, "op");
		r = buf_adds(out, ",");
		if (r == 0 && json_object_object_length(argument) > 0) {
			size_t brace = out->len;

			if ((r = json_add(out, argument)) == 0)
				out->data[brace] = ' ';	/* its own opening brace */
			return r;
		}
		if (r == 0)
			buf_cut(out, out->len - 1);
	}
	return r == 0 ? buf_adds(out, "}") : r;
}

/* The number by which an event's acknowledgement is known, as a tag; returns how many bytes it takes. */
static size_t event_ack(const char *text, size_t len, uint32_t *tag)
{
	uint32_t ack = 0;
	size_t n;

	for (n = 0; n < len && n < 9 && text[n] >= '0' && text[n] <= '9'; n++)
		ack = ack * 10 + (uint32_t)(text[n] - '0');
	*tag = n ? ack + 1 : 0;
	return n;
}

/* An event with bytes in it, "1-7[...]": its head is refused, and what follows in binary frames passed over. */
static void socketio_binary_event(struct conn *c, const char *text, size_t len)
{
	const char *dash = memchr(text, '-', len);
	uint32_t tag = 0;

	if (dash)
		event_ack(dash + 1, len - (size_t)(dash + 1 - text), &tag);
	request_bad(c, "only text events are taken", NULL, tag);
}

/* {"event":[...]}: a message holds what it likes, anything else the few fields of an operation.  NULL: *wrong says why. */
static struct json_object *event_parse(const struct buf *text, const char **wrong)
{
	static const char message[] = "{\"event\":[\"message\"";
	bool is_message = text->len > sizeof(message) && memcmp(text->data, message, sizeof(message) - 1) == 0;
	struct json_object *o = is_message ? json_parse(text->data, text->len) : json_parse_form(text->data, text->len);

	if (!o)
		*wrong = request_head_wrong(is_message ? jsontext_object(text->data, text->len, NULL, 0)
						       : jsontext_form(text->data, text->len), *wrong);
	return o;
}

static void socketio_event(struct conn *c, const char *text, size_t len)
{
	struct json_object *whole, *list, *argument;
	struct buf wrapped = BUF_INIT, request = BUF_INIT;
	const char *name, *wrong = "an event is [\"name\", argument]";
	uint32_t tag;
	size_t digits;

	if (len && text[0] == '/') {
		const char *comma = memchr(text, ',', len);

		if (!comma || comma != text + 1)
			return;		/* not our namespace */
		text += 2;
		len -= 2;
	}
	digits = event_ack(text, len, &tag);
	if (buf_adds(&wrapped, "{\"event\":") < 0 || buf_add(&wrapped, text + digits, len - digits) < 0 ||
	    buf_adds(&wrapped, "}") < 0) {
		buf_free(&wrapped);
		conn_end(c);
		return;
	}
	whole = event_parse(&wrapped, &wrong);
	buf_free(&wrapped);
	list = whole ? json_object_object_get(whole, "event") : NULL;
	if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0 ||
	    !json_object_is_type(json_object_array_get_idx(list, 0), json_type_string)) {
		request_bad(c, wrong, NULL, tag);
	} else {
		name = json_object_get_string(json_object_array_get_idx(list, 0));
		argument = json_object_array_length(list) > 1 ? json_object_array_get_idx(list, 1) : NULL;
		if (event_request(name, argument, &request) == 0)
			request_take(c, request.data, request.len, tag);
		else
			conn_end(c);
	}
	buf_free(&request);
	json_object_put(whole);
}

static void socketio_packet(struct conn *c, const char *text, size_t len)
{
	char type = len ? text[0] : '\0';

	if (type == SIO_CONNECT)
		socketio_connect(c, text + 1, len - 1);
	else if (type == SIO_DISCONNECT)
		conn_close(c, CLOSE_NORMAL);
	else if (c->wish || c->state != CONN_OPEN)
		conn_close(c, CLOSE_POLICY);	/* nothing comes before CONNECT */
	else if (type == SIO_EVENT)
		socketio_event(c, text + 1, len - 1);
	else if (type == SIO_BINARY_EVENT)
		socketio_binary_event(c, text + 1, len - 1);
	else if (type != SIO_ACK)
		request_bad(c, "this kind of packet is not taken", NULL, 0);
}

static void socketio_take(struct conn *c, enum frame_opcode opcode, char *data, size_t len)
{
	char type = len ? data[0] : '\0';

	if (opcode == FRAME_BINARY)
		return;		/* of an event that has been refused */
	switch (type) {
	case EIO_PING:		/* a probe, or an older client's heartbeat */
		data[0] = EIO_PONG;
		conn_message(c, FRAME_TEXT, data, len);
		break;
	case EIO_PONG:
		break;
	case EIO_CLOSE:
		conn_close(c, CLOSE_NORMAL);
		break;
	case EIO_MESSAGE:
		socketio_packet(c, data + 1, len - 1);
		break;
	default:
		conn_close(c, CLOSE_PROTOCOL);
		break;
	}
}

/* --- telling --- */

static int socketio_encode(struct worker *w, const struct post *p, bool is_own, struct buf *out)
{
	int r;

	(void)w;
	if (p->kind == POST_BINARY)
		return 0;
	r = buf_adds(out, p->kind == POST_MESSAGE ? "42[\"message\"," : "42[\"system\",");
	if (r == 0)
		r = dialect_object(p, is_own, out);
	if (r == 0)
		r = buf_adds(out, "]");
	return r < 0 ? r : FRAME_TEXT;
}

static int socketio_answer(struct worker *w, const struct post *p, uint32_t tag, bool is_copy, struct buf *out)
{
	int r;

	if (tag == 0)
		return is_copy ? 0 : socketio_encode(w, p, true, out);
	if ((r = buf_addf(out, "43%u[", tag - 1)) == 0 && (r = dialect_object(p, true, out)) == 0)
		r = buf_adds(out, "]");
	return r < 0 ? r : FRAME_TEXT;
}

/* Before CONNECT is answered there is a packet for it; later an event, because clients take that packet for the end of a
 * socket that they would still call connected. */
static int socketio_dismiss(const struct conn *c, const char *json, size_t len, struct buf *out)
{
	struct json_object *o = json_parse(json, len);
	const char *error = o ? json_text(o, "error", NULL) : NULL;
	int r = c->wish ? buf_addf(out, "44{\"message\":\"%s\",\"data\":", error ? error : "") : buf_adds(out, "42[\"error\",");

	if (r == 0)
		r = buf_add(out, json, len);
	if (r == 0)
		r = buf_adds(out, c->wish ? "}" : "]");
	json_object_put(o);
	return r < 0 ? r : FRAME_TEXT;
}

static int socketio_heartbeat(struct buf *out)
{
	int r = buf_adds(out, "2");

	return r < 0 ? r : FRAME_TEXT;
}

const struct dialect dialect_socketio = {
	.name = "socket.io",
	.may_show_later = true,
	.needs_heartbeat = true,
	.greet = socketio_greet,
	.take = socketio_take,
	.encode = socketio_encode,
	.answer = socketio_answer,
	.dismiss = socketio_dismiss,
	.heartbeat = socketio_heartbeat,
};
