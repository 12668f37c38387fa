/* wechat.h - WeChat's server-side API as this product uses it.
 * Threads:  one struct wechat a thread (it owns an HTTP handle); the breaker and token cache behind it are shared.
 * Waiting:  every call may wait up to [wechat] timeout_ms: never in an event loop.
 * Errors:   an enum error for the client (ERR_NONE when all went well), with WeChat's errcode and rid in *told. */
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
};

enum { SESSION_KEY_LEN = 24, WECHAT_KEY_MAX = 64 };

/* code2Session.  One retry on -1 within the timeout, one where the connection failed before sending; never else. */
struct wechat_identity {
	char openid[OPENID_MAX + 1], unionid[OPENID_MAX + 1];
	char session_key[WECHAT_KEY_MAX + 1];	/* base64 text; a secret */
};
enum error wechat_code2session(struct wechat *w, const char *code, struct wechat_identity *out,
			       struct wechat_told *told);

/* getuserphonenumber. */
enum error wechat_phone(struct wechat *w, const char *code, char phone[static PHONE_MAX + 1],
			char country[static 8], struct wechat_told *told);

/* checksession: *valid.  resetusersessionkey: the new key. */
enum error wechat_check_session(struct wechat *w, const char *openid, const char *session_key, bool *valid,
				struct wechat_told *told);
enum error wechat_reset_session(struct wechat *w, const char *openid, const char *session_key,
				char new_key[static WECHAT_KEY_MAX + 1], struct wechat_told *told);

/* msg_sec_check (scene 1 profile, 2 comment, 3 forum, 4 social log).  *risky, *review tell the verdict. */
enum error wechat_check_text(struct wechat *w, const char *openid, int scene, const char *text, size_t len,
			     bool *risky, bool *review, struct wechat_told *told);

/* media_check_async: media_type 1 audio, 2 image. */
enum error wechat_check_media(struct wechat *w, const char *openid, const char *url, int media_type,
			      char trace_id[static 128], struct wechat_told *told);

/* subscribe/send; data is the template's JSON object text.  43101 (no consent left) is told->errcode. */
enum error wechat_notify(struct wechat *w, const char *openid, const char *template_id, const char *page,
			 const char *data, const char *state, struct wechat_told *told);

#endif
