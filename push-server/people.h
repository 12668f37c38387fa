/* people.h - what has been decided about people: who may enter, speak and moderate; and carrying decisions out on live
 * connections.
 * Threads: people_may_* a worker's (with its reader); the others any. */
#ifndef WXCHAT_PEOPLE_H
#define WXCHAT_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "history.h"
#include "uid.h"

struct conn;
struct server;
struct worker;

bool people_is_banned(struct worker *w, const struct uid *uid, const char *address, int64_t now_ms);
bool people_is_muted(struct worker *w, const char *room, const struct uid *uid, int64_t now_ms);
bool people_is_moderator(struct worker *w, const char *room, const struct uid *uid);

/* Public rooms: everybody.  "@dm:<uid>:<uid>": these two.  Other names that begin with "@": who is enrolled. */
bool people_may_enter(struct worker *w, const char *room, const struct uid *uid);

/* In w's thread, once: every worker has done it, and every room's home has heard of it. */
typedef void people_done(void *arg, struct worker *w);

/* Both: 0, or -ENOMEM, and nothing happens. */

/* Closes every connection of the user (or, with address, from there); CLOSE_BANNED sends the error object first. */
int people_disconnect(struct server *s, const struct uid *uid, const char *address, enum close_code code, people_done *done,
		      void *arg);

/* Takes the user's connections out of the room, and those that are on their way in; they are told "kicked", or a refusal if
 * they do not ask for all events. */
int people_kick(struct server *s, const char *room, const struct uid *uid, people_done *done, void *arg);

/* The same for one connection, which has been let in.  Its worker's thread. */
void people_put_out(struct conn *c, const char *room);

#endif
