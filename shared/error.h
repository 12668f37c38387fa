/* error.h - the errors that clients see: their names, statuses and the two bodies.
 * Threads: any; everything here is constant or the caller's. */
#ifndef WXCHAT_ERROR_H
#define WXCHAT_ERROR_H

#include <stdbool.h>

#include "buf.h"

/* The key by which wafer v1 clients recognise an answer of the session layer. */
#define WAFER_MAGIC "F2C224D4-2BCE-4C64-AF9F-A6D872000D1A"

enum error {
	ERR_NONE,
	ERR_INVALID_SESSION,
	ERR_LOGIN_FAILED,
	ERR_BAD_SIGNATURE,
	ERR_BAD_ENCRYPTED_DATA,
	ERR_BAD_REQUEST,
	ERR_TOO_LARGE,
	ERR_UNSUPPORTED_MEDIA,
	ERR_RATE_LIMITED,
	ERR_BANNED,
	ERR_FORBIDDEN,
	ERR_MUTED,
	ERR_RISKY_CONTENT,
	ERR_WECHAT_BUSY,
	ERR_WECHAT_TIMEOUT,
	ERR_WECHAT_BAD_ANSWER,
	ERR_STORE,
	ERR_NOT_FOUND,
	ERR_COUNT
};

const char *error_name(enum error e);		/* "ERR_INVALID_SESSION" ... */
int error_status(enum error e);			/* the HTTP status that fits */
const char *error_message(enum error e);	/* plain words, for when nothing better is known */

/* The body of an error answer.  With is_session_body the SDKs' "the session is dead" form
 * (magic key and code -1), else code 1.  message may be NULL for error_message(e); detail is a
 * JSON text added as "detail", or NULL. */
int error_body(struct buf *out, enum error e, bool is_session_body, const char *message,
	       const char *detail);

#endif
