/* http_transfer.c - one request on one of libcurl's handles: what is sent, what comes back, what it means.  Knows neither
 * threads nor waiting. */
#include "http_transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	ANSWER_MAX = 1 << 20,		/* unless the request says otherwise */
	HEADERS_MAX = 64 << 10,		/* libcurl itself keeps all that come */
	SMALL_ANSWER = 64 << 10, SMALL_BUFFER = 1024,	/* where little is expected, 16 KiB for each request are not spent */
	IDLE_S = 20			/* a connection unused for longer is not trusted to be alive */
};

/* --- callbacks --- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;
	int r = buf_add(&t->answer->body, bytes, size * count);	/* size is 1 */

	if (r == 0)
		return size * count;
	t->error = r;
	return 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;

	(void)bytes;
	t->header_bytes += size * count;
	if (t->header_bytes <= HEADERS_MAX)
		return size * count;
	t->error = -EMSGSIZE;
	return 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;
	int n = t->request->read(t->request->read_arg, out, size * count);

	if (n >= 0)
		return (size_t)n;
	t->error = n;
	return CURL_READFUNC_ABORT;
}

/* To send again: libcurl goes nowhere else than to the beginning. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_transfer *t = arg;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	t->error = t->request->rewind(t->request->read_arg);
	return t->error < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

/* libcurl sends again by itself when a kept connection ended before any answer; what may be spent must not be. */
static int on_attempt(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct http_transfer *t = arg;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	return t->attempts++ > 0 && t->request->once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* --- the request --- */

static CURLcode limit_protocols(const struct curl_table *c, CURL *easy, bool is_plain)
{
	CURLcode code;

#if LIBCURL_VERSION_NUM >= 0x075500
	code = curl_set_text(c, easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
	if (code != CURLE_UNKNOWN_OPTION)
		return code;
#endif
	code = curl_set_long(c, easy, CURLOPT_PROTOCOLS, is_plain ? CURLPROTO_HTTP : CURLPROTO_HTTPS);
	return code;
}

/* The request's target goes apart from the URL, of which libcurl would take apart and put together every character, twice.
 * A signature is over the URL, and a fragment is nothing to send. */
static CURLcode set_url(const struct curl_table *c, CURL *e, const struct http_request *rq)
{
	const char *host = strstr(rq->url, "://") + 3, *target = host + strcspn(host, "/?#");
	size_t len = (size_t)(target - rq->url);
	char server[300];
	CURLcode code;

	if (*target != '/' || strchr(target, '#') || rq->aws_sigv4 || len >= sizeof(server))
		return curl_set_text(c, e, CURLOPT_URL, rq->url);
	memcpy(server, rq->url, len);
	server[len] = '\0';
	code = curl_set_text(c, e, CURLOPT_URL, server);
	return code == CURLE_OK ? curl_set_text(c, e, CURLOPT_REQUEST_TARGET, target) : code;
}

static CURLcode set_up(const struct curl_table *c, CURL *e, const char *ca_file, struct http_transfer *t)
{
	const struct http_request *rq = t->request;
	bool is_plain = strncasecmp(rq->url, "http://", 7) == 0;
	CURLcode code = limit_protocols(c, e, is_plain);

#define SET(call) do { if (code == CURLE_OK) code = (call); } while (0)
	SET(set_url(c, e, rq));
	if (rq->unix_socket && *rq->unix_socket)
		SET(curl_set_text(c, e, CURLOPT_UNIX_SOCKET_PATH, rq->unix_socket));
	SET(curl_set_long(c, e, CURLOPT_NOSIGNAL, 1));
	SET(curl_set_long(c, e, CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms));
	SET(curl_set_long(c, e, CURLOPT_CONNECTTIMEOUT_MS, (long)rq->timeout_ms));
	SET(curl_set_long(c, e, CURLOPT_FOLLOWLOCATION, 0));
	SET(curl_set_long(c, e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1));
	SET(curl_set_text(c, e, CURLOPT_NOPROXY, "*"));
	SET(curl_set_text(c, e, CURLOPT_USERAGENT, "wxchat/" WXCHAT_VERSION));
	SET(curl_set_callback(c, e, CURLOPT_WRITEFUNCTION, on_body));
	SET(curl_set_pointer(c, e, CURLOPT_WRITEDATA, t));
	SET(curl_set_callback(c, e, CURLOPT_HEADERFUNCTION, on_header));
	SET(curl_set_pointer(c, e, CURLOPT_HEADERDATA, t));
	if (rq->max_answer && rq->max_answer <= SMALL_ANSWER)
		SET(curl_set_long(c, e, CURLOPT_BUFFERSIZE, SMALL_BUFFER));
	if (ca_file && *ca_file)
		SET(curl_set_text(c, e, CURLOPT_CAINFO, ca_file));
	if (c->share)
		SET(curl_set_pointer(c, e, CURLOPT_SHARE, c->share));

	if (strcmp(rq->method, "HEAD") == 0)
		SET(curl_set_long(c, e, CURLOPT_NOBODY, 1));
	else
		SET(curl_set_text(c, e, CURLOPT_CUSTOMREQUEST, rq->method));
	if (rq->read) {
		SET(curl_set_long(c, e, CURLOPT_UPLOAD, 1));
		SET(curl_set_size(c, e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)rq->body_len));
		SET(curl_set_callback(c, e, CURLOPT_READFUNCTION, on_read));
		SET(curl_set_pointer(c, e, CURLOPT_READDATA, t));
		if (rq->rewind) {
			SET(c->easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek));
			SET(curl_set_pointer(c, e, CURLOPT_SEEKDATA, t));
		}
	} else if (rq->body || strcmp(rq->method, "POST") == 0) {
		SET(curl_set_size(c, e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_len));
		SET(curl_set_pointer(c, e, CURLOPT_POSTFIELDS, rq->body ? rq->body : ""));
	}
	if (rq->aws_sigv4)
		SET(curl_set_text(c, e, CURLOPT_AWS_SIGV4, rq->aws_sigv4));
	if (rq->user_password)
		SET(curl_set_text(c, e, CURLOPT_USERPWD, rq->user_password));
#if LIBCURL_VERSION_NUM >= 0x075000
	if (rq->once) {
		SET(c->easy_setopt(e, CURLOPT_PREREQFUNCTION, on_attempt));
		SET(curl_set_pointer(c, e, CURLOPT_PREREQDATA, t));
	}
#else
	if (rq->once)
		SET(curl_set_long(c, e, CURLOPT_FRESH_CONNECT, 1));
#endif
#undef SET
	/* Good to have; older libraries do without. */
#if LIBCURL_VERSION_NUM >= 0x074100
	curl_set_long(c, e, CURLOPT_MAXAGE_CONN, IDLE_S);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_set_long(c, e, CURLOPT_QUICK_EXIT, 1);	/* a stuck name lookup holds nobody up */
#endif
	return code;
}

static int add_headers(const struct curl_table *c, const struct http_request *rq, struct curl_slist **list)
{
	struct curl_slist *longer;
	size_t i;

	/* A body over 1 MB would wait for leave.  libcurl signs this header and leaves it out: not with SigV4. */
	if (!rq->aws_sigv4 && (rq->body || rq->read)) {
		if (!(longer = c->slist_append(*list, "Expect:")))
			return -ENOMEM;
		*list = longer;
	}
	for (i = 0; rq->headers && rq->headers[i]; i++) {
		if (!(longer = c->slist_append(*list, rq->headers[i])))
			return -ENOMEM;
		*list = longer;
	}
	return 0;
}

static int http_errno(CURLcode code, const struct http_transfer *t)
{
	if (t->error)
		return t->error;
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return -ECONNREFUSED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return -EKEYREJECTED;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_URL_MALFORMAT:
		return -EINVAL;
	default:
		return -EPROTO;
	}
}

int http_transfer_begin(struct http_transfer *t, CURL *easy, const struct http_request *request, const char *ca_file,
			struct http_answer *answer)
{
	const struct curl_table *c = curl_table();
	CURLcode code;
	int r;

	*t = (struct http_transfer){ .request = request, .answer = answer };
	*answer = (struct http_answer){ .body = BUF_LIMIT(request->max_answer ? request->max_answer : ANSWER_MAX) };
	if ((r = add_headers(c, request, &t->headers)) == 0) {
		code = set_up(c, easy, ca_file, t);
		if (code == CURLE_OK)
			code = curl_set_pointer(c, easy, CURLOPT_HTTPHEADER, t->headers);
		r = http_errno(code, t);
	}
	if (r < 0)
		http_transfer_end(t, easy, CURLE_OK);
	return r;
}

int http_transfer_end(struct http_transfer *t, CURL *easy, CURLcode code)
{
	const struct curl_table *c = curl_table();
	int r;

	if (code == CURLE_OK)
		code = c->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &t->answer->status);
	r = http_errno(code, t);
	c->easy_reset(easy);	/* what it points to ends here; the connections stay */
	c->slist_free_all(t->headers);
	if (r < 0)
		buf_wipe(&t->answer->body);
	return r;
}
