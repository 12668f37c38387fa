/* pushcrypt.h - the signatures and the encryption of WeChat's message push.
 * Threads: any. */
#ifndef WXCHAT_PUSHCRYPT_H
#define WXCHAT_PUSHCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Is signature the SHA-1, in hex, of the texts sorted bytewise and put together?  The texts are token, timestamp,
 * nonce and, for an encrypted message, its base64 text (NULL for none). */
bool pushcrypt_signed(const char *token, const char *timestamp, const char *nonce, const char *encrypted,
		      const char *signature);

/* Decrypts the base64 text: 16 random bytes, 4 of length, the message, our app_id.  Appends the message to out.
 * -EBADMSG, whatever is wrong; -ENOMEM. */
int pushcrypt_open(const uint8_t key[static 32], const char *app_id, const char *encrypted, struct buf *out);

#endif
