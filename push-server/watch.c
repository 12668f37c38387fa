/* watch.c - the worker's epoll set. */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conn.h"
#include "worker.h"

enum { READY_PER_TURN = 256 };

static void watch_run_again(struct worker *w)
{
	struct watch *watch = &w->watch;
	uint32_t i, count = watch->again_count;

	/* What is added meanwhile is for the next turn. */
	for (i = 0; i < count; i++) {
		struct conn *c = worker_conn(w, watch->again[i]);

		if (c)
			conn_on_ready(c, true, false);
	}
	watch->again_count -= count;
	for (i = 0; i < watch->again_count; i++)
		watch->again[i] = watch->again[count + i];
	if (watch->again_count)
		event_active(&watch->event, EV_READ, 0);
}

static void watch_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct epoll_event ready[READY_PER_TURN];
	struct worker *w = arg;
	int i, n;

	(void)what;
	if (w->watch.again_count)
		watch_run_again(w);
	n = epoll_wait(fd, ready, READY_PER_TURN, 0);
	for (i = 0; i < n; i++) {
		uint32_t events = ready[i].events;
		bool is_over = events & (EPOLLERR | EPOLLHUP);

		/* Whoever ended in this turn is freed at its end, and says so itself until then. */
		conn_on_ready(ready[i].data.ptr, is_over || (events & EPOLLIN), is_over || (events & EPOLLOUT));
	}
}

int watch_init(struct worker *w)
{
	struct watch *watch = &w->watch;

	watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (watch->epoll_fd < 0)
		return -errno;
	event_assign(&watch->event, w->base, watch->epoll_fd, EV_READ | EV_PERSIST, watch_on_event, w);
	return event_add(&watch->event, NULL) < 0 ? -ENOMEM : 0;
}

void watch_fini(struct worker *w)
{
	event_del(&w->watch.event);
	close(w->watch.epoll_fd);
	free(w->watch.again);
}

int watch_set(struct worker *w, struct conn *c, int fd, bool was_watched, bool reads, bool writes)
{
	struct epoll_event event = { .events = (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u), .data.ptr = c };
	int op = !event.events ? EPOLL_CTL_DEL : was_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	return epoll_ctl(w->watch.epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

int watch_again(struct worker *w, const struct conn *c)
{
	struct watch *watch = &w->watch;

	if (watch->again_count == watch->again_size) {
		uint32_t size = watch->again_size ? watch->again_size * 2 : 16;
		struct conn_ref *again = realloc(watch->again, size * sizeof(*again));

		if (!again)
			return -ENOMEM;
		watch->again = again;
		watch->again_size = size;
	}
	watch->again[watch->again_count++] = conn_name(c);
	event_active(&watch->event, EV_READ, 0);
	return 0;
}
