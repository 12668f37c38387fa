/* history_log.c - what a batch does to the tables, in one transaction: messages with their numbers, resends told
 * apart, recalls, decisions about people; and pruning in passing.  Knows nothing of threads and commits.
 *
 * Functions here return 0 or an error that spoils the whole transaction.  What is one request's own fault goes into
 * its `error`, with nothing changed. */
#include <errno.h>
#include <string.h>

#include "be.h"
#include "history_internal.h"

enum {
	CID_WINDOW_LEN = 4, CID_VALUE_LEN = 16,
	CID_KEY_MAX = CID_WINDOW_LEN + 4 + UID_LEN + 1 + CID_MAX,
	KEY_MAX = 511,			/* LMDB's */
	CLOCK_SLACK_MS = 60 * 1000,	/* by how much clocks of two threads, or a clock set back, may differ */
	PRUNE_PER_APPEND = 2
};

int history_errno(int rc)
{
	int r = mdb_errno(rc);

	return r == 0 || r == -ENOSPC || r == -ENOMEM ? r : -EIO;
}

static MDB_dbi table(const struct history_work *w, unsigned i)
{
	return mdb_table(w->h->db, i);
}

static MDB_val val(const void *p, size_t len)
{
	return (MDB_val){ len, (void *)(uintptr_t)p };
}

/* --- rooms --- */

/* A room never heard of is an empty one; its number is the next.  (Rooms are never removed.) */
static int room_get(struct history_work *w, const char *name, struct room_record *room, bool *is_damaged)
{
	MDB_val k = val(name, strlen(name)), v;
	MDB_stat stat;
	int rc = mdb_get(w->txn, table(w, TABLE_ROOMS), &k, &v);

	*is_damaged = false;
	*room = (struct room_record){ 0, 1, 0 };
	if (rc == 0) {
		*is_damaged = room_record_decode(v.mv_data, v.mv_size, room) < 0;
		return 0;
	}
	if (rc == MDB_NOTFOUND && (rc = mdb_stat(w->txn, table(w, TABLE_ROOMS), &stat)) == 0) {
		room->number = (uint32_t)stat.ms_entries + 1;
		*is_damaged = stat.ms_entries >= UINT32_MAX;
	}
	return history_errno(rc);
}

static int room_put(struct history_work *w, const char *name, const struct room_record *room)
{
	uint8_t record[ROOM_RECORD_LEN];
	MDB_val k = val(name, strlen(name)), v = val(record, sizeof(record));

	room_record_encode(room, record);
	return history_errno(mdb_put(w->txn, table(w, TABLE_ROOMS), &k, &v, 0));
}

/* --- pruning --- */

/* Removes the oldest message; its key serves another. */
static int room_prune_one(struct history_work *w, struct room_record *room)
{
	uint8_t key[MESSAGE_KEY_LEN];
	struct message_record message;
	bool has_key = false;
	MDB_val k = val(key, sizeof(key)), v;
	int rc;

	message_key_encode(room->number, room->first, key);
	rc = mdb_get(w->txn, table(w, TABLE_MESSAGES), &k, &v);
	if (rc == 0) {
		has_key = message_record_decode(v.mv_data, v.mv_size, &message) == 0 && !message.is_recalled;
		rc = mdb_del(w->txn, table(w, TABLE_MESSAGES), &k, NULL);
		w->pruned++;
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		return history_errno(rc);
	room->first++;
	return has_key ? slot_return(w->h->db, w->txn, &w->slots, message.slot) : 0;
}

static int room_is_old(struct history_work *w, const struct room_record *room, bool *is_old)
{
	uint8_t key[MESSAGE_KEY_LEN];
	struct message_record message;
	MDB_val k = val(key, sizeof(key)), v;
	int rc;

	*is_old = false;
	if (w->h->max_age_ms == 0)
		return 0;
	message_key_encode(room->number, room->first, key);
	rc = mdb_get(w->txn, table(w, TABLE_MESSAGES), &k, &v);
	if (rc == 0)	/* what cannot be read is not kept for its age */
		*is_old = message_record_decode(v.mv_data, v.mv_size, &message) < 0 ||
			  message.time_ms < w->now_ms - w->h->max_age_ms;
	else if (rc == MDB_NOTFOUND)
		*is_old = true;
	return history_errno(rc == MDB_NOTFOUND ? 0 : rc);
}

static uint64_t room_kept(const struct room_record *room)
{
	return room->last + 1 - room->first;
}

/* Of one room, as much as the budget allows. */
static int room_prune(struct history_work *w, const char *name, struct room_record *room, unsigned *budget)
{
	uint64_t before = room->first;
	bool is_old = false;
	int r = 0;

	while (r == 0 && *budget > 0 && room_kept(room) > 0) {
		if (room_kept(room) <= w->h->per_room && ((r = room_is_old(w, room, &is_old)) < 0 || !is_old))
			break;
		r = room_prune_one(w, room);
		--*budget;
	}
	return r == 0 && room->first != before ? room_put(w, name, room) : r;
}

/* The next few rooms, in the order of their names, beginning again after the last. */
static int sweep_rooms(struct history_work *w)
{
	unsigned rooms = w->sweep_rooms, budget = w->sweep_messages;
	char name[ROOM_NAME_MAX + 1];
	struct room_record room;
	MDB_cursor *cursor;
	MDB_val k, v;
	size_t len;
	int rc, r = 0;

	if ((rc = mdb_cursor_open(w->txn, table(w, TABLE_ROOMS), &cursor)) != 0)
		return history_errno(rc);
	while (r == 0 && rooms-- > 0 && budget > 0) {
		k = val(w->swept, strlen(w->swept) + 1);	/* with its NUL it stands just behind the room */
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
		if (rc != 0 || k.mv_size > ROOM_NAME_MAX) {
			w->swept[0] = '\0';
			break;
		}
		len = k.mv_size;
		memcpy(name, k.mv_data, len);
		name[len] = '\0';
		if (room_record_decode(v.mv_data, v.mv_size, &room) == 0)
			r = room_prune(w, name, &room, &budget);
		if (budget > 0)		/* else there may be more in this room */
			memcpy(w->swept, name, len + 1);
	}
	mdb_cursor_close(cursor);
	return r;
}

/* --- resends --- */

/* Two windows cover the time for which a cid counts, so the table is pruned from its ends. */
static uint32_t cid_window(int64_t time_ms)
{
	int64_t window = time_ms / CID_KEPT_MS;

	return window < 0 ? 0 : window > UINT32_MAX ? UINT32_MAX : (uint32_t)window;
}

static size_t cid_key(uint32_t window, uint32_t room, const struct history_request *q, uint8_t key[static CID_KEY_MAX])
{
	size_t uid_len = strlen(q->uid) + 1, cid_len = strlen(q->cid);

	be_put(key, window, CID_WINDOW_LEN);
	be_put(key + CID_WINDOW_LEN, room, 4);
	memcpy(key + CID_WINDOW_LEN + 4, q->uid, uid_len);
	memcpy(key + CID_WINDOW_LEN + 4 + uid_len, q->cid, cid_len);
	return CID_WINDOW_LEN + 4 + uid_len + cid_len;
}

/* *id is 0 when this is no resend; else *said_ms is when the message was said. */
static int cid_find(struct history_work *w, uint32_t room, const struct history_request *q, uint64_t *id, uint64_t *said_ms)
{
	uint64_t window = cid_window(q->time_ms - CID_KEPT_MS), last = cid_window(q->time_ms + CLOCK_SLACK_MS);
	uint8_t key[CID_KEY_MAX];
	int64_t age_ms;
	MDB_val k, v;
	int rc;

	*id = 0;
	for (; window <= last && *id == 0; window++) {
		k = val(key, cid_key((uint32_t)window, room, q, key));
		rc = mdb_get(w->txn, table(w, TABLE_CIDS), &k, &v);
		if (rc != 0 && rc != MDB_NOTFOUND)
			return history_errno(rc);
		if (rc != 0 || v.mv_size != CID_VALUE_LEN)
			continue;
		*said_ms = be_get((uint8_t *)v.mv_data + 8, 8);
		age_ms = q->time_ms - (int64_t)*said_ms;
		if (age_ms < CID_KEPT_MS)
			*id = be_get(v.mv_data, 8);
	}
	return 0;
}

static int cid_put(struct history_work *w, uint32_t room, const struct history_request *q)
{
	uint8_t key[CID_KEY_MAX], value[CID_VALUE_LEN];
	MDB_val k = val(key, cid_key(cid_window(q->time_ms), room, q, key)), v = val(value, sizeof(value));

	be_put(value, q->id, 8);
	be_put(value + 8, (uint64_t)q->time_ms, 8);
	return history_errno(mdb_put(w->txn, table(w, TABLE_CIDS), &k, &v, 0));
}

/* Windows that are over; and, should a clock have been wrong, those that have not come. */
static int cids_prune(struct history_work *w)
{
	uint32_t first = cid_window(w->now_ms - CID_KEPT_MS), last = cid_window(w->now_ms) + 1, window;
	uint64_t budget = 2 * w->appended + 32;
	const MDB_cursor_op ends[] = { MDB_FIRST, MDB_LAST };
	MDB_cursor *cursor;
	MDB_val k, v;
	size_t i;
	int rc;

	if ((rc = mdb_cursor_open(w->txn, table(w, TABLE_CIDS), &cursor)) != 0)
		return history_errno(rc);
	for (i = 0; i < 2 && rc == 0; i++) {
		while (budget > 0 && (rc = mdb_cursor_get(cursor, &k, &v, ends[i])) == 0) {
			window = k.mv_size < CID_WINDOW_LEN ? 0 : (uint32_t)be_get(k.mv_data, CID_WINDOW_LEN);
			if (window >= first && window <= last)
				break;
			if ((rc = mdb_cursor_del(cursor, 0)) != 0)
				break;
			budget--;
		}
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : history_errno(rc);
}

/* --- messages --- */

static int message_put(struct history_work *w, uint32_t room, const struct history_request *q)
{
	struct message_record message = { .time_ms = q->time_ms, .uid = q->uid };
	size_t head = message_record_head_len(q->uid);
	uint8_t key[MESSAGE_KEY_LEN], record[RECORD_HEAD_MAX];
	MDB_val k = val(key, sizeof(key)), v = { head + TEXT_CHECK_LEN + q->text_len, NULL };
	int rc, r;

	if ((r = slot_take(w->h->db, w->txn, &w->slots, &message.slot)) < 0 ||
	    (r = text_seal_begin(w->h->sealer, w->h->db, w->txn, message.slot, &message.nonce)) < 0)
		return r;
	message_key_encode(room, q->id, key);
	rc = mdb_put(w->txn, table(w, TABLE_MESSAGES), &k, &v, MDB_RESERVE);
	if (rc != 0)
		return history_errno(rc);
	message_record_encode(&message, record);
	memcpy(v.mv_data, record, head);
	return text_seal(w->h->sealer, q->text, q->text_len, (uint8_t *)v.mv_data + head);
}

static int log_append(struct history_work *w, struct history_request *q)
{
	unsigned budget = PRUNE_PER_APPEND;
	struct room_record room;
	bool is_damaged;
	int r;

	q->id = 0;
	if (q->room[0] == '\0' || (!q->text && q->text_len > 0) || q->text_len > TEXT_MAX) {
		q->error = q->text_len > TEXT_MAX ? -EMSGSIZE : -EINVAL;
		return 0;
	}
	if ((r = room_get(w, q->room, &room, &is_damaged)) < 0)
		return r;
	if (is_damaged || room.last == UINT64_MAX) {
		q->error = -EIO;
		return 0;
	}
	if (q->cid[0] && room.last > 0) {
		if ((r = cid_find(w, room.number, q, &q->id, &q->number)) < 0)
			return r;
		if (q->id > 0) {
			q->is_duplicate = true;
			w->duplicates++;
			return 0;
		}
	}
	while (budget-- > 0 && room_kept(&room) > 0 && room_kept(&room) >= w->h->per_room)
		if ((r = room_prune_one(w, &room)) < 0)
			return r;
	q->id = ++room.last;
	if ((r = message_put(w, room.number, q)) < 0 || (r = room_put(w, q->room, &room)) < 0)
		return r;
	w->appended++;
	return q->cid[0] ? cid_put(w, room.number, q) : 0;
}

static int log_recall(struct history_work *w, struct history_request *q)
{
	uint8_t key[MESSAGE_KEY_LEN], record[RECORD_HEAD_MAX];
	MDB_val k = val(key, sizeof(key)), v;
	struct message_record message;
	char uid[UID_LEN + 1];
	struct room_record room;
	bool is_damaged;
	uint64_t slot;
	int rc, r;

	if (q->room[0] == '\0') {
		q->error = -ENOENT;
		return 0;
	}
	if ((r = room_get(w, q->room, &room, &is_damaged)) < 0)
		return r;
	message_key_encode(room.number, q->id, key);
	rc = is_damaged ? MDB_NOTFOUND : mdb_get(w->txn, table(w, TABLE_MESSAGES), &k, &v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return history_errno(rc);
	if (rc != 0 || message_record_decode(v.mv_data, v.mv_size, &message) < 0)
		q->error = -ENOENT;
	else if (!q->may_any && strcmp(message.uid, q->uid) != 0)
		q->error = -EPERM;
	else if (message.is_recalled)
		q->is_duplicate = true;
	else if (!q->may_any && q->time_ms - message.time_ms > RECALL_OWN_MS)
		q->error = -ETIME;
	if (q->error || q->is_duplicate)
		return 0;

	slot = message.slot;
	memcpy(uid, message.uid, strlen(message.uid) + 1);	/* the record goes as the new one is put */
	message = (struct message_record){ .time_ms = message.time_ms, .is_recalled = true, .uid = uid };
	v = val(record, message_record_encode(&message, record));
	rc = mdb_put(w->txn, table(w, TABLE_MESSAGES), &k, &v, 0);
	if (rc != 0)
		return history_errno(rc);
	w->has_erasures = true;
	w->recalled++;
	return erasure_add(w->h->db, w->txn, slot);
}

/* --- values about people --- */

static int value_get(struct history_work *w, const struct history_request *q, uint64_t *number)
{
	MDB_val k = val(q->key.data, q->key.len), v;
	int rc = mdb_get(w->txn, table(w, q->table), &k, &v);

	*number = rc == 0 && v.mv_size == 8 ? be_get(v.mv_data, 8) : 0;
	return rc == MDB_NOTFOUND ? 0 : history_errno(rc);
}

static int value_put(struct history_work *w, const struct history_request *q, const void *value, size_t len)
{
	MDB_val k = val(q->key.data, q->key.len), v = val(value, len);

	return history_errno(mdb_put(w->txn, table(w, q->table), &k, &v, 0));
}

static int log_value(struct history_work *w, struct history_request *q)
{
	MDB_val k = val(q->key.data, q->key.len);
	uint8_t bytes[8];
	uint64_t old;
	int rc, r;

	if ((unsigned)q->table >= TABLE_COUNT || q->key.len == 0 || q->key.len > KEY_MAX) {
		q->error = -EINVAL;
		return 0;
	}
	if (q->verb == HISTORY_SET)
		return value_put(w, q, q->value.data, q->value.len);
	if (q->verb == HISTORY_DELETE) {
		rc = mdb_del(w->txn, table(w, q->table), &k, NULL);
		q->error = rc == MDB_NOTFOUND ? -ENOENT : 0;
		return rc == MDB_NOTFOUND ? 0 : history_errno(rc);
	}
	if ((r = value_get(w, q, &old)) < 0)
		return r;
	q->number = old;
	if (q->verb == HISTORY_RAISE) {
		if (q->amount < 0 || (uint64_t)q->amount <= old)
			return 0;
		q->number = (uint64_t)q->amount;
	} else {
		uint64_t size = q->amount < 0 ? 0 - (uint64_t)q->amount : (uint64_t)q->amount;

		if (q->amount < 0 ? size > old : size > UINT64_MAX - old) {
			q->error = -ERANGE;
			return 0;
		}
		q->number = old + (uint64_t)q->amount;
	}
	be_put(bytes, q->number, 8);
	return value_put(w, q, bytes, sizeof(bytes));
}

/* --- the whole --- */

static int log_request(struct history_work *w, struct history_request *q)
{
	q->error = 0;
	q->is_duplicate = false;
	q->number = 0;
	switch (q->verb) {
	case HISTORY_APPEND:
		return log_append(w, q);
	case HISTORY_RECALL:
		return log_recall(w, q);
	default:
		return log_value(w, q);
	}
}

int history_log_run(MDB_txn *txn, void *arg)
{
	struct history_work *w = arg;
	struct history *h = w->h;
	struct history_request *q;
	MDB_stat stat;
	unsigned i;
	int r = 0;

	w->txn = txn;
	w->slots = h->slots;
	w->has_erasures = h->has_erasures;
	w->appended = w->duplicates = w->pruned = w->recalled = 0;
	memcpy(w->swept, h->swept, sizeof(w->swept));
	if (h->has_erasures && h->are_erased) {
		r = erasures_settle(h->db, txn);
		w->has_erasures = false;
	}
	for (q = STAILQ_FIRST(w->batch); q && r == 0; q = STAILQ_NEXT(q, link))
		r = log_request(w, q);
	if (r == 0 && w->now_ms > 0 && (r = cids_prune(w)) == 0)
		r = sweep_rooms(w);
	if (r == 0)
		r = slots_flush(h->db, txn, &w->slots);
	for (i = 0; i < TABLE_COUNT && r == 0; i++) {
		r = history_errno(mdb_stat(txn, table(w, i), &stat));
		w->counts[i] = stat.ms_entries;
	}
	return r;
}
