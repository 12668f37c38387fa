/* mdb.h - LMDB environments as this product opens them: shared by several processes and user ids, growing
 * by themselves, never opened twice in a process.
 * Threads:  any.  A write transaction belongs to the thread that began it.
 * Errors:   0 or a negative errno (LMDB's own codes are mapped: MDB_NOTFOUND -ENOENT, MDB_MAP_FULL -ENOSPC,
 *           MDB_VERSION_MISMATCH and MDB_INVALID -EUCLEAN, others -EIO). */
#ifndef WXCHAT_MDB_H
#define WXCHAT_MDB_H

#include <lmdb.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

/* lmdb.h's macros for its own former names. */
#undef mdb_open
#undef mdb_close

struct mdb;

enum mdb_mode {
	MDB_MODE_WRITER,	/* creates what is missing: directory 2750, data.mdb 0640, lock.mdb 0660 */
	MDB_MODE_READER		/* never writes data.mdb; -ENOENT until a writer has created it */
};

struct mdb_options {
	const char *dir;
	enum mdb_mode mode;
	uint64_t map_size;	/* bytes to begin with; doubled whenever it is full */
	bool relaxed;		/* MDB_NOMETASYNC: a power cut may take the last transaction, nothing else */
	const char *const *tables;	/* NULL-ended names, opened for life */
	const char *schema;	/* kept under "schema" in the table "meta" (which is always there):
				 * another one found there is -EUCLEAN, nothing touched */
};

/* Opens, checks the schema, clears readers that died, and refuses a place where readers cannot lock
 * (read-only mount, no write access to lock.mdb): -EROFS.  why (at least 200 bytes) says in words what is
 * wrong and what to do. */
int mdb_open(const struct mdb_options *options, struct mdb **out, char why[static 200]);
void mdb_close(struct mdb *m);

/* The handle of tables[i]. */
MDB_dbi mdb_table(const struct mdb *m, unsigned i);
MDB_dbi mdb_meta(const struct mdb *m);
MDB_env *mdb_handle(const struct mdb *m);

/* A read transaction: begin to end without waiting for anybody, in one thread, which meanwhile neither begins
 * another one here nor writes.  Pointers read in it die with it. */
int mdb_read_begin(struct mdb *m, MDB_txn **txn);
void mdb_read_end(struct mdb *m, MDB_txn *txn);

/* A reader kept by one thread and renewed for each use, a third of the cost.  The same rules. */
struct mdb_reader;
int mdb_reader_new(struct mdb *m, struct mdb_reader **out);
int mdb_reader_begin(struct mdb_reader *r, MDB_txn **txn);
void mdb_reader_end(struct mdb_reader *r);
void mdb_reader_free(struct mdb_reader *r);

/* Runs fn in a write transaction and commits.  What several threads ask for at the same moment is committed
 * together (one of them carries out the others' calls, so fn may run in another thread); the call returns when
 * it is on disk.  fn returns 0, or a negative errno without having changed anything: then its caller alone gets
 * the error.  LMDB's own failures in the middle of changes (mdb_errno's -ENOSPC, -EIO, -ENOMEM) it just returns:
 * the transaction is thrown away, the map grows if it was full, and all calls of the group run again, so fn must
 * bear to be run twice.  May wait for the disk.  -EROFS for readers. */
int mdb_write(struct mdb *m, int (*fn)(MDB_txn *txn, void *arg), void *arg);

/* A write for which nobody waits.  Its maker fills the first three and keeps it until done has been called. */
struct mdb_job {
	int (*fn)(MDB_txn *txn, void *arg);	/* as for mdb_write */
	void (*done)(void *arg, int result);	/* with what mdb_write would have returned */
	void *arg;

	int result;		/* mdb_write.c's from here on */
	bool is_out, is_done;
	sem_t wake;
	struct mdb_job *next;
};

/* Starts the thread that commits them.  0 or a negative errno. */
int mdb_committer_start(struct mdb *m);
/* Carries out what waits, and ends it.  Nobody may call mdb_write_later meanwhile. */
void mdb_committer_stop(struct mdb *m);

/* As mdb_write, but done is called once it is on disk or has failed, in a thread that commits: it must be short, and write
 * nothing to m.  When MDB_LATER_MAX wait already nothing is written, and done is called with -EBUSY before this returns.
 * Without a committer this waits, and done is called before it returns. */
enum { MDB_LATER_MAX = 1024 };	/* a second of a busy host: what it refuses has spent its code */
void mdb_write_later(struct mdb *m, struct mdb_job *job);

/* The number of the last committed transaction, by whichever process. */
uint64_t mdb_last_txn(struct mdb *m);

/* Clears reader slots of dead processes; call now and then.  Returns how many. */
int mdb_clear_dead(struct mdb *m);

/* A consistent copy of everything, compacted, into dir, which must exist and be empty, while others work on. */
int mdb_backup(struct mdb *m, const char *dir);

/* LMDB's code as a negative errno. */
int mdb_errno(int code);

#endif
