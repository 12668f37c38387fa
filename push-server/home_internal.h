/* home_internal.h - what the files of a room's home share: home.c (who is there, and telling), home_join.c (joining and
 * replaying), home_past.c (the past and the members), home_asks.c (the other requests, and what the history answers). */
#ifndef WXCHAT_HOME_INTERNAL_H
#define WXCHAT_HOME_INTERNAL_H

#include "home.h"
#include "worker.h"

/* The home of that name on this worker; make: made if need be (NULL then: memory or the history is out of order). */
struct home *home_get(struct worker *w, const char *name, bool make);

/* Takes it away when nothing needs it any more. */
void home_free_if_idle(struct home *h);

/* p to every worker that has members, and to `also` (NO_WORKER: none). */
void home_tell_all(struct home *h, struct post *p, unsigned also);

/* A user has come or gone for good; told now or with the next second. */
void home_arrived(struct home *h, const struct uid *uid, bool is_leave);

/* One connection less. */
void home_left(struct home *h, unsigned worker, const struct uid *uid, bool is_asked);

/* Who a uid is; a name-less one when the store does not know (any more). */
void home_who(struct worker *w, const struct uid *uid, struct member *out);

/* Answers the ask with these posts (references are taken over; NULL ones make it a refusal for want of memory) and frees
 * the ask. */
void home_answer(struct worker *w, struct ask *ask, enum error e, struct post **posts, uint32_t count);
void home_refuse(struct worker *w, struct ask *ask, enum error e, const char *message);

void home_answer_one(struct worker *w, struct ask *ask, struct post *p);

/* Users in the room that is asked. */
uint32_t home_num(struct worker *w, const struct ask *ask);

/* The end of an event's text: adds what more says (printf) and the brace, and makes the post; r is the outcome so far. */
struct post *home_words(struct buf *words, int r, uint32_t num, const char *more, ...)
	__attribute__((format(printf, 4, 5)));

/* The stored message as the post that tells it. */
struct post *home_message_post(const char *room, const struct history_entry *entry);

void home_join(struct worker *w, struct ask *ask);
void home_catch_up(struct worker *w, struct ask *ask);
void home_take(struct worker *w, struct ask *ask);
void home_past(struct worker *w, struct ask *ask);
void home_members(struct worker *w, struct ask *ask);

#endif
