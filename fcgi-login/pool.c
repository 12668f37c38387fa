/* pool.c - threads that accept a connection, serve its one request, and go on. */
#include "pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "router.h"
#include "stream.h"

enum {
	STACK_SIZE = 256 << 10,		/* address space; only what is touched is memory */
	PEER_IDLE_MS = 15000,		/* silence of a web server in the middle of a request */
	BACK_OFF_MS = 50,
	TAKE_MS = 1000			/* how long a stop goes on accepting what waits in the queue */
};

static void pool_grow(struct pool *p);

static void sleep_ms(int ms)
{
	const struct timespec t = clock_timespec(ms);

	nanosleep(&t, NULL);
}

/* One connection, from accept to close. */
struct visit {
	struct call call;	/* first: on_ended gets this */
	struct request request;
	struct fastcgi fastcgi;
};

static void visit_end(struct call *c)
{
	struct visit *v = (struct visit *)c;

	fastcgi_close(&v->fastcgi, v->request.body_ended);
	free(v);
}

/* A connection that has begun its request; NULL when it ended before, and there is nobody to answer. */
static struct visit *visit_open(struct pool_thread *t, int fd)
{
	struct visit *v = malloc(sizeof(*v));

	if (!v) {
		close(fd);
		return NULL;
	}
	atomic_store(&t->is_opening, true);
	if (fastcgi_open(&v->fastcgi, fd, PEER_IDLE_MS) < 0) {
		free(v);
		v = NULL;
	}
	atomic_store(&t->is_opening, false);
	return v;
}

static void visit_serve(struct visit *v, struct worker *w)
{
	int word = request_init(&v->request, v->fastcgi.fcgx.envp, &v->fastcgi.stream);

	router_serve(&v->call, w, &v->request, word, clock_wall_ms(), visit_end);
}

/* The next connection; -1 when the pool is stopping. */
static int pool_accept(struct pool *p)
{
	struct pollfd waits = { .fd = p->listen_fd, .events = POLLIN };
	int fd;

	for (;;) {
		if (atomic_load(&p->stopping) &&
		    (!p->is_own || atomic_load(&p->refuses) || clock_mono_ms() > p->take_until_ms || poll(&waits, 1, 0) <= 0))
			return -1;
		fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN || atomic_load(&p->stopping))
			continue;
		/* descriptors or memory ran out: both come back */
		log_error("accept-failed", "error=%d", errno);
		sleep_ms(BACK_OFF_MS);
	}
}

/* The signal is let in until a request has begun, so that it never breaks off a request's reads and writes. */
static struct visit *pool_next(struct pool_thread *t, const sigset_t *recall)
{
	struct pool *p = t->pool;
	struct visit *v = NULL;
	int fd;

	pthread_sigmask(SIG_UNBLOCK, recall, NULL);
	while (!v && (fd = pool_accept(p)) >= 0) {
		if (atomic_fetch_sub(&p->idle, 1) == 1)
			pool_grow(p);
		v = visit_open(t, fd);
		if (!v)
			atomic_fetch_add(&p->idle, 1);
	}
	pthread_sigmask(SIG_BLOCK, recall, NULL);
	return v;
}

static void *pool_thread(void *arg)
{
	struct pool_thread *t = arg;
	struct pool *p = t->pool;
	struct worker w;
	struct visit *v;
	sigset_t recall;

	sigemptyset(&recall);
	sigaddset(&recall, SIGUSR1);
	worker_init(&w, p->service);
	while ((v = pool_next(t, &recall))) {
		visit_serve(v, &w);
		atomic_fetch_add(&p->idle, 1);
	}
	worker_fini(&w);
	atomic_fetch_add(&p->ended, 1);
	return NULL;
}

/* One thread more, if there may be one.  Failing is no harm: those that are there go on. */
static void pool_grow(struct pool *p)
{
	pthread_attr_t attr;
	int n;

	pthread_mutex_lock(&p->lock);
	n = atomic_load(&p->count);
	if (n < p->max && !atomic_load(&p->stopping)) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, STACK_SIZE);
		atomic_fetch_add(&p->idle, 1);
		p->threads[n].pool = p;
		if (pthread_create(&p->threads[n].id, &attr, pool_thread, &p->threads[n]) == 0)
			atomic_store(&p->count, n + 1);
		else
			atomic_fetch_sub(&p->idle, 1);
		pthread_attr_destroy(&attr);
	}
	pthread_mutex_unlock(&p->lock);
}

static void on_recall(int signo)
{
	(void)signo;	/* accept has returned, which is all */
}

void pool_init(void)
{
	struct sigaction action = { .sa_handler = on_recall };
	sigset_t recall;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&recall);
	sigaddset(&recall, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &recall, NULL);
}

int pool_start(struct pool *p, struct service *service, int listen_fd, bool is_own, int max)
{
	*p = (struct pool){ .service = service, .listen_fd = listen_fd, .is_own = is_own, .max = max };
	pthread_mutex_init(&p->lock, NULL);
	p->threads = calloc((size_t)max, sizeof(*p->threads));
	if (!p->threads)
		return -ENOMEM;
	pool_grow(p);
	if (atomic_load(&p->count))
		return 0;
	free(p->threads);
	pthread_mutex_destroy(&p->lock);
	return -EAGAIN;
}

/* Again and again: a thread may be between its look at stopping and accept. */
static void pool_recall(struct pool *p, int n)
{
	bool hang_up = clock_mono_ms() > p->take_until_ms;

	for (int i = 0; i < n; i++)
		if (hang_up || !atomic_load(&p->threads[i].is_opening))
			pthread_kill(p->threads[i].id, SIGUSR1);
}

/* A socket of our own takes no more once its queue is empty: who connects now is better refused than kept waiting. */
static void pool_refuse(struct pool *p)
{
	struct pollfd waits = { .fd = p->listen_fd, .events = POLLIN };

	if (atomic_load(&p->refuses) || !p->is_own || (clock_mono_ms() <= p->take_until_ms && poll(&waits, 1, 0) > 0))
		return;
	atomic_store(&p->refuses, true);
	shutdown(p->listen_fd, SHUT_RDWR);
}

bool pool_stop(struct pool *p, int deadline_ms)
{
	int64_t end = clock_mono_ms() + deadline_ms;
	int n;

	pthread_mutex_lock(&p->lock);	/* after this no thread is added */
	p->take_until_ms = clock_mono_ms() + TAKE_MS;
	atomic_store(&p->stopping, true);
	n = atomic_load(&p->count);
	pthread_mutex_unlock(&p->lock);
	while (atomic_load(&p->ended) < n) {
		if (clock_mono_ms() >= end)
			return false;
		pool_refuse(p);
		pool_recall(p, n);
		sleep_ms(10);
	}
	for (int i = 0; i < n; i++)
		pthread_join(p->threads[i].id, NULL);
	free(p->threads);
	pthread_mutex_destroy(&p->lock);
	return true;
}
