/* request.h - one HTTP request as a web server hands it over: its variables, its body, its answer.
 * The bytes come from a stream, of which FastCGI and plain CGI are two kinds (stream.h); nothing here knows which.
 * Threads:  one owner.
 * Memory:   whatever is returned by pointer is borrowed from the request and lives as long as it does. */
#ifndef WXCHAT_REQUEST_H
#define WXCHAT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Where the bytes come from and go to.  read returns bytes, 0 at the end, negative errno; write all or an error; end_input
 * (NULL: nothing to do) waits for whatever ends the input behind the body. */
struct stream {
	int (*read)(void *arg, char *out, size_t size);
	int (*write)(void *arg, const char *bytes, size_t len);
	void (*end_input)(void *arg);
	void *arg;
};

enum { ROUTE_MAX = 32, ANSWER_HEADERS_MAX = 4096 };

struct request {
	struct stream stream;
	char *const *variables;		/* "NAME=value", NULL-ended */
	const char *method;		/* "GET" ...; never NULL */
	const char *query;		/* without '?'; never NULL */
	size_t query_len;
	char route[ROUTE_MAX];		/* last path segment; "" when there is none or it is too long */
	int64_t body_len;		/* announced; -1 when it is not known before its end */
	int64_t body_read;
	bool body_ended;
	bool is_authorizer;		/* FastCGI's role: no body, and the answer decides about another URL */
	bool answered;
};

/* Fills *rq from the variables.  0; -EBADMSG when the request is not to be trusted: a header that decides who
 * somebody is came twice with different values (some web servers take X_WX_Id for X-WX-Id), or very often; -EINVAL for a
 * Content-Length that is no number; -E2BIG for headers beyond what web servers let through.  *rq may be answered in any case. */
int request_init(struct request *rq, char *const *variables, const struct stream *stream);

/* A variable such as "REMOTE_ADDR"; NULL when absent or empty. */
const char *request_variable(const struct request *rq, const char *name);

/* A header by the name that CGI gives it, without "HTTP_": "X_WX_CODE"; NULL when absent or empty. */
const char *request_header(const struct request *rq, const char *name);

/* Up to size bytes of the body; 0 at its end.  -EPROTO when it ended before the announced length. */
int request_read(struct request *rq, char *out, size_t size);

/* The whole body appended to out.  -EMSGSIZE past limit, -EPROTO when cut short, -ENOMEM. */
int request_body(struct request *rq, struct buf *out, size_t limit);

/* Reads what is left of the body, at most limit bytes: a web server that is still writing it would otherwise
 * never see the answer. */
void request_drain(struct request *rq, int64_t limit);

/* After the body was read: takes what ends the input, waiting for it a moment at most.  A connection that is closed before
 * that has come would be reset, and the answer with it. */
void request_end_input(struct request *rq);

/* Does the body announce this media type ("application/json")?  Parameters and case do not matter. */
bool request_has_type(const struct request *rq, const char *type);

/* What goes back.  Starts as 200 with JSON. */
struct answer {
	int status;
	const char *type;		/* media type */
	struct buf headers;		/* "Name: value\r\n" ... */
	struct buf body;
};

void answer_init(struct answer *a);
void answer_free(struct answer *a);
void answer_reset(struct answer *a);

/* Adds a header; control characters in the value become blanks, so that no value can add another. */
int answer_header(struct answer *a, const char *name, const char *value);

/* Sends it; the body is left out for HEAD.  Once a request. */
int request_answer(struct request *rq, const struct answer *a);

#endif
