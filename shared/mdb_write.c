/* mdb_write.c - committing together what several threads write at the same moment.  One commit with its
 * flush to disk costs the same for one call as for a hundred. */
#include "mdb.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "mdb_internal.h"

enum {
	JOBS_MAX = 256,		/* calls in one transaction */
	GROWTHS_MAX = 16,	/* doublings for one transaction */
	LINGER_US = 1500,	/* in a crowd, how long a commit waits for company */
	CROWD_US = 20000,	/* how long after a commit of several calls there still is a crowd */
	CLEAR_EVERY = 64	/* commits between looks for dead readers */
};

/* After a failed write of its last page LMDB refuses all that follows; a fresh start reads what the disk holds. */
static int mdb_reopen(struct mdb *m)
{
	struct mdb_reader *reader;
	int r;

	mdb_halt(m);
	for (reader = m->readers; reader; reader = reader->next) {
		if (reader->txn)
			mdb_txn_abort(reader->txn);
		reader->txn = NULL;
	}
	if (m->env)
		mdb_env_close(m->env);
	m->env = NULL;
	r = mdb_open_env(m, NULL);
	for (reader = m->readers; reader && r == 0; reader = reader->next) {
		if (mdb_txn_begin(m->env, NULL, MDB_RDONLY, &reader->txn) == 0)
			mdb_txn_reset(reader->txn);
		else
			reader->txn = NULL;
	}
	mdb_resume(m);
	log_warn("store-reopened", "dir=%s result=%d", m->dir, r);
	return r;
}

/* With `busy` held for reading on success. */
static int mdb_begin_write(struct mdb *m, MDB_txn **txn)
{
	bool was_reopened = false;
	int rc, r;

	for (;;) {
		pthread_rwlock_rdlock(&m->busy);
		rc = m->env ? mdb_txn_begin(m->env, NULL, 0, txn) : MDB_PANIC;
		if (rc == 0)
			return 0;
		pthread_rwlock_unlock(&m->busy);
		if (rc == MDB_MAP_RESIZED) {
			r = mdb_adopt(m);
		} else if (rc == MDB_PANIC && !was_reopened) {
			was_reopened = true;
			r = mdb_reopen(m);
		} else {
			r = mdb_errno(rc);
		}
		if (r < 0)
			return r;
	}
}

static int mdb_grow(struct mdb *m)
{
	int r;

	mdb_halt(m);
	r = m->env ? mdb_remap(m, m->map_size * 2) : -EIO;
	mdb_resume(m);
	if (r < 0 && log_allowed(&m->failure_limit, 1, clock_mono_ms()))
		log_error("store-full", "dir=%s map_bytes=%llu", m->dir, (unsigned long long)m->map_size);
	else if (r == 0)
		log_info("store-grown", "dir=%s map_bytes=%llu", m->dir, (unsigned long long)m->map_size);
	return r;
}

/* Runs all that can still succeed.  Returns the one that spoiled the transaction, or NULL. */
static struct mdb_job *mdb_run(struct mdb_job *jobs, MDB_txn *txn)
{
	struct mdb_job *job;

	for (job = jobs; job; job = job->next) {
		if (job->is_out)
			continue;
		job->result = job->fn(txn, job->arg);
		if (job->result == -ENOSPC || job->result == -EIO || job->result == -ENOMEM)
			return job;
	}
	return NULL;
}

static void mdb_fail(struct mdb_job *jobs, int result)
{
	for (; jobs; jobs = jobs->next)
		if (!jobs->is_out && jobs->result >= 0)
			jobs->result = result;
}

static void mdb_commit(struct mdb *m, struct mdb_job *jobs)
{
	struct mdb_job *job;
	int dead, growths = 0, rc, r;
	MDB_txn *txn;

	for (;;) {
		if ((r = mdb_begin_write(m, &txn)) < 0) {
			for (job = jobs; job; job = job->next)
				if (!job->is_out)
					job->result = r;
			return;
		}
		job = mdb_run(jobs, txn);
		if (job)
			mdb_txn_abort(txn);
		rc = job ? 0 : mdb_txn_commit(txn);
		if (rc == 0 && !job && ++m->commits % CLEAR_EVERY == 0)
			mdb_reader_check(m->env, &dead);
		pthread_rwlock_unlock(&m->busy);

		if ((job && job->result == -ENOSPC) || rc == MDB_MAP_FULL) {
			if (growths++ < GROWTHS_MAX && mdb_grow(m) == 0)
				continue;
			if (!job)
				mdb_fail(jobs, -ENOSPC);
		} else if (rc != 0) {
			if (log_allowed(&m->failure_limit, 1, clock_mono_ms()))
				log_error("store-commit-failed", "dir=%s error=\"%s\"", m->dir, mdb_strerror(rc));
			mdb_fail(jobs, mdb_errno(rc));
			if (mdb_begin_write(m, &txn) == 0) {	/* readers need it working, too */
				mdb_txn_abort(txn);
				pthread_rwlock_unlock(&m->busy);
			}
		}
		if (!job)
			return;
		job->is_out = true;	/* the others again, without it */
	}
}

/* A commit costs some 200 us of processor time however many calls it carries, and whoever waits for it waits for the
 * disk anyway.  Alone nobody waits for company. */
static void mdb_linger(struct mdb *m)
{
	struct timespec linger = { 0, LINGER_US * 1000 };

	if (m->crowd > 1 && clock_mono_us() - m->committed_us < CROWD_US)
		nanosleep(&linger, NULL);
}

/* All that wait; if the leader wrote itself, its own call comes first. */
static struct mdb_job *mdb_take_jobs(struct mdb *m)
{
	struct mdb_job *jobs, *last;

	pthread_mutex_lock(&m->queue_lock);
	jobs = last = m->first;
	for (m->crowd = 1; last->next && m->crowd < JOBS_MAX; m->crowd++)
		last = last->next;
	m->first = last->next;
	if (!m->first)
		m->last = &m->first;
	last->next = NULL;
	pthread_mutex_unlock(&m->queue_lock);
	return jobs;
}

/* With queue_lock held: whoever wrote the first that waits is to lead, or the committer in its place. */
static void mdb_choose_leader(struct mdb *m)
{
	m->has_leader = m->first != NULL;
	if (!m->has_leader)
		return;
	if (m->first->done) {
		m->committer_leads = true;
		sem_post(&m->committer_wake);
	} else {
		sem_post(&m->first->wake);
	}
}

/* The job is its maker's again, and may be gone. */
static void mdb_finish(struct mdb *m, struct mdb_job *job)
{
	if (!job->done) {
		job->is_done = true;
		sem_post(&job->wake);
		return;
	}
	job->done(job->arg, job->result);
	pthread_mutex_lock(&m->queue_lock);
	if (--m->later == 0 && m->committer_stops)
		sem_post(&m->committer_wake);
	pthread_mutex_unlock(&m->queue_lock);
}

/* own: the leader's call, or NULL. */
static void mdb_lead(struct mdb *m, struct mdb_job *own)
{
	struct mdb_job *jobs, *job;

	mdb_linger(m);
	jobs = mdb_take_jobs(m);
	mdb_commit(m, jobs);
	m->committed_us = clock_mono_us();

	pthread_mutex_lock(&m->queue_lock);
	mdb_choose_leader(m);
	pthread_mutex_unlock(&m->queue_lock);
	log_hold();
	while ((job = jobs)) {
		jobs = job->next;	/* a finished call takes its job with it */
		if (job == own)
			job->is_done = true;
		else
			mdb_finish(m, job);
	}
	log_release();
}

/* With queue_lock held. */
static void mdb_queue(struct mdb *m, struct mdb_job *job)
{
	job->next = NULL;
	job->is_out = job->is_done = false;
	*m->last = job;
	m->last = &job->next;
}

int mdb_write(struct mdb *m, int (*fn)(MDB_txn *txn, void *arg), void *arg)
{
	struct mdb_job job = { .fn = fn, .arg = arg };
	bool leads;

	if (m->mode == MDB_MODE_READER)
		return -EROFS;
	sem_init(&job.wake, 0, 0);
	pthread_mutex_lock(&m->queue_lock);
	mdb_queue(m, &job);
	leads = !m->has_leader;
	m->has_leader = true;
	pthread_mutex_unlock(&m->queue_lock);
	while (!leads && sem_wait(&job.wake) < 0)
		;	/* a signal came between */
	if (!job.is_done)
		mdb_lead(m, &job);
	sem_destroy(&job.wake);
	return job.result;
}

void mdb_write_later(struct mdb *m, struct mdb_job *job)
{
	bool is_left, has_place;

	pthread_mutex_lock(&m->queue_lock);
	is_left = m->has_committer;
	has_place = is_left && m->later < MDB_LATER_MAX;
	if (has_place) {
		m->later++;
		mdb_queue(m, job);
		if (!m->has_leader)
			mdb_choose_leader(m);
	}
	pthread_mutex_unlock(&m->queue_lock);
	if (!has_place)
		job->done(job->arg, is_left ? -EBUSY : mdb_write(m, job->fn, job->arg));
}

static void *mdb_committer(void *arg)
{
	struct mdb *m = arg;
	bool leads, stops;

	for (;;) {
		while (sem_wait(&m->committer_wake) < 0)
			;
		pthread_mutex_lock(&m->queue_lock);
		leads = m->committer_leads;
		m->committer_leads = false;
		stops = m->committer_stops && m->later == 0;
		pthread_mutex_unlock(&m->queue_lock);
		if (leads)
			mdb_lead(m, NULL);
		else if (stops)
			return NULL;
	}
}

int mdb_committer_start(struct mdb *m)
{
	int r;

	if (m->mode == MDB_MODE_READER)
		return -EROFS;
	sem_init(&m->committer_wake, 0, 0);
	r = pthread_create(&m->committer, NULL, mdb_committer, m);
	if (r != 0) {
		sem_destroy(&m->committer_wake);
		return -r;
	}
	m->has_committer = true;
	return 0;
}

void mdb_committer_stop(struct mdb *m)
{
	if (!m->has_committer)
		return;
	pthread_mutex_lock(&m->queue_lock);
	m->has_committer = false;
	m->committer_stops = true;
	pthread_mutex_unlock(&m->queue_lock);
	sem_post(&m->committer_wake);
	pthread_join(m->committer, NULL);
	sem_destroy(&m->committer_wake);
}
