/* issue.h - making sessions: ids, keys and what the store may keep of them.
 * Threads: any. */
#ifndef WXCHAT_ISSUE_H
#define WXCHAT_ISSUE_H

#include "store.h"
#include "wechat.h"

/* The key under which session_keys are sealed, from the AppSecret. */
int issue_seal_key(const char *app_secret, uint8_t key[static 32]);

/* A new session: id of 32 random bytes; skey = HMAC-SHA-256, keyed by app_secret, over app_id, session_key, id and
 * the expiry time.  *out holds SHA-256 of the skey's text and the session_key sealed for this id; skey is the only
 * copy of the secret.  0 or a negative errno: then nothing was made. */
int issue_session(const char *app_id, const char *app_secret, const uint8_t seal_key[static 32],
		  const char *session_key, int64_t now_ms, int64_t expires_ms, struct session *out,
		  char skey[static SKEY_TEXT_LEN + 1]);

/* Seals session_key for a session's id; *len is what was written. */
int issue_seal(const uint8_t seal_key[static 32], const uint8_t id[static SESSION_ID_LEN],
	       const char *session_key, uint8_t sealed[static SEALED_MAX], size_t *len);

/* The session_key again, as text.  -EBADMSG when it was sealed under another AppSecret. */
int issue_open(const uint8_t seal_key[static 32], const struct session *s,
	       char session_key[static WECHAT_KEY_MAX + 1]);

#endif
