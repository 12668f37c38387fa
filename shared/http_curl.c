/* http_curl.c - loading libcurl, and what its handles share. */
#include "http_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "log.h"

static struct curl_table table;
static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];

static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg)
{
	(void)easy;
	(void)access;
	(void)arg;
	pthread_mutex_lock(&share_locks[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *arg)
{
	(void)easy;
	(void)arg;
	pthread_mutex_unlock(&share_locks[data]);
}

/* Connections are not shared: libcurl does not support that between threads that work at the same time. */
static void share_start(void)
{
	size_t i;

	table.share = table.share_init();
	if (!table.share)
		return;
	for (i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_init(&share_locks[i], NULL);
	table.share_setopt(table.share, CURLSHOPT_LOCKFUNC, share_lock);
	table.share_setopt(table.share, CURLSHOPT_UNLOCKFUNC, share_unlock);
	table.share_setopt(table.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	table.share_setopt(table.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

static void load(void)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so", NULL };
	const struct {
		void *slot;
		const char *name;
	} functions[] = {
		{ &table.global_init, "curl_global_init" }, { &table.easy_init, "curl_easy_init" },
		{ &table.easy_cleanup, "curl_easy_cleanup" }, { &table.easy_reset, "curl_easy_reset" },
		{ &table.easy_setopt, "curl_easy_setopt" }, { &table.easy_perform, "curl_easy_perform" },
		{ &table.easy_getinfo, "curl_easy_getinfo" }, { &table.easy_strerror, "curl_easy_strerror" },
		{ &table.slist_append, "curl_slist_append" }, { &table.slist_free_all, "curl_slist_free_all" },
		{ &table.share_init, "curl_share_init" }, { &table.share_setopt, "curl_share_setopt" },
		{ &table.multi_init, "curl_multi_init" }, { &table.multi_cleanup, "curl_multi_cleanup" },
		{ &table.multi_setopt, "curl_multi_setopt" }, { &table.multi_add_handle, "curl_multi_add_handle" },
		{ &table.multi_remove_handle, "curl_multi_remove_handle" },
		{ &table.multi_socket_action, "curl_multi_socket_action" },
		{ &table.multi_info_read, "curl_multi_info_read" }, { &table.multi_assign, "curl_multi_assign" },
	};
	void *library = NULL, *address;
	size_t i;

	for (i = 0; names[i] && !library; i++)
		library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
	if (!library) {
		log_error("curl-missing", "why=\"%s\" what=\"install libcurl 4\"", dlerror());
		return;
	}
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		address = dlsym(library, functions[i].name);
		if (!address) {
			log_error("curl-missing", "what=\"libcurl has no %s\"", functions[i].name);
			return;
		}
		memcpy(functions[i].slot, &address, sizeof(address));
	}
	if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		log_error("curl-missing", "what=\"libcurl does not start\"");
		return;
	}
	share_start();
	is_loaded = true;
}

const struct curl_table *curl_table(void)
{
	pthread_once(&once, load);
	return is_loaded ? &table : NULL;
}
