/* server.c - the list of addresses, and the listening socket. */
#include "server.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api.h"
#include "exchange.h"
#include "reply.h"
#include "sandbox.h"

enum {
	MAX_HEADER_BYTES = 16384,
	IDLE_S = 600,		/* longer than any delay: a hanging client gives up first */
	GET = EVHTTP_REQ_GET,
	POST = EVHTTP_REQ_POST,
	PUT = EVHTTP_REQ_PUT,
	DELETE = EVHTTP_REQ_DELETE
};

struct server {
	struct sandbox *sb;
	struct evhttp *http;
	uint16_t port;
};

#define SERVER(p, m, h) { .path = p, .methods = m, .handler = h }
#define PHONE(p, m, h, name) { .path = p, .methods = m, .handler = h, .wx_name = name }
#define CONTROL(p, m, h) { .path = p, .methods = m, .handler = h, .is_control = true }

static const struct route routes[] = {
	{ .path = "/sns/jscode2session", .methods = GET, .handler = api_code_to_session,
	  .is_text = true },
	SERVER("/cgi-bin/token", GET, api_token),
	SERVER("/cgi-bin/stable_token", POST, api_stable_token),
	SERVER("/wxa/checksession", GET, api_check_session),
	SERVER("/wxa/resetusersessionkey", GET, api_reset_session_key),
	SERVER("/wxa/business/getuserphonenumber", POST, api_phone_number),
	SERVER("/wxa/msg_sec_check", POST, api_text_check),
	SERVER("/wxa/media_check_async", POST, api_media_check),
	SERVER("/cgi-bin/message/subscribe/send", POST, api_subscribe_send),

	PHONE("/sandbox/login", POST, phone_login, "login"),
	PHONE("/sandbox/checksession", POST, phone_check_session, "checkSession"),
	PHONE("/sandbox/userinfo", POST, phone_user_info, "getUserInfo"),
	PHONE("/sandbox/phone", POST, phone_number, "getPhoneNumber"),
	PHONE("/sandbox/subscribe", POST, phone_subscribe, "requestSubscribeMessage"),
	PHONE("/sandbox/avatar", GET, phone_avatar, "avatar"),
	CONTROL("/sandbox/user", GET | PUT, phone_user),

	CONTROL("/sandbox/fault", POST, control_fault),
	CONTROL("/sandbox/fault", DELETE, control_fault_clear),
	CONTROL("/sandbox/fault", GET, control_fault_list),
	CONTROL("/sandbox/log", GET, control_log),
	CONTROL("/sandbox/sent", GET, control_sent),
	CONTROL("/sandbox/push", POST, control_push),
	CONTROL("/sandbox/push", PUT, control_push_set),
	CONTROL("/sandbox/clock", POST, control_clock),
};

/* The route of that path and method; that of the path alone if the method fits none. */
static const struct route *find_route(const char *path, unsigned method)
{
	const struct route *found = NULL;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (routes[i].methods & method)
			return &routes[i];
		found = &routes[i];
	}
	return found;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct server *server = arg;
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	const struct route *route = find_route(path ? path : "/",
					       evhttp_request_get_command(req));

	if (route)
		exchange_begin(server->sb, req, route);
	else
		evhttp_send_error(req, HTTP_NOTFOUND, NULL);
}

/* Accepted sockets inherit TCP_NODELAY from the listening one. */
static struct evconnlistener *listen_locally(struct event_base *base, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct evconnlistener *listener;
	int on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = evconnlistener_new_bind(base, NULL, NULL,
					   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
					   LEV_OPT_REUSEABLE, 4096,
					   (struct sockaddr *)&at, sizeof(at));
	if (listener)
		setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &on,
			   sizeof(on));
	return listener;
}

struct server *server_open(struct sandbox *sb, uint16_t port)
{
	struct evconnlistener *listener = listen_locally(sb->base, port);
	struct server *server;
	struct sockaddr_in at = { .sin_port = 0 };
	socklen_t len = sizeof(at);

	if (!listener)
		return NULL;
	server = mem_new(sizeof(*server));
	server->sb = sb;
	server->http = evhttp_new(sb->base);
	evhttp_set_max_headers_size(server->http, MAX_HEADER_BYTES);
	evhttp_set_max_body_size(server->http, SANDBOX_MAX_BODY);
	evhttp_set_timeout(server->http, IDLE_S);
	evhttp_set_allowed_methods(server->http, GET | POST | PUT | DELETE | EVHTTP_REQ_OPTIONS);
	evhttp_set_gencb(server->http, on_request, server);
	evhttp_bind_listener(server->http, listener);
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &len);
	server->port = ntohs(at.sin_port);
	return server;
}

uint16_t server_port(const struct server *server)
{
	return server->port;
}

void server_close(struct server *server)
{
	if (!server)
		return;
	reply_drop_all(server->sb);
	evhttp_free(server->http);
	free(server);
}
