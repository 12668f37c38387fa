/* credentials.h - what a client shows to prove its session, in each form that clients send it:
 * X-WX-Id with X-WX-Skey, X-WX-Skey alone as "<id>.<skey>", or Authorization: Bearer <id>.<skey>.
 * Threads: any. */
#ifndef WXCHAT_CREDENTIALS_H
#define WXCHAT_CREDENTIALS_H

#include <stddef.h>
#include <stdint.h>

enum { SESSION_ID_LEN = 32, SKEY_TEXT_LEN = 64 };

struct credentials {
	uint8_t id[SESSION_ID_LEN];
	char skey[SKEY_TEXT_LEN + 1];	/* lower-case hex; a secret */
};

/* Any argument may be NULL or empty (absent).  authorization is the whole header value.
 * 0; -ENOENT when nothing was shown; -EINVAL when it is malformed or the forms disagree. */
int credentials_read(const char *id, const char *skey, const char *authorization,
		     struct credentials *out);

/* The same from a query string (names of any case): X-WX-Id, X-WX-Skey. */
int credentials_from_query(const char *query, size_t len, struct credentials *out);

#endif
