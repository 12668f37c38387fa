/* auth.h - whose request is this?
 * Threads: any; the call is the caller's. */
#ifndef WXCHAT_AUTH_H
#define WXCHAT_AUTH_H

#include "service.h"

/* The live session whose credentials the request shows (credentials_find) and its user.  A session in the
 * last half of its life is prolonged, at most once an hour.  ERR_INVALID_SESSION, ERR_BANNED, ERR_STORE. */
enum error auth_session(struct call *c, struct session *session, struct user *user);

/* What the request shows, proven or not: 0, -ENOENT when nothing, -EINVAL when malformed.  Holds a secret. */
int auth_credentials(const struct call *c, struct credentials *out);

/* Is this user (NULL: any) or this client's address banned? */
bool auth_banned(const struct call *c, const char *uid);

#endif
