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

void question_init(struct question *q, const struct wechat_shared *shared, const char *what, const char *path,
		   struct wechat_told *told);
void question_fini(struct question *q);

/* Adds "name=value" to the query, escaped. */
int question_add(struct question *q, const char *name, const char *value);

/* Asks within the deadline, and again where that is right.  ERR_NONE means that WeChat said something: told->errcode
 * is 0, or a code that is not its being busy. */
enum error wechat_ask(struct wechat *w, struct question *q);

/* The same with an access token, and once more with a new one when WeChat does not take it. */
enum error wechat_ask_with_token(struct wechat *w, struct question *q);

/* One attempt in two halves, for who does not wait between them.  begin: what is to be sent at at_ms, for which the breaker
 * has given its pass; ERR_NONE, or why nothing may be sent.  end: what r and answer (http.h) mean; frees the answer.
 * attempt and q live from one to the other. */
struct attempt {
	struct http_request request;
	struct buf url;			/* holds secrets */
	struct breaker_pass pass;
	bool was_refused;		/* no connection; tried once more */
};
enum error attempt_begin(struct attempt *a, struct wechat_shared *shared, struct question *q, const char *token,
			 int64_t at_ms);
enum error attempt_end(struct attempt *a, struct wechat_shared *shared, struct question *q, int r,
		       struct http_answer *answer);

/* Where nothing was sent because the connection failed: true once, and then the request is to be sent again. */
bool attempt_again(struct attempt *a, int r, int64_t until_ms);

/* After ERR_NONE, the first time: whether WeChat was busy and may be asked again after BUSY_PAUSE_MS.  The one answer after
 * which it may. */
enum { BUSY_PAUSE_MS = 250 };
bool question_again(const struct question *q, enum error e);

/* What an answer's errcode means whatever the question was. */
enum error question_verdict(const struct question *q, enum error e);

/* What only the operator can mend: a loud line, and ERR_WECHAT_BAD_ANSWER. */
enum error wechat_unexpected(struct wechat_shared *shared, const struct question *q, const char *why);

/* --- reading answers --- */

enum { CODE_MAX = 1024 };	/* WeChat names no length; 32 characters are seen */

/* A member that is a text of printable ASCII, 1 to max characters, copied. */
bool answer_take_text(struct json_object *o, const char *key, char *out, size_t max);
/* WeChat's own are 16 bytes in base64; whether one opens what a client sends is seen when it comes to that. */
bool answer_take_key(struct json_object *o, char out[static WECHAT_KEY_MAX + 1]);
/* There, and not null. */
bool answer_has(struct json_object *o, const char *key);
/* An errcode that is the client's affair: the code is used, old, or of somebody who is not let in. */
bool answer_refuses_code(int64_t errcode);

/* --- the access token --- */

enum error wechat_token(struct wechat *w, int64_t deadline_ms, char token[static TOKEN_MAX], struct wechat_told *told);
void wechat_token_drop(struct wechat *w, const char *token);

#endif
