/* relay.h - how much binary data of one sender is on its way to others.  A sender is not read while that is more
 * than its mark, so that a fast sender goes at the pace of the slowest reader and memory stays bounded.
 * Threads: relay_add the sender's worker; relay_done any. */
#ifndef WXCHAT_RELAY_H
#define WXCHAT_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "post.h"

struct mailbox;

/* One reference.  high is the mark in bytes.  resume is run by mail in the sender's worker, with its connection's name, once what is on its
 * way has fallen below half of the mark after relay_add said that it is too much. */
struct relay *relay_new(struct mailbox *to, struct conn_ref sender, size_t high,
			void (*resume)(void *worker, struct conn_ref sender));
void relay_unref(struct relay *r);

/* Counts len bytes of a post that carries r (and takes a reference for it).  True: stop reading. */
bool relay_add(struct relay *r, size_t len);
void relay_done(struct relay *r, size_t len);

#endif
