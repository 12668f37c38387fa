/* wechat.h - WeChat's server-side API as this product uses it.
 * Threads:  one struct wechat a thread (it owns an HTTP handle); the breaker and token cache behind it are shared.
 * Waiting:  every call may wait up to [wechat] timeout_ms: never in an event loop.
 * Errors:   an enum error for the client, with WeChat's errcode and rid in *told:
 *           ERR_NONE                all went well
 *           ERR_LOGIN_FAILED        WeChat refused the login code
 *           ERR_BAD_REQUEST         it refused the phone code (its 401 would end the session in the SDKs' eyes)
 *           ERR_FORBIDDEN           a subscribe message that the user did not or no longer agree to
 *           ERR_INVALID_SESSION     a session_key that is no longer the valid one
 *           ERR_WECHAT_BUSY         it said so, twice, or a quota is used up; or it was not asked: it does not answer others
 *                                   either, and one of them finds out just now whether it is back (breaker.h)
 *           ERR_WECHAT_TIMEOUT      no answer in time
 *           ERR_WECHAT_BAD_ANSWER   refused connections, closed ones, answers that are none, and errcodes that
 *                                   only the operator can do something about; a loud log line says what
 *           ERR_STORE               the store with the access token is out of order */
#ifndef WXCHAT_WECHAT_H
#define WXCHAT_WECHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "store.h"

struct wechat;
struct wechat_shared;	/* breaker and token cache; one a process */

/* store may be read-only: then a missing access token is fetched and kept in memory.  NULL: always so. */
struct wechat_shared *wechat_shared_new(const struct config *config, struct store *store);
void wechat_shared_free(struct wechat_shared *shared);
struct wechat *wechat_new(struct wechat_shared *shared);
void wechat_free(struct wechat *w);

struct wechat_told {
	int64_t errcode;	/* 0 when WeChat named none */
	char rid[64];		/* for WeChat's support; safe to log */
	unsigned waited_ms;
	bool is_unsure;		/* the question may have arrived, but there was no answer that says what became of it */
};

enum { SESSION_KEY_LEN = 24, WECHAT_KEY_MAX = 64 };

/* code2Session.  One retry on -1 within the timeout, one where the connection failed before sending; never else. */
struct wechat_identity {
	char openid[OPENID_MAX + 1], unionid[OPENID_MAX + 1];
	char session_key[WECHAT_KEY_MAX + 1];	/* base64 text; a secret */
};
enum error wechat_code2session(struct wechat *w, const char *code, struct wechat_identity *out,
			       struct wechat_told *told);

/* The same for who does not wait: done is called once, with what wechat_code2session would have returned, by this thread
 * before the call returns, or by the loop's.  *asked and shared live until then; code is copied. */
struct http_loop;
struct wechat_exchange {
	void (*done)(void *arg, enum error e);
	void *arg;
	struct wechat_identity who;	/* out */
	struct wechat_told told;
};
void wechat_code2session_later(struct wechat_shared *shared, struct http_loop *loop, const char *code,
			       struct wechat_exchange *asked);

/* getuserphonenumber. */
enum error wechat_phone(struct wechat *w, const char *code, char phone[static PHONE_MAX + 1],
			char country[static 8], struct wechat_told *told);

/* checksession: *valid.  resetusersessionkey: the new key, ERR_INVALID_SESSION when the old one was not valid. */
enum error wechat_check_session(struct wechat *w, const char *openid, const char *session_key, bool *valid,
				struct wechat_told *told);
enum error wechat_reset_session(struct wechat *w, const char *openid, const char *session_key,
				char new_key[static WECHAT_KEY_MAX + 1], struct wechat_told *told);

/* msg_sec_check of at most 2500 characters (scene 1 profile, 2 comment, 3 forum, 4 social log).  *risky, *review tell the verdict. */
enum error wechat_check_text(struct wechat *w, const char *openid, int scene, const char *text, size_t len,
			     bool *risky, bool *review, struct wechat_told *told);

/* media_check_async: media_type 1 audio, 2 image. */
enum error wechat_check_media(struct wechat *w, const char *openid, const char *url, int media_type,
			      char trace_id[static 128], struct wechat_told *told);

/* subscribe/send; data is the template's JSON object text.  On errors the message was not sent, unless told->is_unsure. */
enum error wechat_notify(struct wechat *w, const char *openid, const char *template_id, const char *page,
			 const char *data, const char *state, struct wechat_told *told);

#endif
