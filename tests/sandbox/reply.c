/* reply.c - sends answers, right or broken.  What is broken below HTTP is written to the
 * socket itself, from a timer: libevent must not find a connection gone under its feet. */
#include "reply.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sandbox.h"

struct reply {
	struct sandbox *sb;
	struct evhttp_request *req;
	struct fault fault;
	int status;
	const char *type;
	char *body;		/* NULL for those that answer nothing */
	size_t len, sent;
	struct event *timer;
	LIST_ENTRY(reply) link;
};

/* Neither HTTP nor JSON nor UTF-8, and with a NUL inside. */
static const char garbage[] = "\x89WX\r\n\x1a\n\0\xff\xfe\xc3{\"openid\":";

static void reply_free(struct reply *r)
{
	LIST_REMOVE(r, link);
	if (r->timer)
		event_free(r->timer);
	free(r->body);
	free(r);
}

static void send_whole(struct evhttp_request *req, int status, const char *type,
		       struct evbuffer *body)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
	evhttp_send_reply(req, status, status == 200 ? "OK" : "No", body);
	evbuffer_free(body);
}

static void send_bytes(struct evhttp_request *req, int status, const char *type,
		       const void *bytes, size_t len)
{
	struct evbuffer *body = evbuffer_new();

	evbuffer_add(body, bytes, len);
	send_whole(req, status, type, body);
}

/* Length of the body up to its last brace; *comma is what must follow before a member. */
static size_t open_object(const char *body, const char **comma)
{
	const char *end = strrchr(body, '}');
	size_t len = end ? (size_t)(end - body) : 0;

	*comma = len > 0 && body[len - 1] == '{' ? "" : ",";
	return len;
}

static void send_huge(struct reply *r)
{
	static char block[65536];
	struct evbuffer *body = evbuffer_new();
	const char *comma;
	size_t head = open_object(r->body, &comma);

	memset(block, 'x', sizeof(block));
	evbuffer_add(body, r->body, head);
	evbuffer_add_printf(body, "%s\"padding\":\"", comma);
	while (evbuffer_get_length(body) + 2 < (size_t)r->fault.bytes) {
		size_t left = (size_t)r->fault.bytes - 2 - evbuffer_get_length(body);

		evbuffer_add_reference(body, block, left < sizeof(block) ? left : sizeof(block),
				       NULL, NULL);
	}
	evbuffer_add(body, "\"}", 2);
	send_whole(r->req, r->status, r->type, body);
}

static void send_ctlchars(struct reply *r)
{
	struct evbuffer *body = evbuffer_new();
	const char *comma;
	size_t head = open_object(r->body, &comma);

	evbuffer_add(body, r->body, head);
	evbuffer_add_printf(body, "%s\"remark\":\"a\x01\b\t\r\n\x1f\x7fz\"}", comma);
	send_whole(r->req, r->status, r->type, body);
}

static void send_wrongtype(struct reply *r)
{
	struct json_object *right = json_tokener_parse(r->body);
	struct json_object *wrong;
	const char *text;

	if (!json_object_is_type(right, json_type_object)) {	/* an avatar */
		send_bytes(r->req, r->status, r->type, r->body, r->len);
		json_object_put(right);
		return;
	}
	wrong = json_object_new_object();
	json_object_object_foreach(right, name, value) {
		bool is_text = json_object_is_type(value, json_type_string);

		json_object_object_add(wrong, name, is_text ? json_object_new_int(17)
							    : json_object_new_string("17"));
	}
	text = json_object_to_json_string_ext(wrong, JSON_C_TO_STRING_PLAIN);
	send_bytes(r->req, r->status, r->type, text, strlen(text));
	json_object_put(wrong);
	json_object_put(right);
}

/* Writes what the socket takes at once and ends the connection, and with it the request. */
static void send_raw_and_close(struct evhttp_connection *conn, const void *bytes, size_t len,
			       bool reset)
{
	int fd = (int)bufferevent_getfd(evhttp_connection_get_bufferevent(conn));
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	if (len > 0 && send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		fputs("wechat-sandbox: the client left before its broken answer\n", stderr);
	if (reset)	/* libevent would shut down first: a tidy end, even with SO_LINGER */
		(void)connect(fd, &nowhere, sizeof(nowhere));
	evhttp_connection_free(conn);
}

static void send_truncated(struct reply *r, struct evhttp_connection *conn)
{
	char *bytes = mem_format("HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
				 "\r\n%.*s", r->status, r->type, r->len, (int)(r->len / 2),
				 r->body);

	send_raw_and_close(conn, bytes, strlen(bytes), false);
	free(bytes);
}

/* Sends the next piece of a slow body; false after the last. */
static bool send_piece(struct reply *r)
{
	size_t left = r->len - r->sent;
	size_t piece = left < (size_t)r->fault.bytes ? left : (size_t)r->fault.bytes;
	struct evbuffer *body = evbuffer_new();
	char length[24];

	if (r->sent == 0) {
		struct evkeyvalq *headers = evhttp_request_get_output_headers(r->req);

		snprintf(length, sizeof(length), "%zu", r->len);
		evhttp_add_header(headers, "Content-Length", length);
		evhttp_add_header(headers, "Content-Type", r->type);
		evhttp_send_reply_start(r->req, r->status, "OK");
	}
	evbuffer_add(body, r->body + r->sent, piece);
	evhttp_send_reply_chunk(r->req, body);
	evbuffer_free(body);
	r->sent += piece;
	if (r->sent < r->len)
		return true;
	evhttp_send_reply_end(r->req);
	return false;
}

static void reply_wait(struct reply *r, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(r->timer, &tv);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct reply *r = arg;
	struct evhttp_connection *conn = evhttp_request_get_connection(r->req);

	(void)fd, (void)what;
	if (!conn) {	/* the client left: libevent has let go of the request */
		evhttp_request_free(r->req);
		reply_free(r);
		return;
	}
	switch (r->fault.kind) {
	case FAULT_CLOSE:
		send_raw_and_close(conn, NULL, 0, r->fault.raw);
		break;
	case FAULT_GARBAGE:
		if (r->fault.raw)
			send_raw_and_close(conn, garbage, sizeof(garbage) - 1, false);
		else
			send_bytes(r->req, 200, "application/json", garbage,
				   sizeof(garbage) - 1);
		break;
	case FAULT_TRUNCATE:
		send_truncated(r, conn);
		break;
	case FAULT_HUGE:
		send_huge(r);
		break;
	case FAULT_CTLCHARS:
		send_ctlchars(r);
		break;
	case FAULT_WRONGTYPE:
		send_wrongtype(r);
		break;
	case FAULT_SLOWBODY:
		if (send_piece(r)) {
			reply_wait(r, r->fault.ms);
			return;
		}
		break;
	case FAULT_NONE:
	case FAULT_DELAY:
	case FAULT_ERRCODE:
	case FAULT_STATUS:
	case FAULT_HANG:
		send_bytes(r->req, r->status, r->type, r->body, r->len);
		break;
	}
	reply_free(r);
}

/* The client of a hanging request has left. */
static void on_close(struct evhttp_connection *conn, void *arg)
{
	struct reply *r = arg;

	(void)conn;
	if (!evhttp_request_get_connection(r->req))
		evhttp_request_free(r->req);
	reply_free(r);
}

static struct reply *reply_new(struct sandbox *sb, struct evhttp_request *req,
			       const struct fault *fault)
{
	struct reply *r = mem_new(sizeof(*r));

	r->sb = sb;
	r->req = req;
	r->fault = *fault;
	r->timer = evtimer_new(sb->base, on_time, r);
	LIST_INSERT_HEAD(&sb->replies, r, link);
	return r;
}

void reply_send(struct sandbox *sb, struct evhttp_request *req, const struct fault *fault,
		int status, const char *type, const char *body)
{
	struct reply *r;

	if (fault->kind == FAULT_NONE) {
		send_bytes(req, status, type, body, strlen(body));
		return;
	}
	r = reply_new(sb, req, fault);
	r->status = status;
	r->type = type;
	r->body = mem_copy(body);
	r->len = strlen(body);
	reply_wait(r, fault->kind == FAULT_SLOWBODY ? 0 : fault->ms);
}

void reply_break(struct sandbox *sb, struct evhttp_request *req, const struct fault *fault)
{
	struct reply *r = reply_new(sb, req, fault);

	if (fault->kind == FAULT_HANG)
		evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, r);
	else
		reply_wait(r, fault->ms);
}

void reply_drop_all(struct sandbox *sb)
{
	struct reply *r, *next;

	for (r = LIST_FIRST(&sb->replies); r; r = next) {
		struct evhttp_connection *conn = evhttp_request_get_connection(r->req);

		next = LIST_NEXT(r, link);
		if (conn)
			evhttp_connection_set_closecb(conn, NULL, NULL);
		else
			evhttp_request_free(r->req);
		reply_free(r);
	}
}
