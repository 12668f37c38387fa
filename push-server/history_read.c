/* history_read.c - looking into what is committed.  Each call is a snapshot of its own, unless frozen; nobody waits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "be.h"
#include "history_internal.h"

struct history_reader {
	struct mdb *db;
	struct mdb_reader *reader;
	struct text_sealer *sealer;
	struct buf text;
	MDB_txn *txn;		/* while depth > 0: frozen, or in a callback, which may ask for more */
	unsigned depth;
	struct log_limit damage_limit;
};

int history_reader_new(struct history *h, struct history_reader **out)
{
	struct history_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->db = h->db;
	if ((rc = text_sealer_new(&r->sealer)) < 0 || (rc = mdb_reader_new(h->db, &r->reader)) < 0) {
		history_reader_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void history_reader_free(struct history_reader *r)
{
	if (!r)
		return;
	mdb_reader_free(r->reader);
	text_sealer_free(r->sealer);
	buf_free(&r->text);
	free(r);
}

static int reader_begin(struct history_reader *r)
{
	int rc = r->depth > 0 ? 0 : mdb_reader_begin(r->reader, &r->txn);

	if (rc == 0)
		r->depth++;
	return rc;
}

static void reader_end(struct history_reader *r)
{
	if (--r->depth == 0)
		mdb_reader_end(r->reader);
}

int history_freeze(struct history_reader *r)
{
	return reader_begin(r);
}

void history_thaw(struct history_reader *r)
{
	reader_end(r);
}

static void reader_damaged(struct history_reader *r, const char *what, uint64_t id)
{
	if (log_allowed(&r->damage_limit, 1, clock_mono_ms()))
		log_error("history-damaged", "what=%s id=%llu", what, (unsigned long long)id);
}

/* --- rooms and messages --- */

/* -ENOENT for a room never heard of.  In a transaction. */
static int room_find(struct history_reader *r, const char *name, struct room_record *room)
{
	MDB_val k = { strlen(name), (void *)(uintptr_t)name }, v;
	int rc;

	if (k.mv_size == 0 || k.mv_size > ROOM_NAME_MAX)
		return -ENOENT;
	rc = mdb_errno(mdb_get(r->txn, mdb_table(r->db, TABLE_ROOMS), &k, &v));
	if (rc == 0 && (rc = room_record_decode(v.mv_data, v.mv_size, room)) < 0)
		reader_damaged(r, "room", 0);
	return rc;
}

int history_bounds(struct history_reader *r, const char *room, uint64_t *first, uint64_t *last)
{
	struct room_record record = { 0, 0, 0 };
	int rc = reader_begin(r);

	if (rc < 0)
		return rc;
	rc = room_find(r, room, &record);
	reader_end(r);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*first = record.first;
	*last = record.last;
	return 0;
}

/* What cannot be read any more is shown as recalled, so that a damaged record costs one message and not its room. */
static int entry_fill(struct history_reader *r, const MDB_val *v, struct history_entry *entry)
{
	struct message_record message;
	int rc = message_record_decode(v->mv_data, v->mv_size, &message);

	entry->uid = rc == 0 ? message.uid : "";
	entry->time_ms = rc == 0 ? message.time_ms : 0;
	entry->is_recalled = rc < 0 || message.is_recalled;
	entry->text = "";
	entry->len = 0;
	if (!entry->is_recalled) {
		rc = text_open(r->sealer, r->db, r->txn, &message, &r->text);
		entry->is_recalled = rc < 0;
		if (rc == 0) {
			entry->text = r->text.data;
			entry->len = r->text.len;
		}
	}
	if (rc == -EBADMSG) {
		reader_damaged(r, "message", entry->id);
		rc = 0;
	}
	return rc == -ENOKEY ? 0 : rc;
}

int history_each(struct history_reader *r, const char *room, uint64_t from, uint64_t to,
		 int (*fn)(const struct history_entry *entry, void *arg), void *arg)
{
	uint8_t key[MESSAGE_KEY_LEN], number[4];
	struct history_entry entry;
	struct room_record record = { 0, 0, 0 };
	MDB_cursor *cursor = NULL;
	MDB_val k, v;
	int rc, said = 0;

	if ((rc = reader_begin(r)) < 0)
		return rc;
	if ((rc = room_find(r, room, &record)) < 0)
		goto out;
	if (from < record.first)
		from = record.first;
	if (to > record.last)
		to = record.last;
	if (from > to)
		goto out;
	be_put(number, record.number, 4);
	message_key_encode(record.number, from, key);
	k = (MDB_val){ sizeof(key), key };
	rc = mdb_cursor_open(r->txn, mdb_table(r->db, TABLE_MESSAGES), &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
		if (k.mv_size != MESSAGE_KEY_LEN || memcmp(k.mv_data, number, sizeof(number)) != 0)
			break;
		entry.id = be_get((uint8_t *)k.mv_data + sizeof(number), 8);
		if (entry.id > to)
			break;
		if ((rc = entry_fill(r, &v, &entry)) < 0)
			goto out;
		if ((said = fn(&entry, arg)) != 0)
			break;
	}
	rc = mdb_errno(rc);
out:
	if (cursor)
		mdb_cursor_close(cursor);
	reader_end(r);
	if (said < 0)
		return said;
	return rc == -ENOENT ? 0 : rc;
}

int history_each_room(struct history_reader *r, const char *after,
		      int (*fn)(const char *room, uint64_t first, uint64_t last, void *arg), void *arg)
{
	size_t after_len = strlen(after);
	MDB_val k = { after_len, (void *)(uintptr_t)after }, v;
	char name[ROOM_NAME_MAX + 1];
	struct room_record room;
	MDB_cursor *cursor;
	int rc, said = 0;

	if ((rc = reader_begin(r)) < 0)
		return rc;
	rc = mdb_cursor_open(r->txn, mdb_table(r->db, TABLE_ROOMS), &cursor);
	if (rc == 0) {
		for (rc = mdb_cursor_get(cursor, &k, &v, after_len > 0 ? MDB_SET_RANGE : MDB_FIRST); rc == 0;
		     rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
			if (k.mv_size == after_len && memcmp(k.mv_data, after, after_len) == 0)
				continue;
			if (k.mv_size > ROOM_NAME_MAX || room_record_decode(v.mv_data, v.mv_size, &room) < 0) {
				reader_damaged(r, "room", 0);
				continue;
			}
			memcpy(name, k.mv_data, k.mv_size);
			name[k.mv_size] = '\0';
			if ((said = fn(name, room.first, room.last, arg)) != 0)
				break;
		}
		mdb_cursor_close(cursor);
	}
	reader_end(r);
	if (said < 0)
		return said;
	return rc == MDB_NOTFOUND ? 0 : mdb_errno(rc);
}

/* --- values about people --- */

int history_get(struct history_reader *r, enum room_table table, const void *key, size_t key_len, struct buf *value)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key }, v;
	int rc;

	if ((rc = reader_begin(r)) < 0)
		return rc;
	rc = mdb_get(r->txn, mdb_table(r->db, table), &k, &v);
	rc = rc == MDB_BAD_VALSIZE ? -ENOENT : mdb_errno(rc);	/* no such key can be there */
	if (rc == 0 && value) {
		buf_reset(value);
		rc = buf_add(value, v.mv_data, v.mv_size);
	}
	reader_end(r);
	return rc;
}

int history_get_number(struct history_reader *r, enum room_table table, const void *key, size_t key_len,
		       uint64_t *number)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key }, v;
	int rc;

	if ((rc = reader_begin(r)) < 0)
		return rc;
	rc = mdb_get(r->txn, mdb_table(r->db, table), &k, &v);
	rc = rc == MDB_BAD_VALSIZE ? -ENOENT : mdb_errno(rc);
	if (rc == 0 && v.mv_size != 8)
		rc = -EBADMSG;
	if (rc == 0)
		*number = be_get(v.mv_data, 8);
	reader_end(r);
	return rc;
}

int history_each_key(struct history_reader *r, enum room_table table, const void *prefix, size_t prefix_len,
		     int (*fn)(const void *key, size_t key_len, const void *value, size_t len, void *arg), void *arg)
{
	MDB_val k = { prefix_len, (void *)(uintptr_t)prefix }, v;
	MDB_cursor *cursor;
	int rc, said = 0;

	if ((rc = reader_begin(r)) < 0)
		return rc;
	rc = mdb_cursor_open(r->txn, mdb_table(r->db, table), &cursor);
	if (rc == 0) {
		for (rc = mdb_cursor_get(cursor, &k, &v, prefix_len > 0 ? MDB_SET_RANGE : MDB_FIRST); rc == 0;
		     rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
			if (k.mv_size < prefix_len || memcmp(k.mv_data, prefix, prefix_len) != 0 ||
			    (said = fn(k.mv_data, k.mv_size, v.mv_data, v.mv_size, arg)) != 0)
				break;
		}
		mdb_cursor_close(cursor);
	}
	reader_end(r);
	if (said < 0)
		return said;
	return rc == MDB_NOTFOUND ? 0 : mdb_errno(rc);
}

int history_key(struct buf *key, const char *room, const char *uid)
{
	int r = buf_add(key, room, strlen(room) + 1);

	return r < 0 ? r : buf_adds(key, uid);
}
