/* request.c - one HTTP request: its variables, its body, its answer.  No sockets, no routes. */
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	HEAD_LIKELY = 256,
	DECIDING_MAX = 32,
	VARIABLES_MAX = 512, VARIABLES_SIZE_MAX = 128 << 10	/* web servers pass some 40, and 32 KiB of headers */
};

/* Headers that decide who somebody is, by the beginning of their names. */
static const char *const deciding[] = { "HTTP_X_WX_", "HTTP_AUTHORIZATION=", "HTTP_X_FORWARDED_" };

static bool name_decides(const char *variable)
{
	for (size_t i = 0; i < sizeof(deciding) / sizeof(*deciding); i++)
		if (!strncmp(variable, deciding[i], strlen(deciding[i])))
			return true;
	return false;
}

static bool is_contradictory(char *const *variables)
{
	unsigned count = 0;

	for (size_t i = 0; variables[i]; i++) {
		const char *equals;
		size_t name_len;

		if (!name_decides(variables[i]) || !(equals = strchr(variables[i], '=')))
			continue;
		if (++count > DECIDING_MAX)
			return true;
		name_len = (size_t)(equals - variables[i]) + 1;
		for (size_t k = i + 1; variables[k]; k++)
			if (!strncmp(variables[i], variables[k], name_len) &&
			    strcmp(equals + 1, variables[k] + name_len))
				return true;
	}
	return false;
}

const char *request_variable(const struct request *rq, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; rq->variables[i]; i++) {
		const char *v = rq->variables[i];

		if (!strncmp(v, name, len) && v[len] == '=')
			return v[len + 1] ? v + len + 1 : NULL;
	}
	return NULL;
}

const char *request_header(const struct request *rq, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; rq->variables[i]; i++) {
		const char *v = rq->variables[i];

		if (!strncmp(v, "HTTP_", 5) && !strncmp(v + 5, name, len) && v[5 + len] == '=')
			return v[len + 6] ? v + len + 6 : NULL;
	}
	return NULL;
}

/* The last segment of a path that may have a query behind it; slashes at its end do not count. */
static void path_route(const char *path, char route[static ROUTE_MAX])
{
	size_t end = strcspn(path, "?#"), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	if (end - start >= ROUTE_MAX)
		start = end;
	memcpy(route, path + start, end - start);
	route[end - start] = '\0';
}

static bool is_too_large(char *const *variables)
{
	size_t size = 0, i;

	for (i = 0; i <= VARIABLES_MAX && size <= VARIABLES_SIZE_MAX && variables[i]; i++)
		size += strlen(variables[i]);
	return i > VARIABLES_MAX || size > VARIABLES_SIZE_MAX;
}

/* -EINVAL for a length that is no number (RFC 9110 8.6: digits alone). */
static int body_length(const struct request *rq, int64_t *out)
{
	const char *text = request_variable(rq, "CONTENT_LENGTH");
	const char *encoding = request_header(rq, "TRANSFER_ENCODING");

	if (!text) {	/* the web server has taken the chunks apart: the body lasts until the stream ends */
		*out = encoding && strcasestr(encoding, "chunked") ? -1 : 0;
		return 0;
	}
	if (text[strspn(text, "0123456789")])
		return -EINVAL;
	errno = 0;
	*out = strtoll(text, NULL, 10);		/* the largest there is, when it is larger */
	return 0;
}

int request_init(struct request *rq, char *const *variables, const struct stream *stream)
{
	const char *path, *text;
	int r;

	memset(rq, 0, sizeof(*rq));
	rq->stream = *stream;
	rq->variables = variables;
	text = request_variable(rq, "FCGI_ROLE");
	rq->is_authorizer = text && !strcmp(text, "AUTHORIZER");
	text = request_variable(rq, "REQUEST_METHOD");
	rq->method = text ? text : "GET";
	path = request_variable(rq, "REQUEST_URI");
	if (!path)
		path = request_variable(rq, "PATH_INFO");
	if (!path)
		path = request_variable(rq, "SCRIPT_NAME");
	path_route(path ? path : "", rq->route);
	text = request_variable(rq, "QUERY_STRING");
	if (!text && path && (text = strchr(path, '?')))
		text++;
	rq->query = text ? text : "";
	rq->query_len = strlen(rq->query);
	r = rq->is_authorizer ? 0 : body_length(rq, &rq->body_len);
	rq->body_ended = rq->body_len == 0;
	if (is_too_large(variables))
		return -E2BIG;
	return r < 0 ? r : is_contradictory(variables) ? -EBADMSG : 0;
}

int request_read(struct request *rq, char *out, size_t size)
{
	int n;

	if (rq->body_ended || size == 0)
		return 0;
	if (rq->body_len >= 0 && (int64_t)size > rq->body_len - rq->body_read)
		size = (size_t)(rq->body_len - rq->body_read);
	n = rq->stream.read(rq->stream.arg, out, size);
	if (n < 0)
		return n;
	rq->body_read += n;
	if (n == 0 && rq->body_len > 0)
		return -EPROTO;
	if (n == 0 || rq->body_read == rq->body_len)
		rq->body_ended = true;
	return n;
}

int request_body(struct request *rq, struct buf *out, size_t limit)
{
	size_t had = out->len;
	int n, r;

	if (rq->body_len >= 0 && (uint64_t)rq->body_len > limit)
		return -EMSGSIZE;
	for (;;) {
		size_t want = limit - (out->len - had) + 1;

		if (want > 16384)
			want = 16384;
		if (rq->body_len >= 0 && want > (size_t)(rq->body_len - rq->body_read) + 1)
			want = (size_t)(rq->body_len - rq->body_read) + 1;
		if ((r = buf_reserve(out, want)) < 0)
			return r;
		n = request_read(rq, out->data + out->len, want);
		if (n < 0)
			return n;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len - had > limit)
			return -EMSGSIZE;
		if (n == 0)
			return 0;
	}
}

void request_drain(struct request *rq, int64_t limit)
{
	char waste[8192];
	int n;

	while (limit > 0 && (n = request_read(rq, waste, sizeof(waste))) > 0)
		limit -= n;
}

void request_end_input(struct request *rq)
{
	if (rq->body_ended && rq->stream.end_input)
		rq->stream.end_input(rq->stream.arg);
}

bool request_has_type(const struct request *rq, const char *type)
{
	const char *text = request_variable(rq, "CONTENT_TYPE");
	size_t len = strlen(type);

	return text && !strncasecmp(text, type, len) && (!text[len] || strchr("; \t,", text[len]));
}

/* --- the answer --- */

void answer_init(struct answer *a)
{
	*a = (struct answer){ .status = 200, .type = "application/json; charset=utf-8",
			      .headers = BUF_LIMIT(ANSWER_HEADERS_MAX), .body = BUF_INIT };
}

void answer_free(struct answer *a)
{
	buf_free(&a->headers);
	buf_wipe(&a->body);
}

void answer_reset(struct answer *a)
{
	a->status = 200;
	a->type = "application/json; charset=utf-8";
	buf_reset(&a->headers);
	buf_reset(&a->body);
}

int answer_header(struct answer *a, const char *name, const char *value)
{
	size_t start = a->headers.len, from;
	int r;

	if ((r = buf_adds(&a->headers, name)) < 0 || (r = buf_adds(&a->headers, ": ")) < 0)
		goto undo;
	from = a->headers.len;
	if ((r = buf_adds(&a->headers, value)) < 0)
		goto undo;
	for (size_t i = from; i < a->headers.len; i++)
		if ((unsigned char)a->headers.data[i] < 0x20 || a->headers.data[i] == 0x7f)
			a->headers.data[i] = ' ';
	if ((r = buf_adds(&a->headers, "\r\n")) < 0)
		goto undo;
	return 0;
undo:
	buf_cut(&a->headers, start);
	return r;
}

static const char *status_text(int status)
{
	static const struct { int status; const char *text; } texts[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" }, { 429, "Too Many Requests" },
		{ 500, "Internal Server Error" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Status";
}

int request_answer(struct request *rq, const struct answer *a)
{
	struct buf out = BUF_INIT;
	bool with_body = strcmp(rq->method, "HEAD") != 0;
	int r;

	assert(!rq->answered);
	rq->answered = true;
	r = buf_reserve(&out, HEAD_LIKELY + a->headers.len + a->body.len);
	if (r == 0)
		r = buf_addf(&out, "Status: %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			     "X-Content-Type-Options: nosniff\r\n",
			     a->status, status_text(a->status), a->type, a->body.len);
	if (r == 0 && !strcasestr(buf_str(&a->headers), "cache-control:"))
		r = buf_adds(&out, "Cache-Control: no-store\r\n");
	if (r == 0)
		r = buf_add(&out, buf_str(&a->headers), a->headers.len);
	if (r == 0)
		r = buf_adds(&out, "\r\n");
	if (r == 0 && with_body)
		r = buf_add(&out, buf_str(&a->body), a->body.len);
	if (r == 0)
		r = rq->stream.write(rq->stream.arg, out.data, out.len);
	buf_wipe(&out);
	return r;
}
