/* exchange.c - reads requests, answers them in WeChat's two styles.  Knows no WeChat beyond. */
#include "exchange.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errcode.h"
#include "journal.h"
#include "reply.h"
#include "sandbox.h"
#include "seal.h"

struct exchange {
	struct sandbox *sb;
	struct evhttp_request *req;
	const struct route *route;
	struct fault fault;
	int64_t now_ms;
	struct evkeyvalq query;
	struct json_object *body;
	bool has_body;
	char *origin;
};

static const char *method_name(struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	default:
		return "OTHER";
	}
}

static struct json_object *read_object(struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in);
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;

	if (!tok)
		return NULL;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, (const char *)evbuffer_pullup(in, -1), (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tok);
	return o;
}

static void exchange_free(struct exchange *ex)
{
	evhttp_clear_headers(&ex->query);
	json_object_put(ex->body);
	free(ex->origin);
	free(ex);
}

static void allow_any_page(struct evhttp_request *req)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

	evhttp_add_header(headers, "Access-Control-Allow-Origin", "*");
	evhttp_add_header(headers, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE");
	evhttp_add_header(headers, "Access-Control-Allow-Headers", "*");
}

static void refuse_method(struct exchange *ex)
{
	if (!ex->route->wx_name && !ex->route->is_control)
		exchange_errcode(ex, ex->route->methods & EVHTTP_REQ_POST ? 43002 : 43001, NULL);
	else
		exchange_fail(ex, "method not allowed");
}

void exchange_begin(struct sandbox *sb, struct evhttp_request *req, const struct route *route)
{
	bool is_server = !route->wx_name && !route->is_control;
	struct exchange *ex = mem_new(sizeof(*ex));
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
	struct evbuffer *in = evhttp_request_get_input_buffer(req);

	ex->sb = sb;
	ex->req = req;
	ex->route = route;
	ex->now_ms = sandbox_now(sb);
	TAILQ_INIT(&ex->query);
	if (query)
		evhttp_parse_query_str(query, &ex->query);
	if (!is_server)
		allow_any_page(req);
	if (evhttp_request_get_command(req) == EVHTTP_REQ_OPTIONS) {
		evhttp_send_reply(req, 204, "No Content", NULL);
		exchange_free(ex);
		return;
	}
	ex->has_body = evbuffer_get_length(in) > 0;
	if (ex->has_body)
		ex->body = read_object(in);
	if (!route->is_control) {
		journal_request(sb->journal, method_name(req), route->path, &ex->query,
				ex->now_ms);
		ex->fault = faults_take(sb->faults, route->path, is_server);
	}
	switch (ex->fault.kind) {
	case FAULT_HANG:
	case FAULT_CLOSE:
	case FAULT_GARBAGE:
		reply_break(sb, req, &ex->fault);
		exchange_free(ex);
		break;
	case FAULT_STATUS:
		reply_send(sb, req, &ex->fault, ex->fault.status, "text/html",
			   *ex->fault.text ? ex->fault.text : "<html>Bad Gateway</html>");
		exchange_free(ex);
		break;
	case FAULT_ERRCODE:
		if (is_server)
			exchange_errcode(ex, ex->fault.errcode,
					 *ex->fault.text ? ex->fault.text : NULL);
		else
			exchange_fail(ex, *ex->fault.text ? ex->fault.text
							  : errcode_text(ex->fault.errcode));
		break;
	default:
		if (evhttp_request_get_command(req) & route->methods)
			route->handler(sb, ex);
		else
			refuse_method(ex);
	}
}

const char *exchange_query(const struct exchange *ex, const char *name)
{
	return evhttp_find_header(&ex->query, name);
}

struct json_object *exchange_body(const struct exchange *ex)
{
	return ex->body;
}

bool exchange_has_body(const struct exchange *ex)
{
	return ex->has_body;
}

const char *exchange_text(const struct exchange *ex, const char *name)
{
	struct json_object *v;
	const char *text;

	if (!ex->body || !json_object_object_get_ex(ex->body, name, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	text = json_object_get_string(v);
	return strlen(text) == (size_t)json_object_get_string_len(v) ? text : NULL;
}

bool exchange_flag(const struct exchange *ex, const char *name)
{
	struct json_object *v;

	return ex->body && json_object_object_get_ex(ex->body, name, &v) &&
	       json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v);
}

int64_t exchange_now(const struct exchange *ex)
{
	return ex->now_ms;
}

const char *exchange_origin(struct exchange *ex)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(ex->req);
	const char *host = evhttp_find_header(headers, "X-Forwarded-Host");
	const char *scheme = evhttp_find_header(headers, "X-Forwarded-Proto");

	if (ex->sb->public_url)
		return ex->sb->public_url;
	if (!host)
		host = evhttp_find_header(headers, "Host");
	if (!ex->origin)
		ex->origin = mem_format("%s://%s", scheme ? scheme : "http",
					host ? host : "127.0.0.1");
	return ex->origin;
}

void exchange_answer(struct exchange *ex, struct json_object *answer)
{
	const char *text = json_object_to_json_string_ext(
		answer, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	reply_send(ex->sb, ex->req, &ex->fault, 200,
		   ex->route->is_text ? "text/plain" : "application/json; encoding=utf-8", text);
	json_object_put(answer);
	exchange_free(ex);
}

void exchange_errcode(struct exchange *ex, int errcode, const char *errmsg)
{
	struct json_object *o = json_object_new_object();
	char words[320], rid[9];

	json_object_object_add(o, "errcode", json_object_new_int(errcode));
	if (!errmsg)
		errmsg = errcode_text(errcode);
	if (errcode != 0) {
		seal_random_text(rid, 8);
		snprintf(words, sizeof(words), "%s, rid: %08llx-%s", errmsg,
			 (unsigned long long)ex->now_ms / 1000, rid);
		errmsg = words;
	}
	json_object_object_add(o, "errmsg", json_object_new_string(errmsg));
	exchange_answer(ex, o);
}

static const char *wx_name(const struct exchange *ex)
{
	return ex->route->wx_name ? ex->route->wx_name : strrchr(ex->route->path, '/') + 1;
}

void exchange_fail(struct exchange *ex, const char *reason)
{
	struct json_object *o = json_object_new_object();
	char words[400];

	snprintf(words, sizeof(words), "%s:fail %s", wx_name(ex), reason);
	json_object_object_add(o, "errMsg", json_object_new_string(words));
	exchange_answer(ex, o);
}

struct json_object *exchange_ok(const struct exchange *ex)
{
	struct json_object *o = json_object_new_object();
	char words[80];

	snprintf(words, sizeof(words), "%s:ok", wx_name(ex));
	json_object_object_add(o, "errMsg", json_object_new_string(words));
	return o;
}

void exchange_document(struct exchange *ex, const char *type, const char *text)
{
	reply_send(ex->sb, ex->req, &ex->fault, 200, type, text);
	exchange_free(ex);
}
