/* wechat.c - the questions that the product has for WeChat, and what each answer must look like. */
#include "wechat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "encode.h"
#include "text.h"
#include "utf8.h"
#include "wechat_internal.h"

enum {
	CONTENT_MAX_CHARS = 2500,
	SCENE_SOCIAL = 4
};

struct wechat_shared *wechat_shared_new(const struct config *config, struct store *store)
{
	struct wechat_shared *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = config;
	s->store = store;
	breaker_init(&s->breaker);
	pthread_mutex_init(&s->lock, NULL);
	clock_cond_init(&s->fetched);
	return s;
}

void wechat_shared_free(struct wechat_shared *s)
{
	if (!s)
		return;
	breaker_fini(&s->breaker);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->fetched);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

struct wechat *wechat_new(struct wechat_shared *shared)
{
	const struct http_options options = { .ca_file = shared->config->wechat.ca_file };
	struct wechat *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->shared = shared;
	w->http = http_new(&options);
	if (!w->http) {
		free(w);
		return NULL;
	}
	return w;
}

void wechat_free(struct wechat *w)
{
	if (!w)
		return;
	http_free(w->http);
	free(w);
}

bool answer_take_text(struct json_object *o, const char *key, char *out, size_t max)
{
	size_t len, i;
	const char *text = json_text(o, key, &len);

	if (!text || len == 0 || len > max)
		return false;
	for (i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	memcpy(out, text, len + 1);
	return true;
}

bool answer_has(struct json_object *o, const char *key)
{
	struct json_object *member;

	return json_object_object_get_ex(o, key, &member) && member;
}

bool answer_take_key(struct json_object *o, char out[static WECHAT_KEY_MAX + 1])
{
	return answer_take_text(o, "session_key", out, WECHAT_KEY_MAX);
}

bool answer_refuses_code(int64_t errcode)
{
	switch (errcode) {
	case 40029:	/* invalid, expired, or another program's */
	case 40163:	/* used */
	case 40226:	/* a user that WeChat does not let in */
	case 41008:	/* missing */
	case 42003:	/* expired */
		return true;
	default:
		return false;
	}
}

/* --- bodies --- */

/* Appends ,"key":"text"; the first one begins the object. */
static int body_text(struct question *q, const char *key, const char *text, size_t len)
{
	int r = buf_addf(&q->body, "%s\"%s\":", q->body.len ? "," : "{", key);

	return r < 0 ? r : json_quote(&q->body, text, len);
}

static int body_number(struct question *q, const char *key, int number)
{
	return buf_addf(&q->body, "%s\"%s\":%d", q->body.len ? "," : "{", key, number);
}

static enum error ask_body(struct wechat *w, struct question *q, int r)
{
	if (r == 0)
		r = buf_adds(&q->body, "}");
	return r < 0 ? ERR_WECHAT_BUSY : wechat_ask_with_token(w, q);
}

/* --- phone --- */

static bool is_phone(const char *text)
{
	return strspn(text, "+0123456789-") == strlen(text);
}

/* A text, or a number where one is wanted. */
static bool take_digits(struct json_object *o, const char *key, char *out, size_t max)
{
	char text[24];
	int64_t n;

	if (answer_take_text(o, key, out, max))
		return is_phone(out);
	if (!json_int(o, key, &n) || n < 0 || (size_t)snprintf(text, sizeof(text), "%lld", (long long)n) > max)
		return false;
	return text_copy(out, max + 1, text);
}

static enum error read_phone(struct wechat *w, struct question *q, char phone[static PHONE_MAX + 1],
			     char country[static 8])
{
	struct json_object *info = json_member(q->answer, "phone_info");
	char number[PHONE_MAX + 1], code[8];

	if (answer_refuses_code(q->told->errcode))
		return ERR_BAD_REQUEST;
	if (q->told->errcode)
		return wechat_unexpected(w->shared, q, "an errcode that the client cannot mend");
	if (!info || !take_digits(info, "phoneNumber", number, PHONE_MAX) ||
	    !take_digits(info, "countryCode", code, sizeof(code) - 1))
		return wechat_unexpected(w->shared, q, "no phone number in the answer");
	text_copy(phone, sizeof(number), number);
	text_copy(country, sizeof(code), code);
	return ERR_NONE;
}

enum error wechat_phone(struct wechat *w, const char *code, char phone[static PHONE_MAX + 1],
			char country[static 8], struct wechat_told *told)
{
	struct question q;
	enum error e;

	question_init(&q, w->shared, "getuserphonenumber", "/wxa/business/getuserphonenumber", told);
	q.once = true;
	if (!*code || strnlen(code, CODE_MAX + 1) > CODE_MAX)
		e = ERR_BAD_REQUEST;
	else
		e = ask_body(w, &q, body_text(&q, "code", code, strlen(code)));
	if (e == ERR_NONE)
		e = read_phone(w, &q, phone, country);
	question_fini(&q);
	return e;
}

/* --- WeChat's own session --- */

/* The key of the signature is the base64 text itself, and nothing is signed. */
static enum error ask_about_key(struct wechat *w, struct question *q, const char *openid, const char *session_key)
{
	const struct span nothing = { "", 0 };
	char signature[2 * SHA256_LEN + 1];
	uint8_t mac[SHA256_LEN];

	if (crypto_hmac_sha256(session_key, strlen(session_key), &nothing, 1, mac) < 0)
		return ERR_WECHAT_BUSY;
	hex_encode(mac, sizeof(mac), signature);
	if (question_add(q, "openid", openid) < 0 || question_add(q, "signature", signature) < 0 ||
	    question_add(q, "sig_method", "hmac_sha256") < 0)
		return ERR_WECHAT_BUSY;
	return wechat_ask_with_token(w, q);
}

static bool is_dead_key(int64_t errcode)
{
	return errcode == 87009 || errcode == 87007;
}

enum error wechat_check_session(struct wechat *w, const char *openid, const char *session_key, bool *valid,
				struct wechat_told *told)
{
	struct question q;
	enum error e;

	question_init(&q, w->shared, "checksession", "/wxa/checksession", told);
	e = ask_about_key(w, &q, openid, session_key);
	if (e == ERR_NONE && told->errcode && !is_dead_key(told->errcode))
		e = wechat_unexpected(w->shared, &q, "an errcode that is no verdict");
	else if (e == ERR_NONE && !answer_has(q.answer, "errcode"))
		e = wechat_unexpected(w->shared, &q, "no verdict in the answer");
	if (e == ERR_NONE)
		*valid = told->errcode == 0;
	question_fini(&q);
	return e;
}

enum error wechat_reset_session(struct wechat *w, const char *openid, const char *session_key,
				char new_key[static WECHAT_KEY_MAX + 1], struct wechat_told *told)
{
	char key[WECHAT_KEY_MAX + 1];
	struct question q;
	enum error e;

	question_init(&q, w->shared, "resetusersessionkey", "/wxa/resetusersessionkey", told);
	q.once = true;	/* a second time the signature is an old key's */
	e = ask_about_key(w, &q, openid, session_key);
	if (e == ERR_NONE && is_dead_key(told->errcode))
		e = ERR_INVALID_SESSION;
	else if (e == ERR_NONE && told->errcode)
		e = wechat_unexpected(w->shared, &q, "an errcode that the client cannot mend");
	else if (e == ERR_NONE && !answer_take_key(q.answer, key))
		e = wechat_unexpected(w->shared, &q, "no session_key");
	if (e == ERR_NONE)
		text_copy(new_key, sizeof(key), key);
	explicit_bzero(key, sizeof(key));
	question_fini(&q);
	return e;
}

/* --- content --- */

static enum error read_verdict(struct wechat *w, struct question *q, bool *risky, bool *review)
{
	struct json_object *result = json_member(q->answer, "result");
	const char *suggest;
	size_t len;

	if (q->told->errcode == 87014) {	/* the former way of saying it */
		*risky = true;
		*review = false;
		return ERR_NONE;
	}
	if (q->told->errcode)
		return wechat_unexpected(w->shared, q, "an errcode instead of a verdict");
	suggest = result ? json_text(result, "suggest", &len) : NULL;
	if (!suggest || (strcmp(suggest, "pass") != 0 && strcmp(suggest, "review") != 0 && strcmp(suggest, "risky") != 0))
		return wechat_unexpected(w->shared, q, "no verdict in the answer");
	*risky = strcmp(suggest, "risky") == 0;
	*review = strcmp(suggest, "review") == 0;
	return ERR_NONE;
}

enum error wechat_check_text(struct wechat *w, const char *openid, int scene, const char *text, size_t len,
			     bool *risky, bool *review, struct wechat_told *told)
{
	struct question q;
	enum error e;
	int r;

	question_init(&q, w->shared, "msg_sec_check", "/wxa/msg_sec_check", told);
	r = body_number(&q, "version", 2);
	if (r == 0)
		r = body_number(&q, "scene", scene);
	if (r == 0)
		r = body_text(&q, "openid", openid, strlen(openid));
	if (r == 0)
		r = body_text(&q, "content", text, utf8_prefix(text, len, CONTENT_MAX_CHARS));
	e = ask_body(w, &q, r);
	if (e == ERR_NONE)
		e = read_verdict(w, &q, risky, review);
	question_fini(&q);
	return e;
}

enum error wechat_check_media(struct wechat *w, const char *openid, const char *url, int media_type,
			      char trace_id[static 128], struct wechat_told *told)
{
	struct question q;
	enum error e;
	int r;

	question_init(&q, w->shared, "media_check_async", "/wxa/media_check_async", told);
	r = body_text(&q, "media_url", url, strlen(url));
	if (r == 0)
		r = body_number(&q, "media_type", media_type);
	if (r == 0)
		r = body_number(&q, "version", 2);
	if (r == 0)
		r = body_number(&q, "scene", SCENE_SOCIAL);
	if (r == 0)
		r = body_text(&q, "openid", openid, strlen(openid));
	e = ask_body(w, &q, r);
	if (e == ERR_NONE && told->errcode)
		e = wechat_unexpected(w->shared, &q, "an errcode instead of a trace_id");
	else if (e == ERR_NONE && !answer_take_text(q.answer, "trace_id", trace_id, 127))
		e = wechat_unexpected(w->shared, &q, "no trace_id in the answer");
	question_fini(&q);
	return e;
}

/* --- subscribe messages --- */

enum error wechat_notify(struct wechat *w, const char *openid, const char *template_id, const char *page,
			 const char *data, const char *state, struct wechat_told *told)
{
	struct question q;
	enum error e;
	int r;

	question_init(&q, w->shared, "subscribe/send", "/cgi-bin/message/subscribe/send", told);
	q.once = true;	/* a consent is for one message */
	r = body_text(&q, "touser", openid, strlen(openid));
	if (r == 0)
		r = body_text(&q, "template_id", template_id, strlen(template_id));
	if (r == 0 && *page)
		r = body_text(&q, "page", page, strlen(page));
	if (r == 0)
		r = buf_addf(&q.body, ",\"data\":%s", data);
	if (r == 0)
		r = body_text(&q, "miniprogram_state", state, strlen(state));
	if (r == 0)
		r = body_text(&q, "lang", "zh_CN", 5);
	e = ask_body(w, &q, r);
	if (e == ERR_NONE) {
		switch (told->errcode) {
		case 0:
			if (!answer_has(q.answer, "errcode")) {
				e = wechat_unexpected(w->shared, &q, "no errcode in the answer");
				told->is_unsure = true;
			}
			break;
		case 43101:	/* no consent, or it is used up */
		case 43107:	/* switched off by the user */
		case 43108:
			e = ERR_FORBIDDEN;
			break;
		default:
			e = wechat_unexpected(w->shared, &q, "the message was refused: check [notify]");
		}
	}
	question_fini(&q);
	return e;
}
