/* request_internal.h - what the files of a client's request share: request.c (who may ask, and how often), message.c
 * (what is said), operation.c (what is asked for), reply.c (what the home answers).
 * Threads: the connection's worker. */
#ifndef WXCHAT_REQUEST_INTERNAL_H
#define WXCHAT_REQUEST_INTERNAL_H

#include "request.h"
#include "request_head.h"
#include "store.h"

struct room;

/* The session as it is now, in *who.  False: it has ended, and the connection with it (or the store is out of order, and
 * that has been said). */
bool request_session(struct conn *c, struct member *who, const char *cid, uint32_t tag);

/* One message more: within the rate?  False when it has been refused. */
bool request_rate(struct conn *c, const char *cid, uint32_t tag);

/* The room that the request names, or (NULL) the connection's first.  NULL: it is in none such, which has been said. */
struct room *request_place(struct conn *c, const char *name, const char *cid, uint32_t tag);

void ask_address(struct ask *ask, const char *room, const char *cid);

/* Sends it to the room's home; the connection is not read while too many of its asks wait.  request_ended: one less. */
void request_send(struct conn *c, struct ask *ask, uint32_t tag);
void request_ended(struct conn *c, enum request_kind kind);

void message_take(struct conn *c, const struct request_head *head, const struct member *who, uint32_t tag);
void operation_take(struct conn *c, const struct request_head *head, uint32_t tag);

extern const char request_room_rule[], request_no_memory[];

#endif
