/* http_transfer.h - one request on one of libcurl's handles; for http.c and http_loop.c, which differ in how they wait.
 * Threads:  whoever owns the handle. */
#ifndef WXCHAT_HTTP_TRANSFER_H
#define WXCHAT_HTTP_TRANSFER_H

#include "http.h"
#include "http_curl.h"

struct http_transfer {
	const struct http_request *request;
	struct http_answer *answer;
	struct curl_slist *headers;
	size_t header_bytes;
	unsigned attempts;
	int error;			/* why a callback gave up */
};

/* Prepares easy to carry the request out; t, request, what it points to, and answer live until the end.  0, or a negative
 * errno (http.h), and then it is at its end already.  libcurl must have been loaded, and the URL be an allowed one. */
int http_transfer_begin(struct http_transfer *t, CURL *easy, const struct http_request *request, const char *ca_file,
			struct http_answer *answer);

/* After libcurl has finished with code: fills answer and makes easy ready for the next.  0 or a negative errno. */
int http_transfer_end(struct http_transfer *t, CURL *easy, CURLcode code);

#endif
