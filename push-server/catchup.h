/* catchup.h - a replay that goes on piece by piece, as fast as the connection takes it: what waits for one that reads slowly
 * is one piece, however much it missed.
 * Meanwhile the connection is a member of the room, and hears all of it but messages, which it gets from the history when their
 * turn comes.  The home's answer that reaches the newest one comes in the same order as what is told live: nothing slips
 * between the two, and nothing comes twice.
 * Threads: the connection's worker. */
#ifndef WXCHAT_CATCHUP_H
#define WXCHAT_CATCHUP_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct reply;
struct room;

/* Messages of r come from the history from now on, from number next.  Takes the place of a replay that is under way there.
 * -ENOMEM. */
int catchup_begin(struct conn *c, struct room *r, uint64_t next);

/* Does c get the messages of r from the history now?  For connections whose is_catching_up says that it does somewhere. */
bool catchup_is(const struct conn *c, const struct room *r);

/* Asks for the next piece, unless one is on its way: the rooms take turns.  For when little waits for the connection. */
void catchup_go_on(struct conn *c);

/* The home's answer: tells the piece to c, which is open. */
void catchup_take(struct conn *c, const struct reply *reply);

/* The place in the room is gone, or the connection. */
void catchup_drop(struct conn *c, const struct room *r);
void catchup_free(struct conn *c);

#endif
