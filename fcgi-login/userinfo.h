/* userinfo.h - what WeChat signs and encrypts about a user: is it WeChat's, ours, and of this user?
 * Threads:  any; nothing is kept.
 * Secrets:  session_key is WeChat's base64 text; it is borrowed and never copied into an answer. */
#ifndef WXCHAT_USERINFO_H
#define WXCHAT_USERINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "json.h"

/* Is signature (40 hexadecimal digits) the SHA-1 of raw followed by session_key's text?  The tutorial of old writes
 * the two the other way round; WeChat's own test vector decides. */
bool userinfo_signed(const char *raw, size_t raw_len, const char *session_key, const char *signature);

/* Can these be what they claim, before a code is spent on them? */
bool userinfo_plausible(const char *encrypted, const char *iv);

/* Decrypts encryptedData (base64) and checks that its watermark names app_id, and that openId, when the data has one (null
 * and "" are none), is openid (NULL: any).  The watermark's time is not judged, nor need it have one: only who got the session_key by the code could have made the
 * data, and clocks of phones are wrong.  Returns the object, which the caller puts; NULL when anything is wrong, without
 * saying what. */
struct json_object *userinfo_open(const char *encrypted, const char *iv, const char *session_key,
				  const char *app_id, const char *openid);

/* Is this the name that WeChat gives everybody since 2021?  It says nothing about the user. */
bool userinfo_is_anonymous(const char *nick, size_t len);

#endif
