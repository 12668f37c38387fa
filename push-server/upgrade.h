/* upgrade.h - from an HTTP request to a connection with a session: which endpoint, from where, who.
 * Threads: the connection's worker. */
#ifndef WXCHAT_UPGRADE_H
#define WXCHAT_UPGRADE_H

#include <stddef.h>

#include "error.h"
#include "handshake.h"

struct conn;
struct credentials;

/* More bytes of the request.  Returns how many of them were used; what is behind the head is frames. */
size_t upgrade_take(struct conn *c, const char *bytes, size_t len);

/* Looks the credentials up; on ERR_NONE the connection is authorised.  Checks bans. */
enum error upgrade_session(struct conn *c, const struct credentials *shown);

/* What follows a verdict other than ERR_NONE. */
void upgrade_dismiss(struct conn *c, enum error verdict);

#endif
