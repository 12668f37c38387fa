/* mdb.c - opening LMDB environments, and reading in them.  Knows nothing of what they hold. */
#include "mdb.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mdb_internal.h"

enum {
	WHY_SIZE = 200,
	MAX_READERS = 2048,		/* 64 bytes each in lock.mdb; counts for the process that creates it */
	DIR_MODE = 02750, DATA_MODE = 0640, LOCK_MODE = 0660
};

static const uint64_t MAP_LEAST = 1 << 20;
static const uint64_t READER_RESERVE = UINT64_C(64) << 30;	/* address space alone; so that growth is no event */

/* Opening a directory twice in one process would drop the process's locks on it (they belong to the
 * process, not to the descriptor), and the next opener would wipe the reader table. */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mdb *open_list;

int mdb_errno(int code)
{
	switch (code) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_KEYEXIST:
		return -EEXIST;
	case MDB_MAP_FULL:
	case EFBIG:		/* RLIMIT_FSIZE */
	case EDQUOT:
		return -ENOSPC;
	case MDB_VERSION_MISMATCH:
	case MDB_INVALID:
		return -EUCLEAN;
	case MDB_READERS_FULL:
		return -EAGAIN;
	default:
		return code > 0 ? -code : -EIO;
	}
}

__attribute__((format(printf, 2, 3)))
static void mdb_say(char *why, const char *format, ...)
{
	va_list ap;

	if (!why)
		return;
	va_start(ap, format);
	vsnprintf(why, WHY_SIZE, format, ap);
	va_end(ap);
}

/* --- opening --- */

/* A file that LMDB would create with whatever the umask leaves.  Root works for whom the directory belongs to. */
static int mdb_make_file(const char *dir, const char *name, mode_t mode, const struct stat *owner)
{
	char path[4096];
	int fd, r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (fchmod(fd, mode) < 0 ||
	    (geteuid() == 0 && owner->st_uid != 0 && fchown(fd, owner->st_uid, owner->st_gid) < 0))
		r = -errno;
	close(fd);
	return r;
}

static int mdb_prepare_writer(const char *dir, char *why)
{
	struct stat st;
	int r;

	if (mkdir(dir, 0750) == 0)
		r = chmod(dir, DIR_MODE) < 0 ? -errno : 0;
	else
		r = errno == EEXIST ? 0 : -errno;
	if (r == 0 && stat(dir, &st) < 0)
		r = -errno;
	if (r == 0)
		r = mdb_make_file(dir, "lock.mdb", LOCK_MODE, &st);
	if (r == 0)
		r = mdb_make_file(dir, "data.mdb", DATA_MODE, &st);
	if (r < 0)
		mdb_say(why, "cannot create the store in %.100s: %s", dir, strerror(-r));
	return r;
}

static int mdb_prepare_reader(const char *dir, char *why)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	if (mdb_file_size(dir) == 0 || access(path, F_OK) < 0) {
		mdb_say(why, "there is no store in %.100s yet", dir);
		return -ENOENT;
	}
	/* Without a lock LMDB would give snapshots that a writer is busy overwriting. */
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0) {
		mdb_say(why, "%.100s/lock.mdb cannot be written (%s): readers lock there, so mount it writable and "
			"join the directory's group", dir, strerror(errno));
		return -EROFS;
	}
	return 0;
}

static int mdb_env_start(struct mdb *m, uint64_t size)
{
	unsigned flags = MDB_NOTLS | (m->mode == MDB_MODE_READER ? MDB_RDONLY : 0) | (m->relaxed ? MDB_NOMETASYNC : 0);
	int rc;

	if ((rc = mdb_env_create(&m->env)) != 0) {
		m->env = NULL;
		return rc;
	}
	if ((rc = mdb_env_set_maxdbs(m->env, m->table_count + 1)) == 0 &&
	    (rc = mdb_env_set_maxreaders(m->env, MAX_READERS)) == 0 &&
	    (rc = mdb_env_set_mapsize(m->env, (size_t)size)) == 0)
		rc = mdb_env_open(m->env, m->dir, flags, DATA_MODE);
	if (rc != 0) {
		mdb_env_close(m->env);
		m->env = NULL;
	}
	return rc;
}

static int mdb_note_list(const char *text, void *arg)
{
	bool *unlocked = arg;

	*unlocked = *unlocked || strstr(text, "no reader locks") != NULL;
	return 0;
}

/* Opens what is there, in a transaction that changes nothing.  MDB_NOTFOUND when a table is missing. */
static int mdb_find_tables(struct mdb *m, MDB_txn *txn, unsigned create, bool *is_ours)
{
	MDB_val key = { 6, (void *)(uintptr_t)"schema" }, value;
	MDB_stat stat;
	MDB_dbi all;
	unsigned i;
	int rc;

	*is_ours = true;
	rc = mdb_dbi_open(txn, "meta", 0, &m->meta);
	if (rc == MDB_NOTFOUND) {	/* empty is fine, foreign is not */
		if ((rc = mdb_dbi_open(txn, NULL, 0, &all)) != 0 || (rc = mdb_stat(txn, all, &stat)) != 0)
			return rc;
		*is_ours = stat.ms_entries == 0;
		rc = create && *is_ours ? mdb_dbi_open(txn, "meta", create, &m->meta) : MDB_NOTFOUND;
	}
	if (rc != 0)
		return rc;
	if (m->schema) {
		rc = mdb_get(txn, m->meta, &key, &value);
		if (rc == MDB_NOTFOUND && create) {
			value.mv_size = strlen(m->schema);
			value.mv_data = m->schema;
			rc = mdb_put(txn, m->meta, &key, &value, 0);
		}
		if (rc != 0)
			return rc;
		*is_ours = value.mv_size == strlen(m->schema) && memcmp(value.mv_data, m->schema, value.mv_size) == 0;
		if (!*is_ours)
			return MDB_NOTFOUND;
	}
	for (i = 0; i < m->table_count; i++)
		if ((rc = mdb_dbi_open(txn, m->names[i], create, &m->tables[i])) != 0)
			return rc;
	return 0;
}

static int mdb_open_tables(struct mdb *m, char *why)
{
	bool is_ours = true;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(m->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0) {
		rc = mdb_find_tables(m, txn, 0, &is_ours);
		if (rc == 0)
			rc = mdb_txn_commit(txn);	/* an abort would close the tables again */
		else
			mdb_txn_abort(txn);
	}
	if (rc == MDB_NOTFOUND && is_ours && m->mode == MDB_MODE_WRITER) {
		rc = mdb_txn_begin(m->env, NULL, 0, &txn);
		if (rc == 0) {
			rc = mdb_find_tables(m, txn, MDB_CREATE, &is_ours);
			if (rc == 0)
				rc = mdb_txn_commit(txn);
			else
				mdb_txn_abort(txn);
		}
	}
	if (!is_ours) {
		mdb_say(why, "%.100s holds data of another version (this program knows schema %s): nothing was touched",
			m->dir, m->schema ? m->schema : "any");
		return -EUCLEAN;
	}
	if (rc == MDB_NOTFOUND)
		mdb_say(why, "the store in %.100s is not complete yet", m->dir);
	else if (rc != 0)
		mdb_say(why, "cannot read the store in %.100s: %s", m->dir, mdb_strerror(rc));
	return mdb_errno(rc);
}

int mdb_open_env(struct mdb *m, char *why)
{
	uint64_t size = m->map_size, file = mdb_file_size(m->dir);
	bool unlocked = false;
	int dead, rc, r;

	if (m->mode == MDB_MODE_READER && size < READER_RESERVE)
		size = READER_RESERVE;
	if (size < MAP_LEAST)
		size = MAP_LEAST;
	if (size < 2 * file)
		size = 2 * file;
	while (size > MAP_LEAST && size / 2 >= file && !mdb_has_room(2 * size))	/* the rest of the process needs some */
		size /= 2;
	m->map_size = mdb_whole_pages(size);
	rc = mdb_env_start(m, m->map_size);
	if (rc != 0) {
		mdb_say(why, "cannot open the store in %.100s: %s", m->dir, mdb_strerror(rc));
		return mdb_errno(rc);
	}
	mdb_reader_list(m->env, mdb_note_list, &unlocked);
	if (unlocked) {
		mdb_say(why, "readers cannot lock in %.100s: it is mounted read-only", m->dir);
		r = -EROFS;
	} else {
		mdb_reader_check(m->env, &dead);
		r = mdb_open_tables(m, why);
	}
	if (r < 0) {
		mdb_env_close(m->env);
		m->env = NULL;
	}
	return r;
}

static void mdb_release(struct mdb *m)
{
	unsigned i;

	for (i = 0; i < m->table_count; i++)
		free(m->names[i]);
	pthread_rwlock_destroy(&m->busy);
	pthread_mutex_destroy(&m->halt_lock);
	pthread_mutex_destroy(&m->readers_lock);
	pthread_mutex_destroy(&m->queue_lock);
	free(m->dir);
	free(m->schema);
	free(m);
}

static struct mdb *mdb_prepare(const struct mdb_options *options)
{
	struct mdb *m = calloc(1, sizeof(*m));
	pthread_rwlockattr_t attr;
	bool ok;

	if (!m)
		return NULL;
	/* Growing the map must get its turn under steady reading. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&m->busy, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&m->halt_lock, NULL);
	pthread_mutex_init(&m->readers_lock, NULL);
	pthread_mutex_init(&m->queue_lock, NULL);
	m->last = &m->first;
	m->mode = options->mode;
	m->relaxed = options->relaxed;
	m->map_size = options->map_size;
	m->dir = strdup(options->dir);
	m->schema = options->schema ? strdup(options->schema) : NULL;
	ok = m->dir && (m->schema || !options->schema);
	while (ok && options->tables && options->tables[m->table_count]) {
		assert(m->table_count < MDB_TABLES_MAX);
		m->names[m->table_count] = strdup(options->tables[m->table_count]);
		ok = m->names[m->table_count++] != NULL;
	}
	if (!ok) {
		mdb_release(m);
		return NULL;
	}
	return m;
}

int mdb_open(const struct mdb_options *options, struct mdb **out, char why[static 200])
{
	struct mdb *m, *other;
	struct stat st;
	int r;

	r = options->mode == MDB_MODE_WRITER ? mdb_prepare_writer(options->dir, why)
					     : mdb_prepare_reader(options->dir, why);
	if (r < 0)
		return r;
	m = mdb_prepare(options);
	if (!m || stat(options->dir, &st) < 0) {
		r = m ? -errno : -ENOMEM;
		mdb_say(why, "cannot open the store in %.100s: %s", options->dir, strerror(-r));
		if (m)
			mdb_release(m);
		return r;
	}
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->pid = getpid();
	pthread_mutex_lock(&open_lock);
	for (other = open_list; other; other = other->next_open)
		if (other->dev == m->dev && other->ino == m->ino && other->pid == m->pid)
			break;
	if (other) {
		mdb_say(why, "%.100s is open in this process already", m->dir);
		r = -EBUSY;
	} else {
		r = mdb_open_env(m, why);
	}
	if (r == 0) {
		m->next_open = open_list;
		open_list = m;
		*out = m;
	}
	pthread_mutex_unlock(&open_lock);
	if (r < 0)
		mdb_release(m);
	return r;
}

void mdb_close(struct mdb *m)
{
	struct mdb **link;

	if (!m)
		return;
	assert(!m->readers && !m->first && !m->has_committer);
	pthread_mutex_lock(&open_lock);
	for (link = &open_list; *link != m; link = &(*link)->next_open)
		;
	*link = m->next_open;
	if (m->env)
		mdb_env_close(m->env);
	pthread_mutex_unlock(&open_lock);
	mdb_release(m);
}

MDB_dbi mdb_table(const struct mdb *m, unsigned i)
{
	assert(i < m->table_count);
	return m->tables[i];
}

MDB_dbi mdb_meta(const struct mdb *m)
{
	return m->meta;
}

MDB_env *mdb_handle(const struct mdb *m)
{
	return m->env;
}

/* --- the rest --- */

uint64_t mdb_last_txn(struct mdb *m)
{
	MDB_envinfo info = { 0 };

	pthread_rwlock_rdlock(&m->busy);
	if (m->env)
		mdb_env_info(m->env, &info);
	pthread_rwlock_unlock(&m->busy);
	return info.me_last_txnid;
}

int mdb_clear_dead(struct mdb *m)
{
	int dead = 0;

	pthread_rwlock_rdlock(&m->busy);
	if (m->env)
		mdb_reader_check(m->env, &dead);
	pthread_rwlock_unlock(&m->busy);
	return dead;
}

int mdb_backup(struct mdb *m, const char *dir)
{
	char path[4096];
	int fd, r;

	if ((size_t)snprintf(path, sizeof(path), "%s/data.mdb", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	pthread_rwlock_rdlock(&m->busy);
	r = m->env ? mdb_errno(mdb_env_copyfd2(m->env, fd, MDB_CP_COMPACT)) : -EIO;
	pthread_rwlock_unlock(&m->busy);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(path);
	return r;
}
