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

/* Of a whole request: the three headers, and the query's parameters X-WX-Id and X-WX-Skey (names of any case).  What has not
 * the form of an id or an skey counts as absent, because headers come mangled, or are somebody else's.  The headers count
 * if they suffice, then the query, then what both have together.  0; -ENOENT when nothing was shown; -EINVAL when what was
 * shown is no good. */
int credentials_find(const char *id, const char *skey, const char *authorization, const char *query, size_t len,
		     struct credentials *out);

#endif
