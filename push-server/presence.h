/* presence.h - which users are in a room, over all their connections, and which have just gone.
 * Knows no names, no sockets, no clock.  16 bytes a user.
 * Threads: one owner. */
#ifndef WXCHAT_PRESENCE_H
#define WXCHAT_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "uid.h"

struct presence_user {
	struct uid uid;
	uint16_t connections;	/* 0: gone, but not told yet */
	uint32_t gone_s;	/* when, in the owner's seconds */
};

/* All zero is empty. */
struct presence {
	struct presence_user *slots;	/* a free one has connections 0 and gone_s 0 */
	uint32_t size, users;		/* users: those whose leaving was not told are counted */
	uint32_t gone;			/* of them, how many have no connection */
};

void presence_fini(struct presence *p);

/* One more connection.  1 when the user is new here, 0 when known (a return within the grace time too), -ENOMEM. */
int presence_join(struct presence *p, const struct uid *uid);

/* One connection less.  1 when it was the last: the user counts on until presence_expire or presence_forget; 0 otherwise.
 * now_s must not be 0. */
int presence_leave(struct presence *p, const struct uid *uid, uint32_t now_s);

/* Removes a user who has no connection; false if there is none such. */
bool presence_forget(struct presence *p, const struct uid *uid);

/* Removes a user who went before `before_s` and returns true with the uid; false when nobody (more) did.  *pos starts at 0
 * and goes on with the next call. */
bool presence_expire(struct presence *p, uint32_t *pos, uint32_t before_s, struct uid *out);

/* NULL if not here.  Borrowed until the next change. */
const struct presence_user *presence_find(const struct presence *p, const struct uid *uid);

/* Walks the users: *pos starts at 0; NULL at the end. */
const struct presence_user *presence_next(const struct presence *p, uint32_t *pos);

#endif
