/* wechat_token.c - the access token: one for all processes in the store, or one in memory where the store is
 * read-only or there is none; renewed ahead of its end by one caller while the others use the old one. */
#include "wechat_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "text.h"

enum {
	EARLY_MS = 300000,	/* WeChat makes the next one so long before the end; both work meanwhile */
	LOOK_MS = 50		/* while another process fetches */
};

static int make_body(const struct config *config, struct buf *body)
{
	int r = buf_adds(body, "{\"grant_type\":\"client_credential\",\"appid\":");

	if (r == 0)
		r = json_quote(body, config->wechat.app_id, strlen(config->wechat.app_id));
	if (r == 0)
		r = buf_adds(body, ",\"secret\":");
	if (r == 0)
		r = json_quote(body, config->wechat.app_secret, strlen(config->wechat.app_secret));
	return r < 0 ? r : buf_adds(body, ",\"force_refresh\":false}");
}

static bool is_token(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	return text && len > 0 && len < TOKEN_MAX;
}

static enum error fetch(struct wechat *w, int64_t deadline_ms, char token[static TOKEN_MAX], int64_t *expires_ms,
			struct wechat_told *told)
{
	const struct config *config = w->shared->config;
	struct wechat_told own;
	struct question q;
	const char *text;
	size_t len = 0;
	int64_t lives_s = 0;
	enum error e;

	question_init(&q, w->shared, "stable_token", "/cgi-bin/stable_token", &own);
	q.deadline_ms = deadline_ms;
	if (!*config->wechat.app_secret)
		e = wechat_unexpected(w->shared, &q, "an access token is wanted: set [wechat] app_id and app_secret");
	else
		e = make_body(config, &q.body) < 0 ? ERR_WECHAT_BUSY : wechat_ask(w, &q);
	told->waited_ms += own.waited_ms;
	if (e == ERR_NONE) {
		text = json_text(q.answer, "access_token", &len);
		if (own.errcode)
			e = wechat_unexpected(w->shared, &q, "it refuses to give an access token");
		else if (!is_token(text, len) || !json_int(q.answer, "expires_in", &lives_s) || lives_s <= 0 ||
			 lives_s > 365 * 86400)
			e = wechat_unexpected(w->shared, &q, "no access token in the answer");
		else
			memcpy(token, text, len + 1);
	}
	if (e == ERR_NONE) {
		*expires_ms = clock_wall_ms() + lives_s * 1000;
	} else {
		told->errcode = own.errcode;
		memcpy(told->rid, own.rid, sizeof(told->rid));
	}
	question_fini(&q);
	return e;
}

static enum error token_from_store(struct wechat *w, int64_t deadline_ms, char token[static TOKEN_MAX],
				   struct wechat_told *told)
{
	const struct timespec moment = { 0, LOOK_MS * 1000000 };
	struct store *store = w->shared->store;
	int64_t expires_ms;
	bool refresh;
	enum error e;
	int r;

	for (;;) {
		r = store_token(store, clock_wall_ms(), EARLY_MS, token, &refresh);
		if (r < 0 && r != -ENOENT) {
			log_error("token-store-failed", "error=%d", -r);
			return ERR_STORE;
		}
		if (refresh) {
			e = fetch(w, deadline_ms, token, &expires_ms, told);
			if (e == ERR_NONE) {
				r = store_token_put(store, token, expires_ms);
				if (r < 0)	/* this call can go on; the next fetches again */
					log_error("token-store-failed", "error=%d", -r);
				return ERR_NONE;
			}
			if (r == -ENOENT) {
				store_token_give_up(store);
				return e;
			}
			/* The lease runs on, so that this is not tried with every call; the old one works. */
			return ERR_NONE;
		}
		if (r == 0)
			return ERR_NONE;
		if (clock_mono_ms() >= deadline_ms)
			return ERR_WECHAT_TIMEOUT;
		nanosleep(&moment, NULL);
	}
}

static enum error token_from_memory(struct wechat *w, int64_t deadline_ms, char token[static TOKEN_MAX],
				    struct wechat_told *told)
{
	struct wechat_shared *s = w->shared;
	char fresh[TOKEN_MAX];
	int64_t expires_ms;
	struct timespec until = clock_timespec(deadline_ms);
	enum error e = ERR_NONE;
	bool is_usable;

	if (s->store && store_token_peek(s->store, clock_wall_ms(), token) == 0) {
		pthread_mutex_lock(&s->lock);
		is_usable = strcmp(token, s->refused) != 0;
		pthread_mutex_unlock(&s->lock);
		if (is_usable)
			return ERR_NONE;
	}
	pthread_mutex_lock(&s->lock);
	while (*s->token == '\0' && s->is_fetching && e == ERR_NONE)
		if (pthread_cond_timedwait(&s->fetched, &s->lock, &until) == ETIMEDOUT)
			e = ERR_WECHAT_TIMEOUT;
	is_usable = *s->token && s->token_expires_ms > clock_wall_ms();
	if (e == ERR_NONE && !s->is_fetching && (!is_usable || s->token_expires_ms - EARLY_MS <= clock_wall_ms())) {
		s->is_fetching = true;
		pthread_mutex_unlock(&s->lock);
		e = fetch(w, deadline_ms, fresh, &expires_ms, told);
		pthread_mutex_lock(&s->lock);
		s->is_fetching = false;
		if (e == ERR_NONE) {
			memcpy(s->token, fresh, TOKEN_MAX);
			s->token_expires_ms = expires_ms;
		} else if (is_usable) {
			e = ERR_NONE;
		}
		pthread_cond_broadcast(&s->fetched);
	}
	if (e == ERR_NONE)
		memcpy(token, s->token, TOKEN_MAX);
	pthread_mutex_unlock(&s->lock);
	explicit_bzero(fresh, sizeof(fresh));
	return e == ERR_NONE && !*token ? ERR_WECHAT_BUSY : e;
}

enum error wechat_token(struct wechat *w, int64_t deadline_ms, char token[static TOKEN_MAX], struct wechat_told *told)
{
	struct store *store = w->shared->store;

	return store && !store_is_read_only(store) ? token_from_store(w, deadline_ms, token, told)
						    : token_from_memory(w, deadline_ms, token, told);
}

void wechat_token_drop(struct wechat *w, const char *token)
{
	struct wechat_shared *s = w->shared;

	if (s->store && !store_is_read_only(s->store)) {
		store_token_drop(s->store, token);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (strcmp(s->token, token) == 0)
		s->token[0] = '\0';
	else
		text_copy(s->refused, sizeof(s->refused), token);
	pthread_mutex_unlock(&s->lock);
}
