/* http.h - asking other servers over HTTP: libcurl with timeouts, size limits and nothing surprising: no redirects,
 * no proxy from the environment, no other protocols.
 * libcurl is loaded at the first request, because it brings megabytes that an idle process should not pay for.
 * The process must ignore SIGPIPE.
 * Threads:  one struct http a thread; connections, DNS and TLS sessions are kept between its requests.
 * Waiting:  http_perform waits up to the timeout: never in an event loop.
 * Errors:   -ETIMEDOUT, -ECONNREFUSED (not connected: nothing was sent), -EMSGSIZE (answer over the limit),
 *           -EKEYREJECTED (the certificate cannot be verified), -EPROTO (TLS or HTTP went wrong after
 *           connecting), -ENOSYS (no libcurl on this machine), -EINVAL (a URL that is not allowed), what
 *           request->read or rewind returned. */
#ifndef WXCHAT_HTTP_H
#define WXCHAT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct http;

struct http_options {
	const char *ca_file;	/* NULL: the system's; certificates are always verified */
};

struct http *http_new(const struct http_options *options);
void http_free(struct http *h);

struct http_request {
	const char *method;		/* "GET", "POST", "PUT" ... */
	const char *url;		/* https://, or http:// to a loopback address or when allow_plain */
	const char *unix_socket;	/* connects there and not to the URL's host; NULL or "" for none */
	const char *const *headers;	/* NULL-ended "Name: value", or NULL */
	const void *body;
	size_t body_len;
	int (*read)(void *arg, char *out, size_t size);	/* instead of body, body_len bytes in all: returns bytes, 0 at
							 * the end, a negative errno to abort */
	int (*rewind)(void *arg);	/* read is to begin again, because a kept connection ended before any answer; 0 or a
					 * negative errno.  NULL: the request fails then */
	void *read_arg;
	const char *aws_sigv4;		/* CURLOPT_AWS_SIGV4's text, or NULL */
	const char *user_password;	/* "key:secret" for it */
	unsigned timeout_ms;
	size_t max_answer;		/* bytes of body; 0 means 1 MiB */
	bool once;			/* never sent a second time, even when a kept connection ends under it */
	bool allow_plain;		/* http:// to any host: webhooks and buckets inside one's own network */
};

struct http_answer {
	long status;
	struct buf body;	/* freed by the caller */
};

/* On errors answer->body is empty.  answer need not be initialised. */
int http_perform(struct http *h, const struct http_request *request, struct http_answer *answer);

/* Is this a URL that http_perform would take? */
bool http_url_allowed(const char *url, bool allow_plain);

#endif
