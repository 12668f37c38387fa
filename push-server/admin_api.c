/* admin_api.c - the frame of the API: routes, bodies, answers, and the way to the homes and back. */
#include "admin_api.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home.h"
#include "log.h"
#include "operate.h"
#include "query.h"
#include "server.h"
#include "utf8.h"

/* --- answering --- */

void api_send(struct evhttp_request *request, int status, const char *type, struct buf *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *out = evhttp_request_get_output_buffer(request);

	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evbuffer_add(out, buf_str(body), body->len);
	evhttp_send_reply(request, status, NULL, NULL);
	buf_free(body);
}

void api_refuse(struct evhttp_request *request, enum error e, int status, const char *message)
{
	struct buf body = BUF_INIT;
	const char *words = message != NULL ? message : error_message(e);

	if (buf_addf(&body, "{\"ok\":false,\"error\":\"%s\",\"message\":", error_name(e)) < 0 ||
	    json_quote(&body, words, strlen(words)) < 0 || buf_add(&body, "}\n", 2) < 0)
		buf_reset(&body);
	api_send(request, status, "application/json", &body);
}

static void call_free(struct call *call)
{
	call->api->calls--;
	json_object_put(call->body);
	buf_free(&call->answer);
	free(call);
}

void call_reply(struct call *call, struct buf *json)
{
	(void)buf_add(json, "\n", 1);
	api_send(call->request, 200, "application/json", json);
	call_free(call);
}

void call_fail(struct call *call, enum error e, const char *message)
{
	api_refuse(call->request, e, error_status(e), message);
	call_free(call);
}

void call_ok(struct call *call)
{
	struct buf json = BUF_INIT;

	(void)buf_adds(&json, "{\"ok\":true}");
	call_reply(call, &json);
}

bool call_refused(struct call *call)
{
	struct buf message = BUF_INIT;
	enum error e = operate_refusal(buf_str(&call->answer), call->answer.len, &message);

	if (e != ERR_NONE)
		call_fail(call, e, message.len > 0 ? buf_str(&message) : NULL);
	buf_free(&message);
	return e != ERR_NONE;
}

void call_relay(struct call *call)
{
	static const char *const inner[] = { "type", "event", "cid", "number" };
	struct json_object_iterator it, end;
	struct json_object *said, *answer;
	struct buf json = BUF_INIT;

	if (call_refused(call))
		return;
	said = json_parse(call->answer.data, call->answer.len);
	answer = json_object_new_object();
	if (said != NULL && answer != NULL) {
		for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
			json_object_object_del(said, inner[i]);
		json_object_object_add(answer, "ok", json_object_new_boolean(1));
		end = json_object_iter_end(said);
		for (it = json_object_iter_begin(said); !json_object_iter_equal(&it, &end); json_object_iter_next(&it))
			json_object_object_add(answer, json_object_iter_peek_name(&it),
					       json_object_get(json_object_iter_peek_value(&it)));
		(void)json_add(&json, answer);
	}
	json_object_put(said);
	json_object_put(answer);
	call_reply(call, &json);
}

/* --- to the homes and back --- */

static void run_then(struct mail *mail, void *owner)
{
	struct call *call = (struct call *)mail;

	(void)owner;
	call->then(call);
}

/* The mail may be read, and the last call ended, before mailbox_post has returned. */
void api_post(struct api *api, struct mail *mail)
{
	atomic_fetch_add(&api->posting, 1);
	mailbox_post(api->mailbox, mail);
	atomic_fetch_sub(&api->posting, 1);
}

void call_go_on(void *arg, struct worker *w)
{
	struct call *call = arg;

	(void)w;
	api_post(call->api, &call->mail);
}

/* In a worker's thread: the answer travels home. */
static void on_answer(struct ask *ask, const char *json, size_t len)
{
	struct call *call = ask->context;

	buf_reset(&call->answer);
	(void)operate_take(&call->answer, json, len);
	api_post(call->api, &call->mail);
}

void call_ask(struct call *call, struct ask *ask, void (*then)(struct call *call))
{
	if (ask == NULL) {
		call_fail(call, ERR_STORE, "out of memory");
		return;
	}
	call->then = then;
	ask->done = on_answer;
	ask->context = call;
	home_ask_from_any(call->api->server, ask);
}

void call_change(struct call *call, const struct change *change, void (*then)(struct call *call))
{
	int r;

	call->then = then;
	r = operate_change(call->api->server, change, on_answer, call);
	if (r < 0)
		call_fail(call, ERR_STORE, strerror(-r));
}

/* --- reading requests --- */

bool call_room(struct call *call, bool is_needed)
{
	size_t len = 0;
	const char *room = json_text(call->body, "room", &len);

	if (room == NULL && !is_needed && !json_object_object_get_ex(call->body, "room", NULL))
		return true;
	if (room == NULL || !home_name_valid(room, len)) {
		call_fail(call, ERR_BAD_REQUEST, "room: 1 to 64 bytes of UTF-8 without control characters");
		return false;
	}
	memcpy(call->room, room, len);
	return true;
}

bool call_uid(struct call *call)
{
	size_t len = 0;
	const char *uid = json_text(call->body, "uid", &len);

	if (uid != NULL && uid_parse(uid, len, &call->uid))
		return true;
	call_fail(call, ERR_BAD_REQUEST, "uid: 20 hexadecimal characters");
	return false;
}

bool call_number(struct call *call, const char *name, int64_t least, int64_t most, int64_t *out)
{
	char why[80];

	*out = 0;
	if (!json_object_object_get_ex(call->body, name, NULL))
		return true;
	if (json_int(call->body, name, out) && *out >= least && *out <= most)
		return true;
	snprintf(why, sizeof(why), "%s: a whole number from %lld to %lld", name, (long long)least, (long long)most);
	call_fail(call, ERR_BAD_REQUEST, why);
	return false;
}

enum { PARAMETERS_MAX = 32 };

/* The query's parameters, as the object that a POST would bring; NULL when malformed. */
static struct json_object *body_of_query(struct evhttp_request *request)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	struct json_object *body = json_object_new_object();
	struct query_item item;
	char name[32], value[512];
	size_t pos = 0, len = query == NULL ? 0 : strlen(query), count = 0;

	while (body != NULL && len > 0 && query_next(query, len, &pos, &item) == 1) {
		int n;

		if (count++ == PARAMETERS_MAX) {	/* each is looked for in all */
			json_object_put(body);
			return NULL;
		}
		if (item.name_len >= sizeof(name))
			continue;
		memcpy(name, item.name, item.name_len);
		name[item.name_len] = '\0';
		n = query_get(query, len, name, value, sizeof(value));
		if (n < 0 || !utf8_valid(value, (size_t)n)) {
			json_object_put(body);
			return NULL;
		}
		json_object_object_add(body, name, json_object_new_string_len(value, n));
	}
	return body;
}

static struct json_object *body_of_post(struct evhttp_request *request)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(request);
	size_t len = evbuffer_get_length(in);

	if (len == 0)
		return json_object_new_object();
	return json_parse((const char *)evbuffer_pullup(in, -1), len);
}

static const struct route *route_of(const char *path)
{
	const struct route *const tables[] = { api_rooms_routes, api_publish_routes, api_people_routes };

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct route *r = tables[t]; r->path != NULL; r++)
			if (strcmp(r->path, path) == 0)
				return r;
	return NULL;
}

void api_take(struct api *api, struct evhttp_request *request, const char *path)
{
	const struct route *route = route_of(path);
	bool is_post = evhttp_request_get_command(request) == EVHTTP_REQ_POST;
	struct call *call;

	if (route == NULL) {
		api_refuse(request, ERR_NOT_FOUND, 404, "no such call");
		return;
	}
	if (route->is_post != is_post) {
		evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", route->is_post ? "POST" : "GET");
		api_refuse(request, ERR_BAD_REQUEST, 405, route->is_post ? "this is a POST" : "this is a GET");
		return;
	}
	if (api->calls >= API_CALLS_MAX || (call = calloc(1, sizeof(*call))) == NULL) {
		api_refuse(request, ERR_RATE_LIMITED, 503, "too many requests are under way");
		return;
	}
	api->calls++;
	call->mail.run = run_then;
	call->api = api;
	call->request = request;
	call->body = is_post ? body_of_post(request) : body_of_query(request);
	if (call->body == NULL)
		call_fail(call, ERR_BAD_REQUEST, is_post ? "the body is not one JSON object"
							 : "the query is malformed, or has more than 32 parameters");
	else
		route->run(call);
}
