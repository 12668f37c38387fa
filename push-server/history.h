/* history.h - what rooms remember: messages, and the decisions about people (bans, mutes, enrolments, moderators,
 * read marks, consents).  One LMDB environment, written by one thread, read by all.
 * The log is a seam: history_submit answers later, through deliver, so that another store may stand behind it.
 * Threads:  history_submit any; deliver is called in the history thread; a history_reader belongs to one thread.
 * Waiting:  history_submit never (a list under a lock); readers never.  Disk syncs happen in the history thread alone.
 * Order:    requests are carried out in the order of submission; what waits together is committed together, and
 *           delivered together after the commit.
 * Errors:   0 or a negative errno: -ENOSPC disk or map full, -EIO; a failed commit fails its whole batch. */
#ifndef WXCHAT_HISTORY_H
#define WXCHAT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "buf.h"
#include "store.h"

enum {
	ROOM_NAME_MAX = 64,	/* bytes of UTF-8, without control characters */
	CID_MAX = 64,
	EPOCH_LEN = 16,		/* lower-case hex */
	CID_KEPT_MS = 10 * 60 * 1000,
	RECALL_OWN_MS = 2 * 60 * 1000,
	HISTORY_QUEUE_BYTES = 64 << 20	/* what may wait for the disk; past it history_submit says -EAGAIN */
};

struct history;
struct history_request;
STAILQ_HEAD(history_batch, history_request);

struct history_options {
	const char *dir;
	uint64_t map_size;
	bool relaxed;			/* [history] sync = relaxed */
	uint64_t per_room;		/* messages kept */
	int64_t max_age_ms;		/* 0 = no limit */
	/* Takes the batch, whose requests are done (error, id ... are set); in the history thread. */
	void (*deliver)(void *arg, struct history_batch *batch);
	void *arg;
};

/* -EWOULDBLOCK when another process has it open and has not stopped yet. */
int history_open(const struct history_options *options, struct history **out, char why[static 200]);
int history_start(struct history *h);
/* Commits and delivers what was submitted before, ends the thread, and leaves the environment to whoever opens it next: nothing
 * is written to it any more.  Later submissions get -ESHUTDOWN.  Before history_close; a second time it does nothing. */
void history_stop(struct history *h);
void history_close(struct history *h);

/* Changes when messages were lost or restored: a new environment, a backup put back (which has lost its row "epoch" in the
 * table "meta"), a power cut in relaxed mode. */
const char *history_epoch(const struct history *h);

/* What is kept about people, each a table of small values under a key (see roomstore keys below). */
enum room_table {
	TABLE_BANS,		/* uid or address: see shared/bans.h for key and value */
	TABLE_MUTES,		/* room NUL uid (room "" = everywhere): 8 bytes big-endian expiry ms, 0 = for ever */
	TABLE_ENROLLED,		/* room NUL uid: who may enter a private room */
	TABLE_MODERATORS,	/* room NUL uid (room "" = everywhere) */
	TABLE_READS,		/* room NUL uid: 8 bytes big-endian id of the last message read */
	TABLE_CONSENTS,		/* uid NUL template: 8 bytes big-endian count of subscribe messages still allowed */
	TABLE_MARKS,		/* whatever a part must remember over restarts, by a name of its own */
	TABLE_COUNT
};

enum history_verb {
	HISTORY_APPEND,		/* room, uid, cid, text, time_ms -> id, is_duplicate */
	HISTORY_RECALL,		/* room, id, uid, may_any, time_ms: the text is erased, for ever and from the disk too;
				 * -ENOENT no such message, -EPERM not one's own, -ETIME too late */
	HISTORY_SET,		/* table, key, value */
	HISTORY_DELETE,		/* table, key; -ENOENT if absent */
	HISTORY_RAISE,		/* table, key, amount: a big-endian number that never falls (read marks) -> number */
	HISTORY_ADD		/* table, key, amount (may be negative; -ERANGE instead of going below 0) -> number */
};

/* One piece of work.  Allocated by the submitter with malloc; its memory is its own again once delivered. */
struct history_request {
	STAILQ_ENTRY(history_request) link;
	enum history_verb verb;
	/* in */
	char room[ROOM_NAME_MAX + 1];
	char uid[UID_LEN + 1];
	char cid[CID_MAX + 1];		/* "" when none; deduplicated for CID_KEPT_MS by room, uid and cid, over restarts too */
	int64_t time_ms;
	bool may_any;
	enum room_table table;
	struct buf key, value;		/* owned by the request */
	int64_t amount;
	char *text;			/* APPEND: the message's JSON without `{"type":…,"id":…,`; owned, malloc */
	size_t text_len;
	/* in for RECALL, out for APPEND: the message's number in its room, 1, 2, 3 … without gaps, for ever */
	uint64_t id;
	/* out */
	int error;
	bool is_duplicate;		/* this cid is stored already, as id, or recalled already; nothing was changed */
	uint64_t number;		/* of a duplicate: when it was said first, ms */
	/* the submitter's own */
	void *context;
};

/* Takes the request on 0.  -EAGAIN when too much waits, -ESHUTDOWN after history_stop: it is still the caller's. */
int history_submit(struct history *h, struct history_request *request);

/* --- reading --- */

struct history_reader;
int history_reader_new(struct history *h, struct history_reader **out);
void history_reader_free(struct history_reader *r);

/* What is asked between the two is answered from one snapshot.  They nest, and hold pages as history_each does: not for long. */
int history_freeze(struct history_reader *r);
void history_thaw(struct history_reader *r);

/* The numbers of the oldest message kept and of the last one given (0 and 0 for an unknown room; first > last
 * when none is kept). */
int history_bounds(struct history_reader *r, const char *room, uint64_t *first, uint64_t *last);

struct history_entry {
	uint64_t id;
	int64_t time_ms;
	const char *uid;	/* NUL-ended */
	bool is_recalled;	/* then text is empty */
	const char *text;	/* as given to APPEND; borrowed until fn returns */
	size_t len;
};

/* Calls fn for the messages from..to (both included) that are kept, in order, until it returns non-zero; what it returns
 * below 0 is returned.  In one snapshot, which keeps pages from being used again: for pages of history, not for all of it.
 * fn may look up values and bounds with the same reader. */
int history_each(struct history_reader *r, const char *room, uint64_t from, uint64_t to,
		 int (*fn)(const struct history_entry *entry, void *arg), void *arg);

/* One value; -ENOENT.  value may be NULL to ask whether the key is there. */
int history_get(struct history_reader *r, enum room_table table, const void *key, size_t key_len, struct buf *value);
int history_get_number(struct history_reader *r, enum room_table table, const void *key, size_t key_len,
		       uint64_t *number);

/* All keys that begin with prefix, in order, until fn returns non-zero; what it returns below 0 is returned. */
int history_each_key(struct history_reader *r, enum room_table table, const void *prefix, size_t prefix_len,
		     int (*fn)(const void *key, size_t key_len, const void *value, size_t len, void *arg), void *arg);

/* All rooms that ever had a message and whose names come behind after ("" for all), in the order of their bytes, until fn
 * returns non-zero; what it returns below 0 is returned. */
int history_each_room(struct history_reader *r, const char *after,
		      int (*fn)(const char *room, uint64_t first, uint64_t last, void *arg), void *arg);

/* How many keys the table holds, without touching the disk: 0 spares a look-up. */
uint64_t history_count(const struct history *h, enum room_table table);

/* Appends room NUL uid. */
int history_key(struct buf *key, const char *room, const char *uid);

/* Figures for the metrics; any thread. */
struct history_stats {
	uint64_t batches, appended, duplicates, failed, pruned, erased;
	uint64_t waiting_bytes, commit_us;	/* now; in all */
};
void history_stats(struct history *h, struct history_stats *out);

/* A consistent copy into dir, which must exist and be empty, while all goes on. */
int history_backup(struct history *h, const char *dir);

#endif
