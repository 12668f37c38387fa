/* test_mdb.c - what LMDB environments promise: several processes and users, growth, crashes, full disks. */
#include "store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/mdb.h"

static const char *const tables[] = { "things", "more", NULL };
static char why[200];

/* LMDB's writes pass through here (the program's symbol comes before the C library's), so that they can fail. */
static atomic_bool meta_fails;

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (atomic_load(&meta_fails) && at < 8192 && len < 4096) {	/* one of the two first pages */
		errno = EIO;
		return -1;
	}
	return pwritev(fd, &(struct iovec){ (void *)(uintptr_t)bytes, len }, 1, at);
}

static struct mdb *open_as(enum mdb_mode mode, uint64_t map_size)
{
	struct mdb_options o = { .dir = dir, .mode = mode, .map_size = map_size, .tables = tables, .schema = "1" };
	struct mdb *m = NULL;
	int r = mdb_open(&o, &m, why);

	if (r < 0)
		print_message("mdb_open: %d %s\n", r, why);
	return m;
}

struct put {
	struct mdb *m;
	uint64_t key;
	size_t len;
	int fail;	/* returned instead, before or after writing */
	bool late;
};

static int put(MDB_txn *txn, void *arg)
{
	static char bytes[1 << 20];
	struct put *p = arg;
	MDB_val key = { sizeof(p->key), &p->key }, value = { p->len, bytes };
	int r;

	if (p->fail && !p->late)
		return p->fail;
	r = mdb_errno(mdb_put(txn, mdb_table(p->m, 0), &key, &value, 0));
	return p->fail ? p->fail : r;
}

static int put_one(struct mdb *m, uint64_t key, size_t len)
{
	struct put p = { m, key, len, 0, false };

	return mdb_write(m, put, &p);
}

static bool has(struct mdb *m, uint64_t key)
{
	MDB_val k = { sizeof(key), &key }, v;
	MDB_txn *txn;
	int rc;

	assert_int_equal(mdb_read_begin(m, &txn), 0);
	rc = mdb_get(txn, mdb_table(m, 0), &k, &v);
	mdb_read_end(m, txn);
	return rc == 0;
}

static size_t entries(struct mdb *m)
{
	MDB_txn *txn;
	MDB_stat st;

	assert_int_equal(mdb_read_begin(m, &txn), 0);
	assert_int_equal(mdb_stat(txn, mdb_table(m, 0), &st), 0);
	mdb_read_end(m, txn);
	return st.ms_entries;
}

static int child_result(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static mode_t mode_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void modes_do_not_depend_on_the_umask(void **state)
{
	mode_t before = umask(077);
	struct mdb *m;

	(void)state;
	rmdir(dir);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	umask(before);
	assert_non_null(m);
	assert_int_equal(mode_of("."), 02750);
	assert_int_equal(mode_of("data.mdb"), 0640);
	assert_int_equal(mode_of("lock.mdb"), 0660);
	mdb_close(m);
}

static void a_reader_waits_for_a_writer_to_come_first(void **state)
{
	struct mdb_options o = { .dir = dir, .mode = MDB_MODE_READER, .tables = tables, .schema = "1" };
	struct mdb *m, *r;

	(void)state;
	assert_int_equal(mdb_open(&o, &r, why), -ENOENT);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	assert_int_equal(put_one(m, 1, 10), 0);
	mdb_close(m);
	r = open_as(MDB_MODE_READER, 0);
	assert_non_null(r);
	assert_true(has(r, 1));
	assert_int_equal(put_one(r, 2, 10), -EROFS);
	mdb_close(r);
}

static void a_directory_is_opened_once_in_a_process(void **state)
{
	struct mdb_options o = { .dir = dir, .mode = MDB_MODE_READER, .tables = tables, .schema = "1" };
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20), *other;

	(void)state;
	assert_int_equal(mdb_open(&o, &other, why), -EBUSY);
	mdb_close(m);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	assert_non_null(m);
	mdb_close(m);
}

static size_t slurp(char *out, size_t size)
{
	char path[128];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	f = fopen(path, "r");
	n = fread(out, 1, size, f);
	fclose(f);
	return n;
}

static void an_unknown_schema_is_refused_with_nothing_touched(void **state)
{
	static char before[1 << 18], after[1 << 18];
	struct mdb_options o = { .dir = dir, .mode = MDB_MODE_WRITER, .map_size = 1 << 20, .tables = tables,
				 .schema = "2" };
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	size_t n;

	(void)state;
	assert_int_equal(put_one(m, 1, 100), 0);
	mdb_close(m);
	n = slurp(before, sizeof(before));
	assert_int_equal(mdb_open(&o, &m, why), -EUCLEAN);
	assert_non_null(strstr(why, "nothing was touched"));
	o.mode = MDB_MODE_READER;
	assert_int_equal(mdb_open(&o, &m, why), -EUCLEAN);
	assert_int_equal(slurp(after, sizeof(after)), n);
	assert_memory_equal(before, after, n);
}

static void somebody_elses_data_is_refused(void **state)
{
	struct mdb_options o = { .dir = dir, .mode = MDB_MODE_WRITER, .map_size = 1 << 20, .tables = tables,
				 .schema = "1" };
	MDB_val k = { 1, "k" }, v = { 1, "v" };
	struct mdb *m;
	char path[128];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	int fd;

	(void)state;
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(mdb_open(&o, &m, why), -EUCLEAN);

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, path, sizeof(path)), sizeof(path));
	close(fd);
	assert_int_not_equal(mdb_open(&o, &m, why), 0);
}

static void the_map_grows_by_itself(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	uint64_t i;

	(void)state;
	for (i = 0; i < 200; i++)
		assert_int_equal(put_one(m, i, 20000), 0);
	assert_int_equal(put_one(m, i, 1 << 20), 0);
	assert_int_equal(entries(m), 201);
	mdb_close(m);
}

struct reading {
	struct mdb *m;
	atomic_bool stop;
	atomic_int failures;
	atomic_uint_fast64_t rounds;
};

static void *read_on(void *arg)
{
	struct reading *a = arg;
	struct mdb_reader *reader;
	MDB_cursor *cursor;
	MDB_val k, v;
	MDB_txn *txn;

	if (mdb_reader_new(a->m, &reader) < 0) {
		atomic_fetch_add(&a->failures, 1);
		return NULL;
	}
	while (!atomic_load(&a->stop)) {
		if (mdb_reader_begin(reader, &txn) < 0) {
			atomic_fetch_add(&a->failures, 1);
			break;
		}
		if (mdb_cursor_open(txn, mdb_table(a->m, 0), &cursor) == 0) {
			if (mdb_cursor_get(cursor, &k, &v, MDB_LAST) == 0 && ((const char *)v.mv_data)[v.mv_size - 1])
				atomic_fetch_add(&a->failures, 1);
			mdb_cursor_close(cursor);
		}
		mdb_reader_end(reader);
		atomic_fetch_add(&a->rounds, 1);
	}
	mdb_reader_free(reader);
	return NULL;
}

static void the_map_grows_under_readers_of_the_process(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct reading a = { .m = m };
	pthread_t threads[3];
	uint64_t i, rounds;
	int t;

	(void)state;
	for (t = 0; t < 3; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, read_on, &a), 0);
	for (i = 0; i < 300; i++)
		assert_int_equal(put_one(m, i, 30000), 0);
	rounds = atomic_load(&a.rounds);
	while (atomic_load(&a.rounds) == rounds && !atomic_load(&a.failures))	/* they read on afterwards */
		usleep(100);
	atomic_store(&a.stop, true);
	for (t = 0; t < 3; t++)
		pthread_join(threads[t], NULL);
	assert_int_equal(atomic_load(&a.failures), 0);
	mdb_close(m);
}

/* A child that reads as another process, at times as another user, until the parent has written `last`. */
static int read_until(uint64_t last, uid_t uid, gid_t gid, int ready_fd)
{
	struct mdb_reader *reader;
	MDB_val k = { sizeof(last), &last }, v;
	struct mdb *m;
	MDB_txn *txn;
	int rc;

	if (uid && (setgid(gid) < 0 || setuid(uid) < 0))
		return 10;
	m = open_as(MDB_MODE_READER, 0);
	if (!m || mdb_reader_new(m, &reader) < 0)
		return 11;
	if (write(ready_fd, "", 1) != 1)
		return 12;
	do {
		if (mdb_reader_begin(reader, &txn) < 0)
			return 13;
		rc = mdb_get(txn, mdb_table(m, 0), &k, &v);
		mdb_reader_end(reader);
	} while (rc == MDB_NOTFOUND);
	mdb_reader_free(reader);
	mdb_close(m);
	return rc == 0 ? 0 : 14;
}

static void the_map_grows_under_readers_of_other_processes(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	int ready[2], i;
	pid_t pid;
	char c;

	(void)state;
	mdb_close(m);	/* the directory and its modes */
	assert_int_equal(pipe(ready), 0);
	if (geteuid() == 0)	/* its group is the directory's: 12345 */
		assert_int_equal(chown(dir, 0, 12345), 0);
	teardown(NULL);
	mkdir(dir, 0750);
	if (geteuid() == 0)
		assert_int_equal(chown(dir, 0, 12345), 0);
	assert_int_equal(chmod(dir, 02750), 0);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	assert_int_equal(put_one(m, 0, 10), 0);
	mdb_close(m);	/* a fork must not inherit it */
	pid = fork();
	if (pid == 0)
		_exit(read_until(299, geteuid() == 0 ? 65534 : 0, 12345, ready[1]));
	assert_int_equal(read(ready[0], &c, 1), 1);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	for (i = 1; i < 300; i++)
		assert_int_equal(put_one(m, (uint64_t)i, 30000), 0);
	assert_int_equal(child_result(pid), 0);
	mdb_close(m);
	close(ready[0]);
	close(ready[1]);
}

static void a_reader_without_the_right_to_lock_is_refused(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	char path[128];
	pid_t pid;

	(void)state;
	mdb_close(m);
	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	chmod(dir, 0755);
	chmod(path, 0644);
	pid = fork();
	if (pid == 0) {
		struct mdb_options o = { .dir = dir, .mode = MDB_MODE_READER, .tables = tables, .schema = "1" };

		_exit(setgid(65534) == 0 && setuid(65534) == 0 && mdb_open(&o, &m, why) == -EROFS ? 0 : 1);
	}
	assert_int_equal(child_result(pid), 0);
}

static void a_reader_on_a_read_only_mount_is_refused(void **state)
{
	struct mdb_options o = { .dir = dir, .mode = MDB_MODE_READER, .tables = tables, .schema = "1" };
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	pid_t pid;
	int r;

	(void)state;
	mdb_close(m);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(dir, dir, NULL, MS_BIND, NULL) < 0 ||
		    mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
			_exit(77);	/* not our right here */
		_exit(mdb_open(&o, &m, why) == -EROFS ? 0 : 1);
	}
	r = child_result(pid);
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

/* Eight processes write sixty records each; then each record is there. */
static void several_processes_write_at_once(void **state)
{
	struct mdb *m;
	pid_t pids[8];
	int p, i;

	(void)state;
	for (p = 0; p < 8; p++) {
		pids[p] = fork();
		if (pids[p] == 0) {
			for (i = 0; i < 20; i++) {	/* opening each time, as plain CGI does */
				if (!(m = open_as(MDB_MODE_WRITER, 1 << 20)) ||
				    put_one(m, (uint64_t)(p * 1000 + i), 5000) < 0)
					_exit(1);
				mdb_close(m);
			}
			m = open_as(MDB_MODE_WRITER, 1 << 20);
			for (; i < 60; i++)
				if (!m || put_one(m, (uint64_t)(p * 1000 + i), 5000) < 0)
					_exit(2);
			_exit(0);
		}
	}
	for (p = 0; p < 8; p++)
		assert_int_equal(child_result(pids[p]), 0);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	assert_int_equal(entries(m), 8 * 60);
	mdb_close(m);
}

struct crowd {
	struct mdb *m;
	int number, soft, failed;
};

static void *write_some(void *arg)
{
	struct crowd *c = arg;
	int i;

	for (i = 0; i < 50; i++) {
		struct put p = { c->m, (uint64_t)(c->number * 1000 + i), 100, i % 5 == 0 ? -EAGAIN : 0, false };
		int r = mdb_write(c->m, put, &p);

		if (i % 5 == 0)
			c->soft += r == -EAGAIN;
		else
			c->failed += r != 0;
	}
	return NULL;
}

static void threads_commit_together_and_fail_alone(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct crowd crowd[16] = { { 0 } };
	pthread_t threads[16];
	uint64_t before = mdb_last_txn(m);
	int i;

	(void)state;
	for (i = 0; i < 16; i++) {
		crowd[i].m = m;
		crowd[i].number = i;
		assert_int_equal(pthread_create(&threads[i], NULL, write_some, &crowd[i]), 0);
	}
	for (i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(crowd[i].failed, 0);
		assert_int_equal(crowd[i].soft, 10);
	}
	assert_int_equal(entries(m), 16 * 40);
	assert_true(mdb_last_txn(m) - before < 16 * 40);	/* fewer commits than calls */
	mdb_close(m);
}

/* --- writes for which nobody waits --- */

struct later {
	struct mdb_job job;
	struct put put;
	int result;
	sem_t *done;
};

static void on_done(void *arg, int result)
{
	struct later *l = arg;

	l->result = result;
	if (l->done)
		sem_post(l->done);
}

static int put_later(MDB_txn *txn, void *arg)
{
	return put(txn, &((struct later *)arg)->put);
}

static void later_init(struct later *l, struct mdb *m, uint64_t key, int fail, sem_t *done)
{
	*l = (struct later){ .job = { .fn = put_later, .done = on_done }, .put = { m, key, 100, fail, false }, .result = 1, .done = done };
	l->job.arg = l;
}

static void without_a_committer_it_is_done_at_once(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct later l;

	(void)state;
	later_init(&l, m, 1, 0, NULL);
	mdb_write_later(m, &l.job);
	assert_int_equal(l.result, 0);
	assert_true(has(m, 1));
	mdb_close(m);
}

static void nobody_waits_and_each_is_told_its_own_result(void **state)
{
	enum { COUNT = MDB_LATER_MAX };
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct later *all = calloc(COUNT, sizeof(*all));
	struct crowd waiting = { m, 9, 0, 0 };
	pthread_t thread;
	sem_t done;
	int i;

	(void)state;
	sem_init(&done, 0, 0);
	assert_int_equal(mdb_committer_start(m), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_some, &waiting), 0);
	for (i = 0; i < COUNT; i++) {
		later_init(&all[i], m, (uint64_t)(100000 + i), i % 7 == 0 ? -EAGAIN : i % 11 == 0 ? -EIO : 0, &done);
		mdb_write_later(m, &all[i].job);
	}
	for (i = 0; i < COUNT; i++)
		while (sem_wait(&done) < 0)
			;
	pthread_join(thread, NULL);
	assert_int_equal(waiting.failed, 0);
	assert_int_equal(waiting.soft, 10);
	for (i = 0; i < COUNT; i++) {
		assert_int_equal(all[i].result, all[i].put.fail);
		assert_int_equal(has(m, (uint64_t)(100000 + i)), all[i].result == 0);
	}
	mdb_committer_stop(m);
	mdb_close(m);
	free(all);
	sem_destroy(&done);
}

static sem_t begun, go;

static int put_when_let(MDB_txn *txn, void *arg)
{
	sem_post(&begun);
	while (sem_wait(&go) < 0)
		;
	return put_later(txn, arg);
}

static void one_too_many_is_refused_at_once(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct later *all = calloc(MDB_LATER_MAX, sizeof(*all)), more;
	sem_t done;
	int i;

	(void)state;
	sem_init(&done, 0, 0);
	sem_init(&begun, 0, 0);
	sem_init(&go, 0, 0);
	assert_int_equal(mdb_committer_start(m), 0);
	later_init(&all[0], m, 0, 0, &done);
	all[0].job.fn = put_when_let;
	mdb_write_later(m, &all[0].job);
	while (sem_wait(&begun) < 0)
		;
	for (i = 1; i < MDB_LATER_MAX; i++) {
		later_init(&all[i], m, (uint64_t)i, 0, &done);
		mdb_write_later(m, &all[i].job);
	}
	later_init(&more, m, MDB_LATER_MAX, 0, NULL);
	mdb_write_later(m, &more.job);
	assert_int_equal(more.result, -EBUSY);
	sem_post(&go);
	for (i = 0; i < MDB_LATER_MAX; i++)
		while (sem_wait(&done) < 0)
			;
	for (i = 0; i < MDB_LATER_MAX; i++)
		assert_int_equal(all[i].result, 0);
	assert_false(has(m, MDB_LATER_MAX));
	more.done = &done;
	mdb_write_later(m, &more.job);	/* there is room again */
	mdb_committer_stop(m);
	assert_int_equal(more.result, 0);
	mdb_close(m);
	free(all);
	sem_destroy(&go);
	sem_destroy(&begun);
	sem_destroy(&done);
}

static void what_waits_when_the_committer_is_stopped_is_carried_out(void **state)
{
	struct mdb *m;
	struct later all[40];
	int i, round;

	(void)state;
	for (round = 0; round < 20; round++) {
		m = open_as(MDB_MODE_WRITER, 1 << 20);
		assert_int_equal(mdb_committer_start(m), 0);
		for (i = 0; i < 40; i++) {
			later_init(&all[i], m, (uint64_t)(round * 100 + i), 0, NULL);
				mdb_write_later(m, &all[i].job);
		}
		mdb_committer_stop(m);
		for (i = 0; i < 40; i++)
			assert_int_equal(all[i].result, 0);
		assert_true(has(m, (uint64_t)(round * 100 + 39)));
		later_init(&all[0], m, 7, 0, NULL);
		mdb_write_later(m, &all[0].job);	/* now by whoever asks */
		assert_int_equal(all[0].result, 0);
		mdb_close(m);
	}
}

static void a_call_that_spoils_the_transaction_is_left_out(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct put p = { m, 7, 100, -EIO, true };

	(void)state;
	assert_int_equal(mdb_write(m, put, &p), -EIO);
	assert_false(has(m, 7));
	assert_int_equal(put_one(m, 8, 100), 0);
	assert_true(has(m, 8));
	mdb_close(m);
}

static void a_writer_killed_in_mid_commit_loses_nothing_acknowledged(void **state)
{
	struct mdb *m;
	uint64_t last, i;
	int pipes[2], round;
	pid_t pid;

	(void)state;
	for (round = 0; round < 6; round++) {
		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (pid == 0) {
			m = open_as(MDB_MODE_WRITER, 1 << 20);
			for (i = 0; m && put_one(m, (uint64_t)round << 32 | i, 300) == 0; i++)
				if (write(pipes[1], &i, sizeof(i)) != sizeof(i))
					break;
			_exit(1);
		}
		close(pipes[1]);
		do
			assert_int_equal(read(pipes[0], &last, sizeof(last)), sizeof(last));
		while (last < (uint64_t)(20 + round * 7));
		kill(pid, SIGKILL);
		assert_int_equal(child_result(pid), 128 + SIGKILL);
		while (read(pipes[0], &last, sizeof(last)) == sizeof(last))
			;
		close(pipes[0]);
		m = open_as(MDB_MODE_WRITER, 1 << 20);
		assert_non_null(m);
		for (i = 0; i <= last; i++)
			assert_true(has(m, (uint64_t)round << 32 | i));
		mdb_close(m);
	}
}

static void what_dead_readers_hold_is_cleared(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	int pipes[2];
	MDB_txn *txn;
	pid_t pid;
	char c;

	(void)state;
	mdb_close(m);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		m = open_as(MDB_MODE_READER, 0);
		if (!m || mdb_read_begin(m, &txn) < 0 || write(pipes[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	assert_int_equal(mdb_clear_dead(m), 0);
	kill(pid, SIGKILL);
	child_result(pid);
	assert_int_equal(mdb_clear_dead(m), 1);
	mdb_close(m);
	close(pipes[0]);
	close(pipes[1]);
}

static void a_full_disk_is_an_error_and_passes(void **state)
{
	struct rlimit before, tight;
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	uint64_t i;
	int r = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = before;
	tight.rlim_cur = 300000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (i = 0; i < 100 && r == 0; i++)
		r = put_one(m, i, 9000);
	assert_true(r == -ENOSPC || r == -EIO);
	assert_true(i > 10 && has(m, i - 2) && !has(m, i - 1));
	r = put_one(m, i, 9000);
	assert_true(r == -ENOSPC || r == -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(put_one(m, i, 9000), 0);
	assert_true(has(m, i) && has(m, 0));
	mdb_close(m);
}

static void a_disk_that_fails_at_the_last_page_is_an_error_and_passes(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	struct mdb_reader *reader;
	MDB_txn *txn;

	(void)state;
	assert_int_equal(put_one(m, 1, 100), 0);
	assert_int_equal(mdb_reader_new(m, &reader), 0);
	atomic_store(&meta_fails, true);
	assert_int_equal(put_one(m, 2, 100), -EIO);
	atomic_store(&meta_fails, false);
	assert_int_equal(mdb_reader_begin(reader, &txn), 0);
	mdb_reader_end(reader);
	assert_true(has(m, 1));
	assert_int_equal(put_one(m, 3, 100), 0);
	assert_true(has(m, 1) && has(m, 3));
	mdb_reader_free(reader);
	mdb_close(m);
}

static void little_address_space_is_enough(void **state)
{
	struct mdb *m;
	pid_t pid;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();	/* the sanitizers themselves need terabytes of it */
#endif
	pid = fork();
	if (pid == 0) {
		struct rlimit limit;
		unsigned long pages;
		uint64_t i;
		FILE *f;

		f = fopen("/proc/self/statm", "r");	/* what the threads of the tests before have left */
		if (!f || fscanf(f, "%lu", &pages) != 1)
			_exit(3);
		fclose(f);
		limit.rlim_cur = limit.rlim_max = pages * 4096 + (300 << 20);
		setrlimit(RLIMIT_AS, &limit);
		m = open_as(MDB_MODE_WRITER, UINT64_C(1) << 30);
		for (i = 0; m && i < 10; i++)
			if (put_one(m, i, 1 << 20) < 0)
				_exit(1);
		mdb_close(m);
		m = open_as(MDB_MODE_READER, 0);
		_exit(m && has(m, 9) ? 0 : 2);
	}
	assert_int_equal(child_result(pid), 0);
}

static void a_backup_is_a_whole_store(void **state)
{
	struct mdb *m = open_as(MDB_MODE_WRITER, 1 << 20);
	char to[] = "/tmp/test-mdb-copy-XXXXXX", path[128], was[64];

	(void)state;
	assert_non_null(mkdtemp(to));
	assert_int_equal(put_one(m, 5, 5000), 0);
	assert_int_equal(mdb_backup(m, to), 0);
	assert_int_equal(mdb_backup(m, to), -EEXIST);
	mdb_close(m);
	strcpy(was, dir);
	strcpy(dir, to);
	m = open_as(MDB_MODE_WRITER, 1 << 20);
	assert_true(has(m, 5));
	mdb_close(m);
	snprintf(path, sizeof(path), "%s/data.mdb", to);
	teardown(NULL);
	strcpy(dir, was);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(modes_do_not_depend_on_the_umask),
		T(a_reader_waits_for_a_writer_to_come_first),
		T(a_directory_is_opened_once_in_a_process),
		T(an_unknown_schema_is_refused_with_nothing_touched),
		T(somebody_elses_data_is_refused),
		T(the_map_grows_by_itself),
		T(the_map_grows_under_readers_of_the_process),
		T(the_map_grows_under_readers_of_other_processes),
		T(a_reader_without_the_right_to_lock_is_refused),
		T(a_reader_on_a_read_only_mount_is_refused),
		T(several_processes_write_at_once),
		T(threads_commit_together_and_fail_alone),
		T(without_a_committer_it_is_done_at_once),
		T(nobody_waits_and_each_is_told_its_own_result),
		T(one_too_many_is_refused_at_once),
		T(what_waits_when_the_committer_is_stopped_is_carried_out),
		T(a_call_that_spoils_the_transaction_is_left_out),
		T(a_writer_killed_in_mid_commit_loses_nothing_acknowledged),
		T(what_dead_readers_hold_is_cleared),
		T(a_full_disk_is_an_error_and_passes),
		T(a_disk_that_fails_at_the_last_page_is_an_error_and_passes),
		T(little_address_space_is_enough),
		T(a_backup_is_a_whole_store),
	};
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
