/* history_erase.h - why a recalled text is really gone.
 *
 * LMDB never overwrites: whatever it changes it writes elsewhere, leaves the old page behind, and lets bytes of
 * deleted records live on between the records of any page that was built in the same buffer.  No search for a
 * text could be sure to find all of its pieces.  So each text is sealed with a key of its own, and the keys stand in
 * blocks of several whole pages, which LMDB neither copies nor moves as long as they live: each key is in the file
 * once, at one known place.  Recalling overwrites it there, and every copy of the text with it becomes noise.
 *
 * A key's place is its slot.  Slots of messages that were pruned serve again; erased ones never.
 * (What this cannot reach: backups made before, and what a file system or a disk itself keeps of overwritten blocks.)
 *
 * Threads: the history thread, but for text_open, whose opener belongs to one thread.
 * Errors:  0 or a negative errno that spoils the transaction (-ENOSPC, -EIO, -ENOMEM), unless said otherwise. */
#ifndef WXCHAT_HISTORY_ERASE_H
#define WXCHAT_HISTORY_ERASE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "history_record.h"
#include "mdb.h"

enum {
	TEXT_CHECK_LEN = 4,	/* known bytes before the text: a key half overwritten is told from a whole one */
	SLOT_POOL = 512
};

/* Which slots are free, for the length of one transaction: work on a copy, keep it once committed. */
struct slots {
	uint64_t next, end;	/* never used; reserved up to end */
	uint64_t returned;	/* rows in the table of free slots */
	size_t count;
	uint64_t pool[SLOT_POOL];	/* freed in this transaction */
};

/* The state after a start.  slots_close gives back what was reserved. */
int slots_load(struct mdb *db, MDB_txn *txn, struct slots *out);
int slots_close(struct mdb *db, MDB_txn *txn, struct slots *slots);

int slot_take(struct mdb *db, MDB_txn *txn, struct slots *slots, uint64_t *slot);
int slot_return(struct mdb *db, MDB_txn *txn, struct slots *slots, uint64_t slot);
/* Before the commit. */
int slots_flush(struct mdb *db, MDB_txn *txn, struct slots *slots);

/* --- sealing --- */

struct text_sealer;
int text_sealer_new(struct text_sealer **out);
void text_sealer_free(struct text_sealer *s);

/* Takes up the slot's key, and a nonce never used before, which is returned. */
int text_seal_begin(struct text_sealer *s, struct mdb *db, MDB_txn *txn, uint64_t slot, uint64_t *nonce);
/* Writes TEXT_CHECK_LEN + len bytes. */
int text_seal(struct text_sealer *s, const char *text, size_t len, uint8_t *out);

/* The text, in out; -ENOKEY when it was erased. */
int text_open(struct text_sealer *s, struct mdb *db, MDB_txn *txn, const struct message_record *message,
	      struct buf *out);

/* --- erasing --- */

/* Notes that the slot's key is to be overwritten; with the tombstone in one transaction. */
int erasure_add(struct mdb *db, MDB_txn *txn, uint64_t slot);

/* Between transactions: overwrites the keys noted so far, and waits for the disk.  done counts them.
 * What could not be overwritten stays noted, also over a restart. */
int erasures_carry_out(struct mdb *db, uint64_t *done);

/* Forgets all erasures noted before this transaction: they have been carried out. */
int erasures_settle(struct mdb *db, MDB_txn *txn);

#endif
