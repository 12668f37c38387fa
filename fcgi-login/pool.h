/* pool.h - the threads that serve FastCGI connections.  They are started as they are needed, so that an idle program
 * is a small one.
 * Threads: main; the pool's own serve requests. */
#ifndef WXCHAT_POOL_H
#define WXCHAT_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "service.h"

struct pool_thread {
	struct pool *pool;
	pthread_t id;
	atomic_bool is_opening;		/* its connection has not begun a request yet */
};

struct pool {
	struct service *service;
	int listen_fd;			/* blocking */
	bool is_own;			/* nobody else serves what waits in its queue */
	int max;
	atomic_int count, idle, ended;
	atomic_bool stopping, refuses;	/* refuses: the socket takes no more connections */
	int64_t take_until_ms;		/* set before stopping */
	pthread_mutex_t lock;		/* guards threads */
	struct pool_thread *threads;
};

/* Once, before threads start: the signal by which threads are called back from accept. */
void pool_init(void);

/* Starts serving what arrives on listen_fd with up to max threads.  0, -ENOMEM or -EAGAIN. */
int pool_start(struct pool *p, struct service *service, int listen_fd, bool is_own, int max);

/* Lets every request end that has begun, serves what already waits on a socket of our own and then refuses what comes
 * (so that web servers know at once), hangs up on who has connected and says nothing, and waits up to deadline_ms.
 * false: some are still at work, and nothing that they use may be freed. */
bool pool_stop(struct pool *p, int deadline_ms);

#endif
