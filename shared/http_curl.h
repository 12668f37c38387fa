/* http_curl.h - libcurl's functions, loaded when first needed.
 * Threads:  any. */
#ifndef WXCHAT_HTTP_CURL_H
#define WXCHAT_HTTP_CURL_H

#define CURL_DISABLE_DEPRECATION	/* for options that older libraries know by older names */
#include <curl/curl.h>

struct curl_table {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_reset) *easy_reset;
	__typeof__((curl_easy_setopt)) *easy_setopt;
	__typeof__(curl_easy_perform) *easy_perform;
	__typeof__((curl_easy_getinfo)) *easy_getinfo;
	__typeof__(curl_easy_strerror) *easy_strerror;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free_all;
	__typeof__(curl_share_init) *share_init;
	__typeof__((curl_share_setopt)) *share_setopt;
	__typeof__(curl_multi_init) *multi_init;
	__typeof__(curl_multi_cleanup) *multi_cleanup;
	__typeof__((curl_multi_setopt)) *multi_setopt;
	__typeof__(curl_multi_add_handle) *multi_add_handle;
	__typeof__(curl_multi_remove_handle) *multi_remove_handle;
	__typeof__((curl_multi_socket_action)) *multi_socket_action;
	__typeof__(curl_multi_info_read) *multi_info_read;
	__typeof__(curl_multi_assign) *multi_assign;
	CURLSH *share;		/* names and TLS sessions known to all threads; may be NULL */
};

/* NULL when this machine has no libcurl; the reason is logged once. */
const struct curl_table *curl_table(void);

/* setopt takes anything: these make sure that it is what the option wants. */
static inline CURLcode curl_set_long(const struct curl_table *c, CURL *easy, CURLoption option, long value)
{
	return c->easy_setopt(easy, option, value);
}

static inline CURLcode curl_set_size(const struct curl_table *c, CURL *easy, CURLoption option, curl_off_t value)
{
	return c->easy_setopt(easy, option, value);
}

static inline CURLcode curl_set_text(const struct curl_table *c, CURL *easy, CURLoption option, const char *value)
{
	return c->easy_setopt(easy, option, value);
}

static inline CURLcode curl_set_pointer(const struct curl_table *c, CURL *easy, CURLoption option, const void *value)
{
	return c->easy_setopt(easy, option, value);
}

/* For write, header and read callbacks, which are of one type. */
static inline CURLcode curl_set_callback(const struct curl_table *c, CURL *easy, CURLoption option,
					 size_t (*fn)(char *bytes, size_t size, size_t count, void *arg))
{
	return c->easy_setopt(easy, option, fn);
}

#endif
