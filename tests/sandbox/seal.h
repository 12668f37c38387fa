/* seal.h - WeChat's cryptography, from WeChat's side: signing and encrypting.
 * Written apart from the servers' own crypto on purpose, so that the two check each other.
 * Errors: a failing OpenSSL ends the program with one line. */
#ifndef SEAL_H
#define SEAL_H

#include <stddef.h>

enum {
	SEAL_SHA1_HEX = 41,	/* sizes with the NUL */
	SEAL_SHA256_HEX = 65,
	SEAL_KEY_B64 = 25,	/* 16 bytes in base64 */
	SEAL_PUSH_KEY_LEN = 43	/* EncodingAESKey, without NUL */
};

/* n random characters of [A-Za-z0-9] and a NUL. */
void seal_random_text(char *out, size_t n);

/* 16 random bytes in base64: a session_key, or an iv. */
void seal_random_key(char out[static SEAL_KEY_B64]);

/* Standard base64 of p[0..len); free() it. */
char *seal_base64(const void *p, size_t len);

/* userInfo's signature: lower-case hex of SHA-1(raw_data, session_key's text). */
void seal_signature(const char *raw_data, const char *session_key,
		    char out[static SEAL_SHA1_HEX]);

/* The signature of the session-key APIs: hex HMAC-SHA-256 of "" keyed by the key's text. */
void seal_login_state(const char *session_key, char out[static SEAL_SHA256_HEX]);

/* "o" and 27 characters of [A-Za-z0-9_-], always the same for the same two texts. */
void seal_open_id(const char *app_id, const char *name, char out[static 29]);

/* AES-128-CBC of text under session_key and a fresh iv, in base64; free() it. */
char *seal_user_data(const char *session_key, const char *text, char iv[static SEAL_KEY_B64]);

/* A message push in safe mode: base64 of AES-256-CBC over random, length, text and app_id,
 * padded to 32; free() it.  NULL if push_key is not 43 characters of base64. */
char *seal_push(const char *push_key, const char *text, const char *app_id);

/* Lower-case hex of SHA-1 over the n texts, sorted bytewise and joined.  Reorders parts. */
void seal_push_signature(const char **parts, size_t n, char out[static SEAL_SHA1_HEX]);

#endif
