/* wechat_ask.c - one question to WeChat: the time it may take, when to ask again, what kind of answer it was. */
#include "wechat_internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "encode.h"

enum {
	ANSWER_MAX = 64 << 10,
	LOUD_A_SECOND = 5
};

void question_init(struct question *q, const struct wechat_shared *shared, const char *what, const char *path,
		   struct wechat_told *told)
{
	*q = (struct question){
		.what = what, .path = path, .told = told,
		.deadline_ms = clock_mono_ms() + shared->config->wechat.timeout_ms,
	};
	memset(told, 0, sizeof(*told));
}

void question_fini(struct question *q)
{
	buf_wipe(&q->query);
	buf_wipe(&q->body);
	json_object_put(q->answer);
	q->answer = NULL;
}

static int add_escaped(struct buf *out, const char *value)
{
	size_t len = strlen(value);
	int n = len > BUF_MAX / 4 ? -EMSGSIZE : buf_reserve(out, 3 * len + 1);

	if (n == 0)
		n = percent_encode(value, len, out->data + out->len, 3 * len + 1);
	if (n < 0)
		return n;
	out->len += (size_t)n;
	return 0;
}

int question_add(struct question *q, const char *name, const char *value)
{
	int r = buf_adds(&q->query, q->query.len ? "&" : "");

	if (r == 0 && (r = buf_adds(&q->query, name)) == 0)
		r = buf_adds(&q->query, "=");
	return r < 0 ? r : add_escaped(&q->query, value);
}

static int make_url(const struct wechat_shared *shared, const struct question *q, const char *token, struct buf *out)
{
	const char *base = shared->config->wechat.api_base;
	size_t len = strlen(base);
	int r;

	while (len > 0 && base[len - 1] == '/')
		len--;
	r = buf_addf(out, "%.*s%s%s", (int)len, base, q->path, token || q->query.len ? "?" : "");
	if (r == 0 && token) {
		r = buf_adds(out, "access_token=");
		if (r == 0)
			r = add_escaped(out, token);
		if (r == 0 && q->query.len)
			r = buf_adds(out, "&");
	}
	return r < 0 ? r : buf_add(out, q->query.data, q->query.len);
}

static bool may_be_loud(struct wechat_shared *shared)
{
	bool yes;

	pthread_mutex_lock(&shared->lock);
	yes = log_allowed(&shared->loud, LOUD_A_SECOND, clock_mono_ms());
	pthread_mutex_unlock(&shared->lock);
	return yes;
}

enum error wechat_unexpected(struct wechat_shared *shared, const struct question *q, const char *why)
{
	static const struct {
		int errcode;
		const char *advice;
	} advices[] = {
		{ 40001, "check [wechat] app_secret" },
		{ 40013, "check [wechat] app_id" },
		{ 40125, "check [wechat] app_secret" },
		{ 40164, "add this machine's address to the IP whitelist in WeChat's console" },
		{ 40243, "the AppSecret is frozen: thaw it in WeChat's console" },
		{ 41002, "set [wechat] app_id" },
		{ 41004, "set [wechat] app_secret" },
		{ 89503, "the administrator has to approve this machine's address in WeChat's console" },
	};
	char rid[LOG_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (advices[i].errcode == q->told->errcode)
			why = advices[i].advice;
	if (may_be_loud(shared))
		log_error("wechat-unexpected", "what=%s errcode=%lld rid=%s why=\"%s\"", q->what,
			  (long long)q->told->errcode, log_text(rid, q->told->rid, strlen(q->told->rid)), why);
	return ERR_WECHAT_BAD_ANSWER;
}

/* "invalid code, rid: 61c05c98-5cdac400-66abc4d5" */
static void take_rid(struct question *q)
{
	size_t len, n = 0;
	const char *text = json_text(q->answer, "errmsg", &len);
	const char *p = text ? strstr(text, "rid: ") : NULL;

	if (!p)
		return;
	p += 5;
	while (n < sizeof(q->told->rid) - 1 && (isalnum((unsigned char)p[n]) || p[n] == '-'))
		n++;
	memcpy(q->told->rid, p, n);
	q->told->rid[n] = '\0';
}

/* 0, "0" and 0.0 are seen; without one, told->errcode stays 0. */
static bool take_errcode(struct question *q)
{
	struct json_object *code;
	double d;

	if (!json_object_object_get_ex(q->answer, "errcode", &code) || !code)
		return true;
	if (json_int(q->answer, "errcode", &q->told->errcode))
		return true;
	if (!json_object_is_type(code, json_type_double))
		return false;
	d = json_object_get_double(code);
	if (d < -1e9 || d > 1e9)
		return false;
	q->told->errcode = (int64_t)d;
	return !(d < (double)q->told->errcode || d > (double)q->told->errcode);
}

static enum error read_answer(struct wechat_shared *shared, struct question *q, const struct http_answer *answer)
{
	if (answer->status != 200)
		return wechat_unexpected(shared, q, "an HTTP status that WeChat itself never sends");
	/* Never by Content-Type: this is text/plain as often as not. */
	q->answer = json_parse_answer(buf_str(&answer->body), answer->body.len);
	if (!q->answer)
		return wechat_unexpected(shared, q, "no JSON object");
	take_rid(q);
	if (!take_errcode(q))
		return wechat_unexpected(shared, q, "errcode is not a number");
	return ERR_NONE;
}

bool attempt_again(struct attempt *a, int r, int64_t until_ms)
{
	int64_t left_ms = until_ms - clock_mono_ms();

	if (r != -ECONNREFUSED || a->was_refused || left_ms <= 0)
		return false;
	a->was_refused = true;
	a->request.timeout_ms = (unsigned)left_ms;
	return true;
}

enum error attempt_begin(struct attempt *a, struct wechat_shared *shared, struct question *q, const char *token,
			 int64_t at_ms)
{
	static const char *const json_headers[] = { "Content-Type: application/json", NULL };
	int64_t left_ms = q->deadline_ms - at_ms;

	*a = (struct attempt){ .request = {
		.method = q->body.len ? "POST" : "GET",
		.headers = q->body.len ? json_headers : NULL,
		.body = q->body.len ? q->body.data : NULL, .body_len = q->body.len,
		.max_answer = ANSWER_MAX, .once = q->once,
	} };
	json_object_put(q->answer);
	q->answer = NULL;
	q->told->errcode = 0;
	q->told->rid[0] = '\0';
	q->told->is_unsure = false;
	if (left_ms <= 0)
		return ERR_WECHAT_TIMEOUT;
	if (make_url(shared, q, token, &a->url) < 0) {
		buf_wipe(&a->url);
		return ERR_WECHAT_BUSY;		/* out of memory */
	}
	a->pass = breaker_enter(&shared->breaker, (unsigned)left_ms);
	if (a->pass.patience_ms == 0) {
		buf_wipe(&a->url);
		return ERR_WECHAT_BUSY;
	}
	a->request.url = a->url.data;
	a->request.timeout_ms = a->pass.patience_ms;
	return ERR_NONE;
}

enum error attempt_end(struct attempt *a, struct wechat_shared *shared, struct question *q, int r,
		       struct http_answer *answer)
{
	enum error e;

	if (r == -EBUSY)
		breaker_return(&shared->breaker, &a->pass);
	else
		breaker_leave(&shared->breaker, &a->pass, r != -ETIMEDOUT && r != -ECONNREFUSED);
	buf_wipe(&a->url);
	q->told->is_unsure = r != -ECONNREFUSED && r != -EBUSY && r != -EKEYREJECTED && r != -ENOSYS && r != -EINVAL;
	switch (r) {
	case 0:
		e = read_answer(shared, q, answer);
		q->told->is_unsure = e != ERR_NONE;
		break;
	case -ETIMEDOUT:
		e = ERR_WECHAT_TIMEOUT;
		break;
	case -EBUSY:	/* no place among those that ask (http_loop.h) */
	case -ENOMEM:
		e = ERR_WECHAT_BUSY;
		break;
	case -ECONNREFUSED:
		e = wechat_unexpected(shared, q, "no connection");
		break;
	case -EMSGSIZE:
		e = wechat_unexpected(shared, q, "an answer far too large");
		break;
	case -EKEYREJECTED:
		e = wechat_unexpected(shared, q,
				      "its certificate cannot be verified: install ca-certificates, or set [wechat] ca_file");
		break;
	case -ENOSYS:
		e = wechat_unexpected(shared, q, "no libcurl on this machine");
		break;
	case -EINVAL:
		e = wechat_unexpected(shared, q, "[wechat] api_base is no URL that may be asked");
		break;
	default:
		e = wechat_unexpected(shared, q, "the connection ended without an answer");
	}
	buf_wipe(&answer->body);
	return e;
}

static enum error ask_once(struct wechat *w, struct question *q, const char *token)
{
	int64_t now_ms = clock_mono_ms();
	struct http_answer answer;
	struct attempt a;
	enum error e;
	int r;

	if ((e = attempt_begin(&a, w->shared, q, token, now_ms)) != ERR_NONE)
		return e;
	do
		r = http_perform(w->http, &a.request, &answer);
	while (attempt_again(&a, r, now_ms + a.pass.patience_ms));
	return attempt_end(&a, w->shared, q, r, &answer);
}

bool question_again(const struct question *q, enum error e)
{
	return e == ERR_NONE && q->told->errcode == -1 && q->deadline_ms - clock_mono_ms() > 2 * BUSY_PAUSE_MS;
}

enum error question_verdict(const struct question *q, enum error e)
{
	if (e != ERR_NONE)
		return e;
	switch (q->told->errcode) {
	case -1:	/* busy */
	case 45009:	/* the day's quota */
	case 45011:	/* the minute's */
	case 44991:
		return ERR_WECHAT_BUSY;
	default:
		return ERR_NONE;
	}
}

static void pause_ms(int64_t ms)
{
	const struct timespec t = clock_timespec(ms);

	nanosleep(&t, NULL);
}

static enum error ask(struct wechat *w, struct question *q, const char *token)
{
	int64_t began_ms = clock_mono_ms();
	enum error e = ask_once(w, q, token);

	if (question_again(q, e)) {
		pause_ms(BUSY_PAUSE_MS);
		e = ask_once(w, q, token);
	}
	q->told->waited_ms += (unsigned)(clock_mono_ms() - began_ms);
	return question_verdict(q, e);
}

enum error wechat_ask(struct wechat *w, struct question *q)
{
	return ask(w, q, NULL);
}

enum error wechat_ask_with_token(struct wechat *w, struct question *q)
{
	char token[TOKEN_MAX];
	enum error e = ERR_NONE;
	int tries;

	for (tries = 0; tries < 2; tries++) {
		e = wechat_token(w, q->deadline_ms, token, q->told);
		if (e != ERR_NONE)
			break;
		e = ask(w, q, token);
		if (e != ERR_NONE ||
		    (q->told->errcode != 40001 && q->told->errcode != 40014 && q->told->errcode != 42001))
			break;
		wechat_token_drop(w, token);
	}
	explicit_bzero(token, sizeof(token));
	return e;
}
