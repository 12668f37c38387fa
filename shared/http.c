/* http.c - one request at a time over libcurl.  Knows no WeChat; logs nothing, because URLs hold secrets. */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_curl.h"

enum {
	ANSWER_MAX = 1 << 20,		/* unless the request says otherwise */
	HEADERS_MAX = 64 << 10,		/* libcurl itself keeps all that come */
	IDLE_S = 20			/* a connection unused for longer is not trusted to be alive */
};

struct http {
	CURL *easy;
	char *ca_file;
};

/* One request's state for the callbacks. */
struct transfer {
	const struct http_request *request;
	struct buf *body;
	size_t header_bytes;
	unsigned attempts;
	int error;			/* why a callback gave up */
};

struct http *http_new(const struct http_options *options)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h && options && options->ca_file && *options->ca_file) {
		h->ca_file = strdup(options->ca_file);
		if (!h->ca_file) {
			free(h);
			return NULL;
		}
	}
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->easy)
		curl_table()->easy_cleanup(h->easy);
	free(h->ca_file);
	free(h);
}

/* --- which URLs --- */

static bool is_loopback(const char *host, size_t len)
{
	char text[64];
	struct in_addr a;

	if (len == 5 && memcmp(host, "[::1]", 5) == 0)
		return true;
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (strcasecmp(text, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, text, &a) == 1 && ntohl(a.s_addr) >> 24 == 127;
}

bool http_url_allowed(const char *url, bool allow_plain)
{
	const char *host, *p;
	size_t len, host_len;
	bool is_plain = strncasecmp(url, "http://", 7) == 0;

	if (!is_plain && strncasecmp(url, "https://", 8) != 0)
		return false;
	for (p = url; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '\\')
			return false;
	host = url + (is_plain ? 7 : 8);
	len = strcspn(host, "/?#");
	if (memchr(host, '@', len) || memchr(host, '%', len))	/* no user names, nothing in disguise */
		return false;
	if (*host == '[') {
		p = memchr(host, ']', len);
		host_len = p ? (size_t)(p - host) + 1 : 0;
	} else {
		p = memchr(host, ':', len);
		host_len = p ? (size_t)(p - host) : len;
	}
	if (host_len == 0)
		return false;
	p = host + host_len;
	if (p < host + len && (*p != ':' || strspn(p + 1, "0123456789") != len - host_len - 1))
		return false;
	return !is_plain || allow_plain || is_loopback(host, host_len);
}

/* --- callbacks --- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	int r = buf_add(t->body, bytes, size * count);	/* size is 1 */

	if (r == 0)
		return size * count;
	t->error = r;
	return 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;

	(void)bytes;
	t->header_bytes += size * count;
	if (t->header_bytes <= HEADERS_MAX)
		return size * count;
	t->error = -EMSGSIZE;
	return 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	int n = t->request->read(t->request->read_arg, out, size * count);

	if (n >= 0)
		return (size_t)n;
	t->error = n;
	return CURL_READFUNC_ABORT;
}

/* libcurl sends again by itself when a kept connection ended before any answer; what may be spent must not be. */
static int on_attempt(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *t = arg;

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

static CURLcode set_up(const struct curl_table *c, struct http *h, const struct http_request *rq, struct transfer *t)
{
	CURL *e = h->easy;
	bool is_plain = strncasecmp(rq->url, "http://", 7) == 0;
	CURLcode code = limit_protocols(c, e, is_plain);

#define SET(call) do { if (code == CURLE_OK) code = (call); } while (0)
	SET(set_url(c, e, rq));
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
	if (h->ca_file)
		SET(curl_set_text(c, e, CURLOPT_CAINFO, h->ca_file));
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
	curl_set_long(c, e, CURLOPT_QUICK_EXIT, 1);	/* a stuck name lookup does not hold up http_free */
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

static int http_errno(CURLcode code, const struct transfer *t)
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

int http_perform(struct http *h, const struct http_request *request, struct http_answer *answer)
{
	struct transfer t = { .request = request, .body = &answer->body };
	const struct curl_table *c = curl_table();
	struct curl_slist *headers = NULL;
	CURLcode code;
	int r;

	*answer = (struct http_answer){ .body = BUF_LIMIT(request->max_answer ? request->max_answer : ANSWER_MAX) };
	if (!http_url_allowed(request->url, request->allow_plain))
		return -EINVAL;
	if (!c)
		return -ENOSYS;
	if (!h->easy)
		h->easy = c->easy_init();
	if (!h->easy)
		return -ENOMEM;
	r = add_headers(c, request, &headers);
	if (r == 0) {
		code = set_up(c, h, request, &t);
		if (code == CURLE_OK)
			code = curl_set_pointer(c, h->easy, CURLOPT_HTTPHEADER, headers);
		if (code == CURLE_OK)
			code = c->easy_perform(h->easy);
		if (code == CURLE_OK)
			code = c->easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &answer->status);
		r = http_errno(code, &t);
		c->easy_reset(h->easy);	/* what it points to ends here; the connections stay */
	}
	c->slist_free_all(headers);
	if (r < 0)
		buf_wipe(&answer->body);
	return r;
}
