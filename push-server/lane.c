/* lane.c - a list under a lock and a thread that empties it.  Knows nothing of what it runs. */
#include "lane.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"

/* Room for libcurl and a TLS handshake; only what is touched counts. */
enum { LANE_STACK_BYTES = 512 << 10 };

struct lane {
	struct lane_options options;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct mail_list list;	/* under lock, as all below */
	unsigned waiting;		/* with the one that is under way */
	bool stopping, has_thread;
};

/* The next mail; NULL when a tick is due or, with stopping, when all is done. */
static struct mail *lane_next(struct lane *l, bool *over)
{
	const struct timespec until = clock_timespec(clock_mono_ms() + l->options.tick_ms);
	struct mail *mail;

	pthread_mutex_lock(&l->lock);
	while (STAILQ_EMPTY(&l->list) && !l->stopping) {
		if (l->options.tick_ms == 0)
			pthread_cond_wait(&l->more, &l->lock);
		else if (pthread_cond_timedwait(&l->more, &l->lock, &until) == ETIMEDOUT)
			break;
	}
	mail = STAILQ_FIRST(&l->list);
	if (mail != NULL)
		STAILQ_REMOVE_HEAD(&l->list, link);
	*over = mail == NULL && l->stopping;
	pthread_mutex_unlock(&l->lock);
	return mail;
}

static void lane_do(struct lane *l, struct mail *mail)
{
	mail->run(mail, l->options.owner);
	pthread_mutex_lock(&l->lock);
	l->waiting--;
	pthread_mutex_unlock(&l->lock);
}

static void *lane_run(void *arg)
{
	struct lane *l = arg;
	int64_t ticked_ms = clock_mono_ms();
	struct mail *mail;
	bool over;

	pthread_setname_np(pthread_self(), l->options.name);
	for (;;) {
		mail = lane_next(l, &over);
		if (over)
			return NULL;
		if (mail != NULL)
			lane_do(l, mail);
		if (l->options.tick_ms > 0 && clock_mono_ms() - ticked_ms >= l->options.tick_ms) {
			l->options.tick(l->options.owner);
			ticked_ms = clock_mono_ms();
		}
	}
}

static int lane_start(struct lane *l)
{
	pthread_attr_t attr;
	int r;

	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	pthread_attr_setstacksize(&attr, LANE_STACK_BYTES);
	r = pthread_create(&l->thread, &attr, lane_run, l);
	pthread_attr_destroy(&attr);
	l->has_thread = r == 0;
	return -r;
}

struct lane *lane_new(const struct lane_options *options)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->options = *options;
	STAILQ_INIT(&l->list);
	pthread_mutex_init(&l->lock, NULL);
	clock_cond_init(&l->more);
	if (lane_start(l) < 0) {
		lane_free(l);
		return NULL;
	}
	return l;
}

int lane_post(struct lane *l, struct mail *mail)
{
	int r = 0;

	pthread_mutex_lock(&l->lock);
	if (l->stopping)
		r = -ESHUTDOWN;
	else if (l->waiting >= l->options.max)
		r = -EAGAIN;
	if (r == 0) {
		STAILQ_INSERT_TAIL(&l->list, mail, link);
		l->waiting++;
		pthread_cond_signal(&l->more);
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

unsigned lane_waiting(struct lane *l)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->waiting;
	pthread_mutex_unlock(&l->lock);
	return n;
}

void lane_stop(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	if (l->has_thread)
		pthread_join(l->thread, NULL);
	l->has_thread = false;
}

void lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	lane_stop(l);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
