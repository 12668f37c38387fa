/* mdb_internal.h - what mdb.c and mdb_write.c share; nobody else includes it. */
#ifndef WXCHAT_MDB_INTERNAL_H
#define WXCHAT_MDB_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "log.h"
#include "mdb.h"

enum { MDB_TABLES_MAX = 32 };

struct mdb {
	MDB_env *env;			/* NULL only after a failed reopening */
	MDB_dbi meta, tables[MDB_TABLES_MAX];
	char *names[MDB_TABLES_MAX];
	unsigned table_count;
	char *dir, *schema;		/* schema NULL: any */
	enum mdb_mode mode;
	bool relaxed;
	uint64_t map_size;

	/* Changing the map needs this process to be without transactions.  Those of mdb_read_begin and mdb_write
	 * hold `busy` for reading; those of a kept reader only raise its flag, which costs nobody else a cache line. */
	pthread_rwlock_t busy;
	pthread_mutex_t halt_lock;
	atomic_bool halted;
	pthread_mutex_t readers_lock;
	struct mdb_reader *readers;

	pthread_mutex_t queue_lock;
	struct mdb_job *first, **last;	/* writes that wait for the next commit */
	unsigned later;			/* of them and of the commit under way: those for which nobody waits */
	bool has_leader;
	bool has_committer, committer_leads, committer_stops;
	pthread_t committer;
	sem_t committer_wake;		/* posted with queue_lock held each time that it is to lead, and to look whether to end */
	unsigned commits;		/* the leader's; for clearing dead readers now and then */
	unsigned crowd;			/* the leader's: calls in the last commit */
	int64_t committed_us;		/* the leader's: when that was */
	struct log_limit failure_limit;	/* the leader's */

	dev_t dev;			/* what tells one directory from another, whatever its name */
	ino_t ino;
	pid_t pid;
	struct mdb *next_open;
};

struct mdb_reader {
	struct mdb *m;
	MDB_txn *txn;			/* reset between uses; NULL after a failed reopening */
	atomic_bool active;
	struct mdb_reader *next, **link;
} __attribute__((aligned(64)));

/* No transaction of this process runs between these two. */
void mdb_halt(struct mdb *m);
void mdb_resume(struct mdb *m);

/* Is this much address space to be had?  LMDB cannot live on when a new map fails after the old one is
 * gone, so it is asked first. */
bool mdb_has_room(uint64_t size);
uint64_t mdb_file_size(const char *dir);	/* of data.mdb; 0 when there is none */
uint64_t mdb_whole_pages(uint64_t size);

/* While halted: opens m->env and its tables, or leaves it NULL.  why may be NULL. */
int mdb_open_env(struct mdb *m, char *why);

/* While halted: at least this many bytes of map.  -ENOSPC when the address space does not allow it. */
int mdb_remap(struct mdb *m, uint64_t size);

/* Another process let the data grow past our map: takes as much.  Not while in a transaction. */
int mdb_adopt(struct mdb *m);

#endif
