/* gate.h - how many threads may do one thing at a time.  Whoever finds it full waits a moment for a place; only when none
 * comes free is it turned away, so that a burst is served and a dead end is told.  Few may wait, because who waits holds a
 * thread that others need.
 * Threads: any. */
#ifndef WXCHAT_GATE_H
#define WXCHAT_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t left;
	int inside, waiting;
};

int gate_init(struct gate *g);
void gate_fini(struct gate *g);

/* Takes a place where at most max are inside, waiting up to wait_ms for one unless max_waiting wait already.  False: turned
 * away. */
bool gate_enter(struct gate *g, int max, int max_waiting, int wait_ms);
void gate_leave(struct gate *g);

#endif
