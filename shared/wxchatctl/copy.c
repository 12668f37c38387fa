/* copy.c - backup and restore of the two LMDB environments.  A backup is consistent and disturbs nobody; a restore puts
 * one back while nobody has the environment open, and keeps what was there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "ctl.h"
#include "mdb.h"

enum { SCHEMA_MAX = 64, COPY_BYTES = 1 << 20, MAP_BYTES = 16 << 20 };

/* The environments, and what they are called in a backup. */
struct part {
	const char *name, *dir;
};
enum { PARTS = 2 };

static void parts_of(const struct config *config, struct part parts[static PARTS])
{
	parts[0] = (struct part){ "sessions", config->session_dir };
	parts[1] = (struct part){ "history", config->history.dir };
}

static int path_of(struct buf *out, const char *dir, const char *name)
{
	buf_reset(out);
	return buf_addf(out, "%s/%s", dir, name);
}

static bool is_there(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool yes = path_of(&path, dir, name) == 0 && stat(path.data, &st) == 0;

	buf_free(&path);
	return yes;
}

/* --- backup --- */

static int backup_part(const struct part *part, const char *to)
{
	struct mdb_options options = { .dir = part->dir, .mode = MDB_MODE_READER };
	char why[200] = "";
	struct mdb *m;
	int r;

	if (mkdir(to, 0700) < 0)
		return ctl_fail(CTL_FAILED, "%s: %s", to, strerror(errno));
	if ((r = mdb_open(&options, &m, why)) < 0)
		return ctl_fail(CTL_FAILED, "%s: %s", part->dir, why[0] != '\0' ? why : strerror(-r));
	r = mdb_backup(m, to);
	mdb_close(m);
	return r < 0 ? ctl_fail(CTL_FAILED, "%s: %s", to, strerror(-r)) : CTL_OK;
}

static int backup(struct ctl *ctl, int argc, char **argv)
{
	struct part parts[PARTS];
	struct buf to = BUF_INIT;
	int code = CTL_OK;
	bool has_any = false;

	(void)argc;
	parts_of(ctl->config, parts);
	if (mkdir(argv[0], 0700) < 0)
		return ctl_fail(CTL_FAILED, "%s: %s (a backup goes into a directory of its own, which is made)", argv[0],
				strerror(errno));
	for (int i = 0; i < PARTS && code == CTL_OK; i++) {
		if (!is_there(parts[i].dir, "data.mdb")) {
			fprintf(stderr, "wxchatctl: %s holds nothing yet: left out\n", parts[i].dir);
			continue;
		}
		code = path_of(&to, argv[0], parts[i].name) < 0 ? ctl_fail(CTL_FAILED, "out of memory")
								: backup_part(&parts[i], to.data);
		has_any = true;
	}
	buf_free(&to);
	if (code == CTL_OK && !has_any)
		return ctl_fail(CTL_NOT_FOUND, "there is nothing to back up");
	if (code == CTL_OK && ctl->json)
		puts("{\"ok\":true}");
	else if (code == CTL_OK)
		printf("backed up into %s: it holds sessions and messages, so keep it where nobody else reads\n", argv[0]);
	return code;
}

/* --- restore --- */

/* The schema that an environment names; without locks, because nobody has it open (a backup never has a lock file).
 * -ENOENT when there is none. */
static int schema_of(const char *dir, char out[static SCHEMA_MAX])
{
	MDB_val key = { 6, (void *)(uintptr_t)"schema" }, value;
	MDB_env *env = NULL;
	MDB_txn *txn = NULL;
	MDB_dbi meta;
	int rc;

	if ((rc = mdb_env_create(&env)) != 0)
		return mdb_errno(rc);
	if ((rc = mdb_env_set_maxdbs(env, 1)) == 0 && (rc = mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK, 0)) == 0 &&
	    (rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) == 0 && (rc = mdb_dbi_open(txn, "meta", 0, &meta)) == 0 &&
	    (rc = mdb_get(txn, meta, &key, &value)) == 0 && value.mv_size < SCHEMA_MAX) {
		memcpy(out, value.mv_data, value.mv_size);
		out[value.mv_size] = '\0';
	}
	if (txn != NULL)
		mdb_txn_abort(txn);
	mdb_env_close(env);
	return rc == 0 ? 0 : mdb_errno(rc);
}

/* Whoever has the environment open holds a lock on the first byte of lock.mdb.  0, or that process. */
static pid_t user_of(const char *dir)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	struct buf path = BUF_INIT;
	pid_t pid = 0;
	int fd = path_of(&path, dir, "lock.mdb") < 0 ? -1 : open(path.data, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		pid = lock.l_pid;
	if (fd >= 0)
		close(fd);
	buf_free(&path);
	return pid;
}

static int copy_bytes(int from, int to)
{
	static char bytes[COPY_BYTES];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(to, bytes + done, (size_t)(n - done))) < 0)
				return -errno;
	return n < 0 ? -errno : 0;
}

/* Copies to a new file that is on disk when this returns. */
static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, r = 0;

	if (in < 0 || (out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640)) < 0)
		r = -errno;
	if (r == 0)
		r = copy_bytes(in, out);
	if (r == 0 && fsync(out) < 0)
		r = -errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return r;
}

static int forget_epoch(MDB_txn *txn, void *arg)
{
	MDB_val key = { 5, (void *)(uintptr_t)"epoch" };
	int rc = mdb_del(txn, mdb_meta(arg), &key, NULL);

	return rc == MDB_NOTFOUND ? 0 : mdb_errno(rc);
}

/* A history that is put back gets a new epoch at the next start, so that clients ask for everything again. */
static int renew_epoch(const char *dir, char why[static 200])
{
	struct mdb_options options = { .dir = dir, .mode = MDB_MODE_WRITER, .map_size = MAP_BYTES };
	struct mdb *m;
	int r;

	if ((r = mdb_open(&options, &m, why)) < 0)
		return r;
	r = mdb_write(m, forget_epoch, m);
	mdb_close(m);
	return r;
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* The new file belongs to whoever the old one (or the directory) belonged to, and the old one steps aside. */
static int put_in_place(const char *dir, const char *fresh)
{
	struct buf data = BUF_INIT, aside = BUF_INIT, lock = BUF_INIT;
	struct stat st;
	int r = 0;

	if (path_of(&data, dir, "data.mdb") < 0 || path_of(&lock, dir, "lock.mdb") < 0 ||
	    buf_addf(&aside, "%s/data.mdb.before-%" PRId64, dir, clock_wall_ms() / 1000) < 0) {
		r = -ENOMEM;
		goto out;
	}
	if (stat(data.data, &st) < 0 && stat(dir, &st) < 0) {
		r = -errno;
		goto out;
	}
	if (chown(fresh, st.st_uid, st.st_gid) < 0 || chmod(fresh, 0640) < 0 ||
	    (rename(data.data, aside.data) < 0 && errno != ENOENT) || (unlink(lock.data) < 0 && errno != ENOENT) ||
	    rename(fresh, data.data) < 0)
		r = -errno;
	else
		r = sync_dir(dir);
out:
	buf_free(&data);
	buf_free(&aside);
	buf_free(&lock);
	return r;
}

/* Readers take a place without its lock file for one that holds nothing yet; a writer makes it. */
static int make_lock(const char *dir, char why[static 200])
{
	struct mdb_options options = { .dir = dir, .mode = MDB_MODE_WRITER, .map_size = MAP_BYTES };
	struct mdb *m;
	int r = mdb_open(&options, &m, why);

	if (r == 0)
		mdb_close(m);
	return r;
}

static void remove_dir(const char *dir)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	struct buf path = BUF_INIT;

	for (int i = 0; i < 2; i++)
		if (path_of(&path, dir, files[i]) == 0)
			unlink(path.data);
	rmdir(dir);
	buf_free(&path);
}

static int restore_part(const struct part *part, const char *from, bool is_history)
{
	char there[SCHEMA_MAX] = "", kept[SCHEMA_MAX] = "", why[200] = "";
	struct buf source = BUF_INIT, work = BUF_INIT, fresh = BUF_INIT;
	bool has_work = false;
	int r, code = CTL_FAILED;

	if ((r = schema_of(from, kept)) < 0) {
		ctl_fail(code, "%s is no backup of this program: %s", from, strerror(-r));
		goto out;
	}
	if (is_there(part->dir, "data.mdb") && schema_of(part->dir, there) == 0 && strcmp(there, kept) != 0) {
		ctl_fail(code, "%s holds another kind or version of data than %s: nothing was touched", from, part->dir);
		goto out;
	}
	if (mkdir(part->dir, 02750) < 0 && errno != EEXIST) {
		ctl_fail(code, "%s: %s", part->dir, strerror(errno));
		goto out;
	}
	if (path_of(&source, from, "data.mdb") < 0 || path_of(&work, part->dir, ".restore") < 0 ||
	    path_of(&fresh, work.data, "data.mdb") < 0)
		goto out;
	remove_dir(work.data);	/* of a restore that was interrupted */
	has_work = mkdir(work.data, 0700) == 0;
	r = has_work ? copy_file(source.data, fresh.data) : -errno;
	if (r == 0 && is_history)
		r = renew_epoch(work.data, why);
	if (r == 0)
		r = put_in_place(part->dir, fresh.data);
	if (r == 0)
		r = make_lock(part->dir, why);
	if (r < 0)
		ctl_fail(code, "%s: %s", part->dir, why[0] != '\0' ? why : strerror(-r));
	else
		code = CTL_OK;
out:
	if (has_work)
		remove_dir(work.data);
	buf_free(&source);
	buf_free(&work);
	buf_free(&fresh);
	return code;
}

static int restore(struct ctl *ctl, int argc, char **argv)
{
	struct part parts[PARTS];
	struct buf from = BUF_INIT;
	int code = CTL_OK, count = 0;
	pid_t pid;

	(void)argc;
	parts_of(ctl->config, parts);
	for (int i = 0; i < PARTS; i++)
		if ((pid = user_of(parts[i].dir)) != 0)
			return ctl_fail(CTL_FAILED, "process %ld has %s open: stop fcgi-login and push-server first", (long)pid,
					parts[i].dir);
	if (!ctl->yes)
		return ctl_fail(CTL_USAGE, "this replaces %s and %s (what is there is kept beside, as data.mdb.before-TIME): "
				"say --yes", parts[0].dir, parts[1].dir);
	for (int i = 0; i < PARTS && code == CTL_OK; i++) {
		if (path_of(&from, argv[0], parts[i].name) < 0)
			code = ctl_fail(CTL_FAILED, "out of memory");
		else if (is_there(from.data, "data.mdb")) {
			code = restore_part(&parts[i], from.data, i == 1);
			count++;
		}
	}
	buf_free(&from);
	if (code == CTL_OK && count == 0)
		return ctl_fail(CTL_NOT_FOUND, "%s holds no backup", argv[0]);
	if (code == CTL_OK && ctl->json)
		puts("{\"ok\":true}");
	else if (code == CTL_OK)
		puts("restored; start fcgi-login and push-server again");
	return code;
}

const struct command copy_commands[] = {
	{ "backup", "DIR", "copy users, sessions and messages into the new DIR, hot", 1, 1, backup, "" },
	{ "restore", "DIR --yes", "put such a copy back, with both programs stopped", 1, 1, restore, "y" },
	{ NULL, NULL, NULL, 0, 0, NULL, "" },
};
