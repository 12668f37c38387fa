/* gate.c - a counter with a bounded wait. */
#include "gate.h"

#include <time.h>

int gate_init(struct gate *g)
{
	pthread_condattr_t attr;
	int r;

	g->inside = 0;
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = -pthread_cond_init(&g->left, &attr);
	pthread_condattr_destroy(&attr);
	return r;
}

void gate_fini(struct gate *g)
{
	pthread_cond_destroy(&g->left);
	pthread_mutex_destroy(&g->lock);
}

bool gate_enter(struct gate *g, int max, int wait_ms)
{
	struct timespec until;
	bool may = true;

	pthread_mutex_lock(&g->lock);
	if (g->inside >= max) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += wait_ms / 1000;
		until.tv_nsec += wait_ms % 1000 * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000L;
		}
		while (g->inside >= max && may)
			may = pthread_cond_timedwait(&g->left, &g->lock, &until) == 0;
		may = g->inside < max;
	}
	if (may)
		g->inside++;
	pthread_mutex_unlock(&g->lock);
	return may;
}

void gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->inside--;
	pthread_cond_signal(&g->left);
	pthread_mutex_unlock(&g->lock);
}
