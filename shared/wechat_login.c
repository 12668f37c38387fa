/* wechat_login.c - code2Session, for a thread that waits and for callers that do not. */
#include "wechat.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "http_loop.h"
#include "wechat_internal.h"

static enum error read_identity(struct wechat_shared *shared, struct question *q, struct wechat_identity *out)
{
	struct wechat_identity who = { .unionid = "" };
	size_t len = 0;

	if (answer_refuses_code(q->told->errcode))
		return ERR_LOGIN_FAILED;
	if (q->told->errcode)
		return wechat_unexpected(shared, q, "an errcode that the client cannot mend");
	if (!answer_take_text(q->answer, "openid", who.openid, OPENID_MAX))
		return wechat_unexpected(shared, q, "no openid");
	if (!answer_take_key(q->answer, who.session_key))
		return wechat_unexpected(shared, q, "no session_key");
	/* Only programs bound to an Open Platform account have one; "" is as good as none. */
	if (answer_has(q->answer, "unionid") && !answer_take_text(q->answer, "unionid", who.unionid, OPENID_MAX) &&
	    (!json_text(q->answer, "unionid", &len) || len > 0))
		return wechat_unexpected(shared, q, "unionid is no text");
	*out = who;
	explicit_bzero(&who, sizeof(who));
	return ERR_NONE;
}

/* ERR_NONE, or why there is nothing to ask. */
static enum error make_question(const struct wechat_shared *shared, struct question *q, const char *code)
{
	const struct config *config = shared->config;

	q->once = true;
	if (!*code || strnlen(code, CODE_MAX + 1) > CODE_MAX)
		return ERR_LOGIN_FAILED;
	if (question_add(q, "appid", config->wechat.app_id) < 0 ||
	    question_add(q, "secret", config->wechat.app_secret) < 0 ||
	    question_add(q, "js_code", code) < 0 ||
	    question_add(q, "grant_type", "authorization_code") < 0)
		return ERR_WECHAT_BUSY;	/* out of memory */
	return ERR_NONE;
}

static void question_begin(struct question *q, const struct wechat_shared *shared, struct wechat_told *told)
{
	question_init(q, shared, "jscode2session", "/sns/jscode2session", told);
}

enum error wechat_code2session(struct wechat *w, const char *code, struct wechat_identity *out,
			       struct wechat_told *told)
{
	struct question q;
	enum error e;

	question_begin(&q, w->shared, told);
	e = make_question(w->shared, &q, code);
	if (e == ERR_NONE)
		e = wechat_ask(w, &q);
	if (e == ERR_NONE)
		e = read_identity(w->shared, &q, out);
	question_fini(&q);
	return e;
}

/* --- without waiting --- */

struct exchange {
	struct wechat_shared *shared;
	struct http_loop *loop;
	struct wechat_exchange *asked;
	struct question q;
	struct attempt attempt;
	struct http_job job;
	int64_t began_ms, until_ms;	/* until_ms: of this attempt */
	bool was_busy;
};

static void exchange_end(struct exchange *x, enum error e)
{
	struct wechat_exchange *asked = x->asked;

	x->q.told->waited_ms += (unsigned)(clock_mono_ms() - x->began_ms);
	e = question_verdict(&x->q, e);
	if (e == ERR_NONE)
		e = read_identity(x->shared, &x->q, &asked->who);
	question_fini(&x->q);
	free(x);
	asked->done(asked->arg, e);
}

static void on_answer(void *arg, int r, struct http_answer *answer);

static void exchange_attempt(struct exchange *x, int64_t pause_ms)
{
	int64_t at_ms = clock_mono_ms() + pause_ms;
	enum error e = attempt_begin(&x->attempt, x->shared, &x->q, NULL, at_ms);

	if (e != ERR_NONE) {
		exchange_end(x, e);
		return;
	}
	x->until_ms = at_ms + x->attempt.pass.patience_ms;
	x->job = (struct http_job){ .request = x->attempt.request, .ca_file = x->shared->config->wechat.ca_file,
				    .not_before_ms = pause_ms ? at_ms : 0, .done = on_answer, .arg = x };
	http_loop_submit(x->loop, &x->job);
}

static void on_answer(void *arg, int r, struct http_answer *answer)
{
	struct exchange *x = arg;
	enum error e;

	if (attempt_again(&x->attempt, r, x->until_ms)) {
		x->job.request.timeout_ms = x->attempt.request.timeout_ms;
		x->job.not_before_ms = 0;
		http_loop_submit(x->loop, &x->job);
		return;
	}
	e = attempt_end(&x->attempt, x->shared, &x->q, r, answer);
	if (!x->was_busy && question_again(&x->q, e)) {
		x->was_busy = true;
		exchange_attempt(x, BUSY_PAUSE_MS);
		return;
	}
	exchange_end(x, e);
}

void wechat_code2session_later(struct wechat_shared *shared, struct http_loop *loop, const char *code,
			       struct wechat_exchange *asked)
{
	struct exchange *x = calloc(1, sizeof(*x));
	enum error e;

	if (!x) {
		asked->done(asked->arg, ERR_WECHAT_BUSY);
		return;
	}
	*x = (struct exchange){ .shared = shared, .loop = loop, .asked = asked, .began_ms = clock_mono_ms() };
	question_begin(&x->q, shared, &asked->told);
	e = make_question(shared, &x->q, code);
	if (e == ERR_NONE)
		exchange_attempt(x, 0);
	else
		exchange_end(x, e);
}
