/* fetch.c - libevent's HTTP client, tamed: it begins and ends in turns of the loop that are
 * its own, because a connection may not be freed from its own callback. */
#include "fetch.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sandbox.h"

enum { MAX_ANSWER_BYTES = 16 << 20 };	/* WeChat takes media of 10 MB */

struct fetch {
	struct evhttp_connection *conn;
	struct event *turn;
	char *target, *host, *type, *body;
	bool over;
	int status;
	struct evbuffer *answer;
	fetch_done *done;
	void *arg;
};

/* The host in numbers, or NULL if it is not this machine. */
static const char *loopback(const struct evhttp_uri *uri)
{
	const char *scheme = evhttp_uri_get_scheme(uri), *host = evhttp_uri_get_host(uri);
	struct in_addr at;

	if (!scheme || strcasecmp(scheme, "http") != 0 || !host)
		return NULL;
	if (!strcasecmp(host, "localhost"))
		return "127.0.0.1";
	return inet_pton(AF_INET, host, &at) == 1 && ntohl(at.s_addr) >> 24 == 127 ? host : NULL;
}

bool fetch_allows(const char *url)
{
	struct evhttp_uri *uri = evhttp_uri_parse(url);
	bool allowed = uri && loopback(uri);

	if (uri)
		evhttp_uri_free(uri);
	return allowed;
}

void fetch_cancel(struct fetch *f)
{
	if (!f)
		return;
	if (f->conn)
		evhttp_connection_free(f->conn);
	event_free(f->turn);
	evbuffer_free(f->answer);
	free(f->target);
	free(f->host);
	free(f->type);
	free(f->body);
	free(f);
}

static void end_soon(struct fetch *f)
{
	f->over = true;
	event_active(f->turn, EV_TIMEOUT, 0);
}

static void on_answer(struct evhttp_request *req, void *arg)
{
	struct fetch *f = arg;

	if (f->over)
		return;
	if (req) {
		f->status = evhttp_request_get_response_code(req);
		evbuffer_add_buffer(f->answer, evhttp_request_get_input_buffer(req));
	}
	end_soon(f);
}

static void begin(struct fetch *f)
{
	struct evhttp_request *req = evhttp_request_new(on_answer, f);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

	evhttp_add_header(headers, "Host", f->host);
	evhttp_add_header(headers, "Connection", "close");
	evhttp_add_header(headers, "User-Agent", "Mozilla/4.0");
	if (f->body) {
		evhttp_add_header(headers, "Content-Type", f->type);
		evbuffer_add(evhttp_request_get_output_buffer(req), f->body, strlen(f->body));
	}
	if (evhttp_make_request(f->conn, req, f->body ? EVHTTP_REQ_POST : EVHTTP_REQ_GET,
				f->target) != 0)
		end_soon(f);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *f = arg;
	size_t len = evbuffer_get_length(f->answer);

	(void)fd, (void)what;
	if (!f->over) {
		begin(f);
		return;
	}
	evbuffer_add(f->answer, "", 1);
	f->done(f->arg, f->status, (const char *)evbuffer_pullup(f->answer, -1), len);
	fetch_cancel(f);
}

struct fetch *fetch_start(struct event_base *base, const char *url, const char *type,
			  const char *body, int timeout_ms, fetch_done *done, void *arg)
{
	struct evhttp_uri *uri = evhttp_uri_parse(url);
	struct timeval limit = { .tv_sec = timeout_ms / 1000,
				 .tv_usec = timeout_ms % 1000 * 1000 };
	const char *path = evhttp_uri_get_path(uri), *query = evhttp_uri_get_query(uri);
	int port = evhttp_uri_get_port(uri) > 0 ? evhttp_uri_get_port(uri) : 80;
	struct fetch *f = mem_new(sizeof(*f));

	f->target = mem_format("%s%s%s", *path ? path : "/", query ? "?" : "",
			       query ? query : "");
	f->host = mem_format("%s:%d", evhttp_uri_get_host(uri), port);
	f->type = type ? mem_copy(type) : NULL;
	f->body = body ? mem_copy(body) : NULL;
	f->answer = evbuffer_new();
	f->done = done;
	f->arg = arg;
	f->conn = evhttp_connection_base_new(base, NULL, loopback(uri), (uint16_t)port);
	evhttp_connection_set_timeout_tv(f->conn, &limit);
	evhttp_connection_set_max_body_size(f->conn, MAX_ANSWER_BYTES);
	f->turn = event_new(base, -1, 0, on_turn, f);
	event_active(f->turn, EV_TIMEOUT, 0);
	evhttp_uri_free(uri);
	return f;
}
