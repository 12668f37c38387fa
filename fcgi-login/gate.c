/* gate.c - a counter with a bounded wait. */
#include "gate.h"

#include "clock.h"

int gate_init(struct gate *g)
{
	g->inside = g->waiting = 0;
	pthread_mutex_init(&g->lock, NULL);
	return clock_cond_init(&g->left);
}

void gate_fini(struct gate *g)
{
	pthread_cond_destroy(&g->left);
	pthread_mutex_destroy(&g->lock);
}

bool gate_enter(struct gate *g, int max, int max_waiting, int wait_ms)
{
	struct timespec until;
	bool may = true;

	pthread_mutex_lock(&g->lock);
	if (g->inside >= max && g->waiting < max_waiting) {
		until = clock_timespec(clock_mono_ms() + wait_ms);
		g->waiting++;
		while (g->inside >= max && may)
			may = pthread_cond_timedwait(&g->left, &g->lock, &until) == 0;
		g->waiting--;
	}
	may = g->inside < max;
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
