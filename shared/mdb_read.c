/* mdb_read.c - reading transactions, and changing the map underneath them. */
#include "mdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mdb_internal.h"

bool mdb_has_room(uint64_t size)
{
	void *p;

	if (size > SIZE_MAX / 2)
		return false;
	p = mmap(NULL, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, (size_t)size);
	return true;
}

uint64_t mdb_file_size(const char *dir)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t mdb_whole_pages(uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

int mdb_remap(struct mdb *m, uint64_t size)
{
	MDB_envinfo info;
	int rc;

	size = mdb_whole_pages(size);
	if (!mdb_has_room(size))
		return -ENOSPC;
	rc = mdb_env_set_mapsize(m->env, (size_t)size);
	if (rc == 0 && (rc = mdb_env_info(m->env, &info)) == 0)
		m->map_size = info.me_mapsize;	/* never less than what the data needs */
	return mdb_errno(rc);
}

void mdb_halt(struct mdb *m)
{
	const struct timespec moment = { 0, 20000 };
	struct mdb_reader *r;

	pthread_mutex_lock(&m->halt_lock);
	atomic_store(&m->halted, true);
	pthread_rwlock_wrlock(&m->busy);
	pthread_mutex_lock(&m->readers_lock);
	for (r = m->readers; r; r = r->next)
		while (atomic_load(&r->active))
			nanosleep(&moment, NULL);
}

void mdb_resume(struct mdb *m)
{
	atomic_store(&m->halted, false);
	pthread_mutex_unlock(&m->readers_lock);
	pthread_rwlock_unlock(&m->busy);
	pthread_mutex_unlock(&m->halt_lock);
}

int mdb_adopt(struct mdb *m)
{
	uint64_t file;
	int r;

	mdb_halt(m);
	file = mdb_file_size(m->dir);
	r = m->env ? -ENOSPC : -EIO;
	if (m->env && 2 * file > m->map_size)
		r = mdb_remap(m, 2 * file);
	if (m->env && r < 0)
		r = mdb_remap(m, file > m->map_size ? file : m->map_size);
	mdb_resume(m);
	return r;
}

/* Begins, and removes the two obstacles that removing helps against. */
static int mdb_begin_read(struct mdb *m, MDB_txn **txn)
{
	int dead, rc, tries;

	for (tries = 0; ; tries++) {
		if (!m->env)
			return -EIO;
		rc = mdb_txn_begin(m->env, NULL, MDB_RDONLY, txn);
		if (rc != MDB_READERS_FULL || tries > 0)
			return rc == MDB_MAP_RESIZED ? -ERESTART : mdb_errno(rc);
		mdb_reader_check(m->env, &dead);
	}
}

int mdb_read_begin(struct mdb *m, MDB_txn **txn)
{
	int r;

	for (;;) {
		pthread_rwlock_rdlock(&m->busy);
		r = mdb_begin_read(m, txn);
		if (r == 0)
			return 0;
		pthread_rwlock_unlock(&m->busy);
		if (r != -ERESTART || (r = mdb_adopt(m)) < 0)
			return r;
	}
}

void mdb_read_end(struct mdb *m, MDB_txn *txn)
{
	mdb_txn_abort(txn);
	pthread_rwlock_unlock(&m->busy);
}

int mdb_reader_new(struct mdb *m, struct mdb_reader **out)
{
	struct mdb_reader *reader = aligned_alloc(_Alignof(struct mdb_reader), sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	memset(reader, 0, sizeof(*reader));
	reader->m = m;
	atomic_init(&reader->active, false);
	r = mdb_read_begin(m, &reader->txn);
	if (r < 0) {
		free(reader);
		return r;
	}
	mdb_txn_reset(reader->txn);
	pthread_mutex_lock(&m->readers_lock);
	reader->link = &m->readers;
	reader->next = m->readers;
	if (m->readers)
		m->readers->link = &reader->next;
	m->readers = reader;
	pthread_mutex_unlock(&m->readers_lock);
	pthread_rwlock_unlock(&m->busy);
	*out = reader;
	return 0;
}

int mdb_reader_begin(struct mdb_reader *reader, MDB_txn **txn)
{
	struct mdb *m = reader->m;
	int rc;

	for (;;) {
		atomic_store(&reader->active, true);
		if (atomic_load(&m->halted)) {	/* step aside until the map has changed */
			atomic_store(&reader->active, false);
			pthread_mutex_lock(&m->halt_lock);
			pthread_mutex_unlock(&m->halt_lock);
			continue;
		}
		rc = reader->txn ? mdb_txn_renew(reader->txn) : MDB_PANIC;
		if (rc == 0) {
			*txn = reader->txn;
			return 0;
		}
		atomic_store(&reader->active, false);
		if (rc != MDB_MAP_RESIZED)
			return mdb_errno(rc);
		if ((rc = mdb_adopt(m)) < 0)
			return rc;
	}
}

void mdb_reader_end(struct mdb_reader *reader)
{
	mdb_txn_reset(reader->txn);
	atomic_store_explicit(&reader->active, false, memory_order_release);
}

void mdb_reader_free(struct mdb_reader *reader)
{
	struct mdb *m;

	if (!reader)
		return;
	m = reader->m;
	pthread_rwlock_rdlock(&m->busy);
	pthread_mutex_lock(&m->readers_lock);
	*reader->link = reader->next;
	if (reader->next)
		reader->next->link = reader->link;
	pthread_mutex_unlock(&m->readers_lock);
	if (reader->txn)
		mdb_txn_abort(reader->txn);
	pthread_rwlock_unlock(&m->busy);
	free(reader);
}
