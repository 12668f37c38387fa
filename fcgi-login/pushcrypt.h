/* pushcrypt.h - the signatures and the encryption of WeChat's message push.
 * Threads: any. */
#ifndef WXCHAT_PUSHCRYPT_H
#define WXCHAT_PUSHCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { PUSH_KEY_LEN = 32 };

/* The key that text, the EncodingAESKey of WeChat's console, stands for.  It is 43 characters that somebody made up: 258 bits,
 * of which the last two are dropped.  0 or -EINVAL. */
int pushcrypt_key(const char *text, uint8_t key[static PUSH_KEY_LEN]);

/* Is signature the SHA-1, in hex, of the texts sorted bytewise and put together?  The texts are token, timestamp,
 * nonce and, for an encrypted message, its base64 text (NULL for none). */
bool pushcrypt_signed(const char *token, const char *timestamp, const char *nonce, const char *encrypted,
		      const char *signature);

/* Decrypts the base64 text: 16 random bytes, 4 of length, the message, our app_id.  Appends the message to out.
 * -EBADMSG, whatever is wrong; -ENOMEM. */
int pushcrypt_open(const uint8_t key[static PUSH_KEY_LEN], const char *app_id, const char *encrypted, struct buf *out);

#endif
