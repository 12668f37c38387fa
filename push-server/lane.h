/* lane.h - a thread that does one thing after another, for work that waits for other servers.
 * Threads:  lane_post and lane_waiting any; the others the lane's owner.
 * Bounds:   max things may wait; past it lane_post refuses. */
#ifndef WXCHAT_LANE_H
#define WXCHAT_LANE_H

#include "mailbox.h"

struct lane;

struct lane_options {
	const char *name;		/* of the thread, 15 characters at most */
	unsigned max;
	unsigned tick_ms;		/* tick is called about so often, between two mails; 0 for never */
	void (*tick)(void *owner);
	void *owner;			/* passed to tick and to each mail's run */
};

/* NULL when memory or threads are short. */
struct lane *lane_new(const struct lane_options *options);

/* Takes the mail on 0; it is run in the lane's thread, in order.  -EAGAIN when too much waits, -ESHUTDOWN after
 * lane_stop. */
int lane_post(struct lane *l, struct mail *mail);
/* How many are not done yet, the one under way among them. */
unsigned lane_waiting(struct lane *l);

/* Takes no more, runs what waits, ends the thread. */
void lane_stop(struct lane *l);
void lane_free(struct lane *l);

#endif
