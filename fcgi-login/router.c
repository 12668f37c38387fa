/* router.c - routes, methods, and the two bodies that errors have. */
#include "router.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "log.h"
#include "routes.h"

enum { GET = 1, POST = 2, ANY = 4 };	/* HEAD goes wherever GET does */

static const struct route {
	const char *name;
	unsigned methods;
	enum error (*serve)(struct call *c);
	void (*begin)(struct call *c);	/* instead: sees to router_end by itself */
} routes[] = {
	{ "login", GET | POST, NULL, route_login },
	/* ANY: nginx asks it with the method of the guarded request */
	{ "user", ANY, route_user, NULL },
	{ "logout", POST, route_logout, NULL },
	{ "profile", POST, route_profile, NULL },
	{ "upload", GET | POST, route_upload, NULL },
	{ "phone", POST, route_phone, NULL },
	{ "tunnel", GET, route_tunnel, NULL },
	{ "message", GET | POST, route_message, NULL },
	{ "avatar", GET, route_avatar, NULL },
	{ "health", GET, route_health, NULL },
};

static const struct route authorizer = { "", ANY, route_authorize, NULL };

/* What an unread body may cost before the answer; web servers have taken it from the client already. */
enum { DRAIN_MAX = 64 << 20 };

static const struct route *route_find(const char *name)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (!strcmp(routes[i].name, name))
			return &routes[i];
	return NULL;
}

static bool method_fits(const struct route *route, const char *method)
{
	if (route->methods & ANY)
		return true;
	if (!strcmp(method, "GET") || !strcmp(method, "HEAD"))
		return route->methods & GET;
	return !strcmp(method, "POST") && route->methods & POST;
}

static const char *methods_text(unsigned methods)
{
	return methods == POST ? "POST" : methods == GET ? "GET, HEAD" : "GET, HEAD, POST";
}

/* Body and status of an error.  The SDKs take the magic key and code -1 for "the session is dead" anywhere but on
 * login, so only an invalid session may carry them there. */
static void answer_error(struct call *c, enum error e)
{
	bool is_login = !strcmp(c->rq->route, "login") && !c->rq->is_authorizer;
	char retry[16];

	answer_reset(&c->answer);
	c->answer.status = c->allow ? 405 : c->rq->is_authorizer && e == ERR_BANNED ? 401 : error_status(e);
	if (c->allow)
		answer_header(&c->answer, "Allow", c->allow);
	if (c->retry_s) {
		snprintf(retry, sizeof(retry), "%u", c->retry_s);
		answer_header(&c->answer, "Retry-After", retry);
	}
	if (error_body(&c->answer.body, e, is_login || e == ERR_INVALID_SESSION, c->message,
		       *c->detail ? c->detail : NULL) < 0)
		buf_reset(&c->answer.body);
}

/* Of somebody, who is told in the log; login has a line of its own, and whoever strolls by a guarded page is nobody. */
static bool is_refusal(const struct call *c, enum error e)
{
	if (e != ERR_BANNED && (e != ERR_INVALID_SESSION || c->rq->is_authorizer))
		return false;
	return c->rq->is_authorizer || strcmp(c->rq->route, "login");
}

void router_end(struct call *c, enum error e)
{
	struct audit *audit = &c->service->audit;

	if (e != ERR_NONE) {
		answer_error(c, e);
		if (e == ERR_RATE_LIMITED)
			audit_count(audit, COUNT_RATE_LIMITED, 1);
		if (is_refusal(c, e))
			audit_line("refused", c->uid, c->address, error_name(e), clock_mono_us() - c->began_us);
	}
	request_drain(c->rq, DRAIN_MAX);
	request_answer(c->rq, &c->answer);
	answer_free(&c->answer);
	call_return(c);
	c->on_ended(c);
}

static enum error refuse(struct call *c, int word)
{
	if (word == -E2BIG)
		return call_fail(c, ERR_TOO_LARGE, "more headers than web servers let through");
	return call_fail(c, ERR_BAD_REQUEST, word == -EINVAL ? "Content-Length is not a number"
					     : "a header came twice with different values");
}

void router_serve(struct call *c, struct worker *w, struct request *rq, int word, int64_t now_ms,
		  void (*on_ended)(struct call *c))
{
	const struct route *route = rq->is_authorizer ? &authorizer : route_find(rq->route);

	worker_refresh(w);
	*c = (struct call){ .service = w->service, .w = w, .settings = w->settings, .config = w->settings->config, .rq = rq,
			    .store = w->service->store, .on_ended = on_ended, .now_ms = now_ms, .began_us = clock_mono_us() };
	answer_init(&c->answer);
	address_of_client(request_variable(rq, "REMOTE_ADDR"), request_header(rq, "X_FORWARDED_FOR"),
			  c->config->login.trusted_proxies, c->address);
	if (word < 0) {
		router_end(c, refuse(c, word));
	} else if (!route) {
		router_end(c, ERR_NOT_FOUND);
	} else if (!method_fits(route, rq->method)) {
		c->allow = methods_text(route->methods);
		router_end(c, call_fail(c, ERR_BAD_REQUEST, "this route is not for that method"));
	} else if (route->begin) {
		route->begin(c);
	} else {
		router_end(c, route->serve(c));
	}
}
