/* wechat_internal.h - what wechat.c, wechat_ask.c and wechat_token.c share. */
#ifndef WXCHAT_WECHAT_INTERNAL_H
#define WXCHAT_WECHAT_INTERNAL_H

#include <pthread.h>

#include "breaker.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "wechat.h"

struct wechat_shared {
	const struct config *config;
	struct store *store;		/* NULL: none */
	struct breaker breaker;
	pthread_mutex_t lock;		/* what follows */
	struct log_limit loud;
	pthread_cond_t fetched;		/* the token in memory, where there is no store to write it to */
	bool is_fetching;
	char token[TOKEN_MAX], refused[TOKEN_MAX];	/* refused: of the store's, one that WeChat does not take */
	int64_t token_expires_ms;
};

struct wechat {
	struct wechat_shared *shared;
	struct http *http;
};

/* One question, from its making to the answer's end. */
struct question {
	const char *what;		/* for the log */
	const char *path;
	struct buf query;		/* "a=b&c=d"; holds secrets */
	struct buf body;		/* not empty: a POST of JSON */
	bool once;			/* a code in it works once: never sent again where it may have arrived */
	int64_t deadline_ms;		/* monotonic */
	struct wechat_told *told;
	struct json_object *answer;	/* an object, after ERR_NONE */
};

void question_init(struct question *q, struct wechat *w, const char *what, const char *path, struct wechat_told *told);
void question_fini(struct question *q);

/* Adds "name=value" to the query, escaped. */
int question_add(struct question *q, const char *name, const char *value);

/* Asks within the deadline, and again where that is right.  ERR_NONE means that WeChat said something: told->errcode
 * is 0, or a code that is not its being busy. */
enum error wechat_ask(struct wechat *w, struct question *q);

/* The same with an access token, and once more with a new one when WeChat does not take it. */
enum error wechat_ask_with_token(struct wechat *w, struct question *q);

/* What only the operator can mend: a loud line, and ERR_WECHAT_BAD_ANSWER. */
enum error wechat_unexpected(struct wechat *w, const struct question *q, const char *why);

enum error wechat_token(struct wechat *w, int64_t deadline_ms, char token[static TOKEN_MAX], struct wechat_told *told);
void wechat_token_drop(struct wechat *w, const char *token);

#endif
