/* server.c - putting the parts together, and taking them apart in the right order. */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addresses.h"
#include "admin.h"
#include "clock.h"
#include "home.h"
#include "hooks.h"
#include "listener.h"
#include "tls.h"
#include "worker.h"

enum { STACK_BYTES = 256 << 10 };

/* --- the session store --- */

struct store *server_store(struct server *s)
{
	struct store_options options = {
		.dir = s->config->session_dir,
		.map_size = (uint64_t)s->config->session.map_size_mb << 20,
		.per_user = (unsigned)s->config->session.per_user,
		.read_only = true,
	};
	static struct log_limit limit;	/* under store_lock */
	struct store *store = s->store;
	char why[200];

	if (store)
		return store;
	pthread_mutex_lock(&s->store_lock);
	store = s->store;
	if (!store) {
		int r = store_open(&options, &store, why);

		if (r == 0)
			s->store = store;
		else if (r != -ENOENT && log_allowed(&limit, 1, clock_mono_ms() / 30))
			log_error("store", "why=\"%s\"", why);
		if (r < 0)
			store = NULL;
	}
	pthread_mutex_unlock(&s->store_lock);
	return store;
}

struct store_reader *server_reader(struct server *s, struct store_reader **reader)
{
	struct store *store;

	if (!*reader && (store = server_store(s)) && store_reader_new(store, reader) < 0)
		*reader = NULL;
	return *reader;
}

int server_member(struct server *s, struct store_reader **reader, const char *uid, struct member *out)
{
	return server_reader(s, reader) ? store_member(*reader, uid, out) : -ENOENT;
}

/* --- from the history to the homes --- */

struct stored_mail {
	struct mail mail;
	struct history_batch batch;
};

static void stored_run(struct mail *mail, void *worker)
{
	struct stored_mail *m = (struct stored_mail *)mail;

	home_stored(worker, &m->batch);
	free(m);
}

static unsigned request_home(const struct server *s, const struct history_request *q)
{
	const struct ask *ask = q->context;

	return ask ? worker_home_of(&s->workers[0], ask->room) : 0;
}

/* In the history's thread: each worker gets its part as one mail. */
static void server_deliver(void *arg, struct history_batch *batch)
{
	struct server *s = arg;
	struct stored_mail *mails[s->worker_count];
	struct history_request *q;
	unsigned i;

	memset(mails, 0, sizeof(mails));
	while ((q = STAILQ_FIRST(batch))) {
		STAILQ_REMOVE_HEAD(batch, link);
		i = request_home(s, q);
		/* What is stored must be told: memory comes back, this waits for it. */
		while (!mails[i] && !(mails[i] = calloc(1, sizeof(*mails[i]))))
			usleep(1000);
		if (!mails[i]->mail.run) {
			mails[i]->mail.run = stored_run;
			STAILQ_INIT(&mails[i]->batch);
		}
		STAILQ_INSERT_TAIL(&mails[i]->batch, q, link);
	}
	for (i = 0; i < s->worker_count; i++)
		if (mails[i])
			worker_post(&s->workers[i], &mails[i]->mail);
	/* No faster than the slowest worker can tell it. */
	for (i = 0; i < s->worker_count; i++)
		while (mailbox_waiting(&s->workers[i].mailbox) > MAIL_HIGH && !atomic_load(&s->is_ending))
			usleep(500);
}

int server_open(struct server *s, char why[static 200])
{
	const struct config *c = s->config;
	struct history_options options = {
		.dir = c->history.dir,
		.map_size = (uint64_t)c->history.map_size_mb << 20,
		.relaxed = strcmp(c->history.sync, "relaxed") == 0,
		.per_room = (uint64_t)c->history.per_room,
		.max_age_ms = c->history.max_age_days * 86400000,
		.deliver = server_deliver,
		.arg = s,
	};

	return history_open(&options, &s->history, why);
}

/* --- barriers: every worker has run what was posted before --- */

struct barrier {
	pthread_mutex_t lock;
	pthread_cond_t all;
	unsigned missing;
};

struct barrier_mail {
	struct mail mail;
	struct barrier *barrier;
	void (*act)(struct worker *w, void *arg);
	void *arg;
};

static void barrier_run(struct mail *mail, void *worker)
{
	struct barrier_mail *m = (struct barrier_mail *)mail;
	struct barrier *b = m->barrier;

	if (m->act)
		m->act(worker, m->arg);
	free(m);
	pthread_mutex_lock(&b->lock);
	if (--b->missing == 0)
		pthread_cond_signal(&b->all);
	pthread_mutex_unlock(&b->lock);
}

/* Runs act in every worker's thread and waits until all have. */
static void server_each_worker(struct server *s, void (*act)(struct worker *w, void *arg), void *arg)
{
	struct barrier b = { .missing = s->worker_count };
	unsigned i;

	pthread_mutex_init(&b.lock, NULL);
	pthread_cond_init(&b.all, NULL);
	for (i = 0; i < s->worker_count; i++) {
		struct barrier_mail *m;

		while (!(m = malloc(sizeof(*m))))
			usleep(1000);
		*m = (struct barrier_mail){ .barrier = &b, .act = act, .arg = arg };
		m->mail.run = barrier_run;
		worker_post(&s->workers[i], &m->mail);
	}
	pthread_mutex_lock(&b.lock);
	while (b.missing)
		pthread_cond_wait(&b.all, &b.lock);
	pthread_mutex_unlock(&b.lock);
	pthread_cond_destroy(&b.all);
	pthread_mutex_destroy(&b.lock);
}

/* --- starting --- */

static int server_start_workers(struct server *s, char why[static 200])
{
	pthread_attr_t attr;
	unsigned i;
	int r = 0;

	s->workers = calloc(s->worker_count, sizeof(*s->workers));
	if (!s->workers)
		return -ENOMEM;
	for (i = 0; i < s->worker_count && r == 0; i++)
		r = worker_init(&s->workers[i], s, i);
	if (r < 0) {
		snprintf(why, 200, "worker: %s", strerror(-r));
		return r;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (i = 0; i < s->worker_count && r == 0; i++)
		r = -pthread_create(&s->workers[i].thread, &attr, worker_run, &s->workers[i]);
	pthread_attr_destroy(&attr);
	if (r < 0)
		snprintf(why, 200, "threads: %s", strerror(-r));
	return r;
}

void server_close(struct server *s)
{
	if (s->history) {
		history_stop(s->history);
		history_close(s->history);
	}
	store_close(s->store);
	tls_context_free(s->tls);
	listener_close(s);
	pthread_mutex_destroy(&s->store_lock);
}

int server_start(struct server *s, char why[static 200])
{
	int r;

	s->started_ms = clock_wall_ms();
	server_store(s);
	if (s->config->push.max_conns_per_ip > 0 &&
	    !(s->addresses = addresses_new((unsigned)s->config->push.max_conns_per_ip)))
		return -ENOMEM;
	if ((r = server_start_workers(s, why)) < 0 ||
	    (r = history_start(s->history)) < 0 || (r = hooks_start(s, &s->hooks, why)) < 0)
		return r;
	return admin_start(s, &s->admin, why);
}

static void accept_act(struct worker *w, void *arg)
{
	(void)arg;
	if (listener_start(w) < 0)
		log_error("listen", "worker=%u why=\"no memory\"", w->index);
}

void server_accept(struct server *s)
{
	server_each_worker(s, accept_act, NULL);
}

uint64_t server_connections(const struct server *s)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < s->worker_count; i++)
		sum += metric_get(&s->workers[i].metrics.connections);
	return sum;
}

/* --- ending --- */

static void drain_act(struct worker *w, void *arg)
{
	const bool *refuse_messages = arg;

	listener_stop(w);
	w->stopping = true;
	w->refusing = *refuse_messages;
	w->drain_from_ms = worker_now();
}

void server_drain(struct server *s, bool refuse_messages)
{
	server_each_worker(s, drain_act, &refuse_messages);
	if (!refuse_messages)
		return;
	/* What was said before is on its way to its home, and with the second round it has arrived there. */
	server_each_worker(s, NULL, NULL);
	server_each_worker(s, NULL, NULL);
	admin_stop(s->admin);
	s->admin = NULL;
	hooks_stop(s->hooks);
	server_each_worker(s, NULL, NULL);
	history_stop(s->history);
}

static void done_act(struct worker *w, void *arg)
{
	(void)arg;
	w->done = true;
}

void server_stop(struct server *s)
{
	bool was_busy = true;
	unsigned i;

	admin_stop(s->admin);
	hooks_stop(s->hooks);
	history_stop(s->history);
	server_each_worker(s, done_act, NULL);
	atomic_store(&s->is_ending, true);
	for (i = 0; i < s->worker_count; i++)
		pthread_join(s->workers[i].thread, NULL);
	for (i = 0; i < s->worker_count; i++)
		worker_quiet(&s->workers[i]);
	while (was_busy) {	/* their last words to each other */
		was_busy = false;
		for (i = 0; i < s->worker_count; i++)
			was_busy |= worker_read_mail(&s->workers[i]);
	}
	for (i = 0; i < s->worker_count; i++)
		worker_fini(&s->workers[i]);
	free(s->workers);
	hooks_free(s->hooks);
	addresses_free(s->addresses);
	server_close(s);
}
