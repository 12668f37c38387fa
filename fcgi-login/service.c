/* service.c - what requests share, and what each worker has of its own. */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "issue.h"
#include "log.h"

enum { SPARE_SHARE = 8 };	/* one thread in so many is kept for what does not ask WeChat */

static int read_push_key(struct settings *s, char why[static 200])
{
	const char *text = s->config->wechat.message_aes_key;

	if (!*text)
		return 0;
	if (pushcrypt_key(text, s->push_key) < 0) {
		snprintf(why, 200, "[wechat] message_aes_key: 43 characters of base64 are wanted");
		return -EINVAL;
	}
	s->has_push_key = true;
	return 0;
}

static void settings_free(struct settings *s)
{
	if (!s)
		return;
	wechat_shared_free(s->wechat);
	config_free(s->config);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

struct settings *settings_new(struct config *config, struct store *store, char why[static 200])
{
	struct settings *s = calloc(1, sizeof(*s));
	char types_why[MEDIA_WHY_SIZE];
	int threads = (int)config->login.threads, spare = threads / SPARE_SHARE > 1 ? threads / SPARE_SHARE : 1;

	if (!s) {
		config_free(config);
		snprintf(why, 200, "out of memory");
		return NULL;
	}
	s->refs = 1;
	s->config = config;
	s->wechat_max = threads > 1 ? threads - spare : 1;
	if (config->login.queue_max && config->login.queue_max < s->wechat_max)
		s->wechat_max = (int)config->login.queue_max;
	s->wechat_waiting_max = spare / 2;
	if (media_types_read(&s->types, config->media.types, types_why) < 0) {
		snprintf(why, 200, "[media] types: %.180s", types_why);
		goto fail;
	}
	if (read_push_key(s, why) < 0)
		goto fail;
	if (!strcmp(config->media.store, "s3") &&
	    (!*config->media.s3_endpoint || !*config->media.s3_bucket || !*config->media.s3_key_id ||
	     !*config->media.s3_secret)) {
		snprintf(why, 200, "[media] store = s3 wants s3_endpoint, s3_bucket, s3_key_id and s3_secret");
		goto fail;
	}
	snprintf(why, 200, "out of memory, or OpenSSL lacks HMAC-SHA-256");
	if (issue_seal_key(config->wechat.app_secret, s->seal_key) < 0)
		goto fail;
	s->wechat = wechat_shared_new(config, store);
	if (!s->wechat)
		goto fail;
	return s;
fail:
	settings_free(s);
	return NULL;
}

int service_init(struct service *s, struct config *config, char why[static 200])
{
	struct store_options options = { .dir = config->session_dir,
					 .map_size = (uint64_t)config->session.map_size_mb << 20,
					 .per_user = (unsigned)config->session.per_user };

	memset(s, 0, sizeof(*s));
	if (crypto_init() < 0) {
		config_free(config);
		snprintf(why, 200, "OpenSSL lacks an algorithm that is needed");
		return -1;
	}
	if (store_open(&options, &s->store, why) < 0) {
		config_free(config);
		return -1;
	}
	s->bans = bans_open(config->history.dir);
	if (!s->bans) {
		config_free(config);
		store_close(s->store);
		snprintf(why, 200, "out of memory");
		return -1;
	}
	s->settings = settings_new(config, s->store, why);
	if (!s->settings) {
		bans_close(s->bans);
		store_close(s->store);
		return -1;
	}
	pthread_mutex_init(&s->lock, NULL);
	gate_init(&s->wechat_gate);
	audit_init(&s->audit);
	atomic_init(&s->generation, 1);
	return 0;
}

static void settings_hold(struct service *s, struct settings *settings)
{
	pthread_mutex_lock(&s->lock);
	settings->refs++;
	pthread_mutex_unlock(&s->lock);
}

static void settings_unref(struct service *s, struct settings *settings)
{
	bool is_last;

	pthread_mutex_lock(&s->lock);
	is_last = --settings->refs == 0;
	pthread_mutex_unlock(&s->lock);
	if (is_last)
		settings_free(settings);
}

void service_fini(struct service *s)
{
	audit_flush(&s->audit, s->store);
	settings_unref(s, s->settings);
	bans_close(s->bans);
	store_close(s->store);
	gate_fini(&s->wechat_gate);
	pthread_mutex_destroy(&s->lock);
}

int service_start(struct service *s)
{
	const struct config *config = s->settings->config;
	int64_t at_once = config->login.queue_max ? config->login.queue_max : config->login.threads;
	int r = http_loop_start((unsigned)at_once, GATE_WAIT_MS, &s->loop);

	return r < 0 ? r : store_committer_start(s->store);
}

bool service_stop(struct service *s, int deadline_ms)
{
	if (!http_loop_stop(s->loop, deadline_ms))
		return false;
	s->loop = NULL;
	store_committer_stop(s->store);
	return true;
}

void service_renew(struct service *s, struct settings *settings)
{
	struct settings *former;

	pthread_mutex_lock(&s->lock);
	former = s->settings;
	s->settings = settings;
	atomic_fetch_add(&s->generation, 1);
	pthread_mutex_unlock(&s->lock);
	settings_unref(s, former);
}

void worker_init(struct worker *w, struct service *s)
{
	*w = (struct worker){ .service = s };
}

/* Gives up what was made from the settings, and them. */
static void worker_drop(struct worker *w)
{
	wechat_free(w->wechat);
	http_free(w->http);
	w->wechat = NULL;
	w->http = NULL;
	if (w->settings)
		settings_unref(w->service, w->settings);
	w->settings = NULL;
}

void worker_fini(struct worker *w)
{
	worker_drop(w);
	media_sniffer_free(w->sniffer);
	w->sniffer = NULL;
}

void worker_refresh(struct worker *w)
{
	struct service *s = w->service;

	if (w->settings && w->generation == atomic_load_explicit(&s->generation, memory_order_acquire))
		return;
	worker_drop(w);
	pthread_mutex_lock(&s->lock);
	w->settings = s->settings;
	w->settings->refs++;
	w->generation = atomic_load(&s->generation);
	pthread_mutex_unlock(&s->lock);
}

struct wechat *worker_wechat(struct worker *w)
{
	if (!w->wechat)
		w->wechat = wechat_new(w->settings->wechat);
	return w->wechat;
}

struct http *worker_http(struct worker *w)
{
	const char *ca_file = w->settings->config->wechat.ca_file;
	struct http_options options = { .ca_file = *ca_file ? ca_file : NULL };

	if (!w->http)
		w->http = http_new(&options);
	return w->http;
}

void call_let_go(struct call *c)
{
	request_end_input(c->rq);
	settings_hold(c->service, c->settings);
	c->w = NULL;
}

void call_return(struct call *c)
{
	if (!c->w)
		settings_unref(c->service, c->settings);
}

enum error call_fail(struct call *c, enum error e, const char *message)
{
	c->message = message;
	return e;
}

enum error call_store_failed(struct call *c, const char *what, int r)
{
	log_error("store-failed", "what=%s error=%d uid=%s", what, -r, *c->uid ? c->uid : "-");
	c->retry_s = 1;
	if (r == -ENOSPC)
		return call_fail(c, ERR_STORE, "the store is full");
	if (r == -EBUSY) {
		audit_count(&c->service->audit, COUNT_BUSY, 1);
		return call_fail(c, ERR_STORE, "too many wait for the store: try again in a moment");
	}
	return ERR_STORE;
}

enum error call_rate(struct call *c, const char *what, const char *who, int64_t limit)
{
	char key[64];
	struct store_rate rate = { .key = key, .limit = (unsigned)limit, .window_s = RATE_WINDOW_S };
	int r;

	if (limit == 0)
		return ERR_NONE;
	snprintf(key, sizeof(key), "%s-%s", what, who);
	r = store_rate(c->store, &rate, c->now_ms);
	if (r == -EAGAIN)
		c->retry_s = rate.retry_s;
	return r == 0 ? ERR_NONE : r == -EAGAIN ? ERR_RATE_LIMITED : call_store_failed(c, "rate", r);
}

bool call_wechat_enter(struct call *c)
{
	if (gate_enter(&c->service->wechat_gate, c->settings->wechat_max, c->settings->wechat_waiting_max, GATE_WAIT_MS))
		return true;
	audit_count(&c->service->audit, COUNT_BUSY, 1);
	c->retry_s = 1;
	return false;
}

void call_wechat_leave(struct call *c)
{
	gate_leave(&c->service->wechat_gate);
}

enum error call_wechat_failed(struct call *c, enum error e, const struct wechat_told *told, const char *what)
{
	char rid[LOG_TEXT_SIZE];
	struct buf detail = BUF_LIMIT(sizeof(c->detail) - 1);
	int r;

	log_warn("wechat-failed", "what=%s error=%s errcode=%lld rid=%s ms=%u", what, error_name(e),
		 (long long)told->errcode, log_text(rid, told->rid, strlen(told->rid)), told->waited_ms);
	if (e == ERR_WECHAT_BUSY) {
		c->retry_s = 1;
		if (!told->errcode)	/* nobody was asked */
			audit_count(&c->service->audit, COUNT_BUSY, 1);
	}
	if (told->errcode) {
		r = buf_addf(&detail, "{\"errcode\":%lld", (long long)told->errcode);
		if (r == 0 && *told->rid && strspn(told->rid, "0123456789abcdef-") == strlen(told->rid))
			r = buf_addf(&detail, ",\"rid\":\"%s\"", told->rid);
		if (r == 0)
			r = buf_adds(&detail, "}");
		if (r == 0)
			memcpy(c->detail, detail.data, detail.len + 1);
		buf_free(&detail);
	}
	return e;
}
