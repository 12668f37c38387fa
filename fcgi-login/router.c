/* router.c - routes, methods, and the two bodies that errors have. */
#include "router.h"

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
} routes[] = {
	{ "login", GET | POST, route_login },
	/* ANY: nginx asks it with the method of the guarded request */
	{ "user", ANY, route_user },
	{ "logout", POST, route_logout },
	{ "profile", POST, route_profile },
	{ "upload", GET | POST, route_upload },
	{ "phone", POST, route_phone },
	{ "tunnel", GET, route_tunnel },
	{ "message", GET | POST, route_message },
	{ "avatar", GET, route_avatar },
	{ "health", GET, route_health },
};

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

/* Body and status of an error.  The SDKs take the magic key and code -1 for "the session is dead" anywhere but on
 * login, so only an invalid session may carry them there. */
static void answer_error(struct call *c, enum error e, int status)
{
	bool is_login = !strcmp(c->rq->route, "login") && !c->rq->is_authorizer;
	char retry[16];

	answer_reset(&c->answer);
	c->answer.status = status ? status : error_status(e);
	if (c->retry_s) {
		snprintf(retry, sizeof(retry), "%u", c->retry_s);
		answer_header(&c->answer, "Retry-After", retry);
	}
	if (error_body(&c->answer.body, e, is_login || e == ERR_INVALID_SESSION, c->message,
		       *c->detail ? c->detail : NULL) < 0)
		buf_reset(&c->answer.body);
}

static enum error serve(struct call *c, int *status)
{
	const struct route *route;

	if (c->rq->is_authorizer)
		return route_authorize(c);
	route = route_find(c->rq->route);
	if (!route)
		return ERR_NOT_FOUND;
	if (method_fits(route, c->rq->method))
		return route->serve(c);
	*status = 405;
	return call_fail(c, ERR_BAD_REQUEST, "this route is not for that method");
}

void router_serve(struct worker *w, struct request *rq, bool trusted, int64_t now_ms)
{
	struct call c = { .w = w, .rq = rq, .now_ms = now_ms, .began_us = clock_mono_us() };
	const struct route *route;
	enum error e;
	int status = 0;

	worker_refresh(w);
	c.settings = w->settings;
	c.config = w->settings->config;
	c.store = w->service->store;
	answer_init(&c.answer);
	address_of_client(request_variable(rq, "REMOTE_ADDR"), request_header(rq, "X_FORWARDED_FOR"),
			  c.config->login.trusted_proxies, c.address);
	e = trusted ? serve(&c, &status)
		    : call_fail(&c, ERR_BAD_REQUEST, "a header came twice with different values");
	if (e != ERR_NONE) {
		answer_error(&c, e, status);
		if (status == 405 && (route = route_find(rq->route)))
			answer_header(&c.answer, "Allow", route->methods == POST ? "POST"
				      : route->methods == GET ? "GET, HEAD" : "GET, HEAD, POST");
		if (e == ERR_RATE_LIMITED)
			audit_count(&w->service->audit, COUNT_RATE_LIMITED, 1);
		if (e == ERR_BANNED)
			audit_line("refused", c.uid, c.address, error_name(e), clock_mono_us() - c.began_us);
	}
	request_drain(rq, DRAIN_MAX);
	request_answer(rq, &c.answer);
	answer_free(&c.answer);
}
