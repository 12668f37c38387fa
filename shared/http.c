/* http.c - one request at a time over libcurl, and which URLs are asked.  Knows no WeChat; logs nothing, because URLs hold
 * secrets. */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_transfer.h"

struct http {
	CURL *easy;
	char *ca_file;
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

/* --- the request --- */

int http_perform(struct http *h, const struct http_request *request, struct http_answer *answer)
{
	const struct curl_table *c = curl_table();
	struct http_transfer t;
	int r;

	*answer = (struct http_answer){ .body = BUF_INIT };
	if (!http_url_allowed(request->url, request->allow_plain))
		return -EINVAL;
	if (!c)
		return -ENOSYS;
	if (!h->easy)
		h->easy = c->easy_init();
	if (!h->easy)
		return -ENOMEM;
	r = http_transfer_begin(&t, h->easy, request, h->ca_file, answer);
	return r < 0 ? r : http_transfer_end(&t, h->easy, c->easy_perform(h->easy));
}
