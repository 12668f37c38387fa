/* history_internal.h - what the files of the history share; nobody else includes it. */
#ifndef WXCHAT_HISTORY_INTERNAL_H
#define WXCHAT_HISTORY_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "history.h"
#include "history_erase.h"
#include "history_record.h"
#include "log.h"
#include "mdb.h"

/* Tables beside those of room_table:
 *   rooms      name -> room_record
 *   messages   room's number, id -> message_record, sealed text
 *   cids       ten-minute window (4 bytes), room's number (4), uid NUL cid -> id (8), time_ms (8)
 *   keys       block (8) -> the keys of its slots
 *   slots      slot (8) -> nothing: free for another message
 *   erasures   slot (8) -> nothing: its key is to be overwritten */
enum {
	TABLE_ROOMS = TABLE_COUNT, TABLE_MESSAGES, TABLE_CIDS, TABLE_KEYS, TABLE_SLOTS, TABLE_ERASURES,
	TABLES_ALL
};

enum {
	BATCH_REQUESTS = 1000, BATCH_BYTES = 4 << 20,	/* one transaction carries no more */
	TEXT_MAX = (16 << 20) + (64 << 10),	/* the largest max_message_kb, and what the server adds to it */
	SWEEP_ROOMS = 4, SWEEP_MESSAGES = 256,		/* idle rooms looked at, messages pruned, by each batch */
	IDLE_ROOMS = 1000, IDLE_MESSAGES = 4096,	/* the same when nothing happens */
	IDLE_MS = 60 * 1000
};

struct history {
	struct mdb *db;
	int claim;				/* the lock that says who writes; -1 after history_stop */
	uint64_t per_room;
	int64_t max_age_ms;
	void (*deliver)(void *arg, struct history_batch *batch);
	void *arg;
	char epoch[EPOCH_LEN + 1];

	/* the history thread's */
	struct slots slots;
	struct text_sealer *sealer;
	char swept[ROOM_NAME_MAX + 1];		/* the room that pruning looked at last */
	bool has_erasures, are_erased;		/* noted in the table; of those, all overwritten */
	struct log_limit failure_limit;

	pthread_t thread;
	pthread_mutex_t lock;			/* guards the next five */
	pthread_cond_t wake;
	struct history_batch waiting;
	uint64_t waiting_bytes;
	bool is_stopping, is_running;

	atomic_uint_fast64_t counts[TABLE_COUNT];
	atomic_uint_fast64_t batches, appended, duplicates, failed, pruned, erased, commit_us;
};

/* One transaction's work: what it is given, and what is to be taken over once it is committed. */
struct history_work {
	struct history *h;
	struct history_batch *batch;
	int64_t now_ms;				/* 0: unknown, prunes nothing */
	unsigned sweep_rooms, sweep_messages;

	MDB_txn *txn;
	struct slots slots;
	char swept[ROOM_NAME_MAX + 1];
	bool has_erasures;
	uint64_t appended, duplicates, pruned, recalled;
	uint64_t counts[TABLE_COUNT];
};

/* For mdb_write: carries out the batch and prunes.  May be run again after it failed. */
int history_log_run(MDB_txn *txn, void *arg);

/* history_open with another name for this run of the kernel. */
int history_open_as(const struct history_options *options, const char *boot_id, struct history **out,
		    char why[static 200]);

/* LMDB's code as an errno that spoils a transaction. */
int history_errno(int rc);

#endif
