/* store_walk.c - walking the whole store for the operator, a few records to a transaction: a long one would keep
 * every page that changes meanwhile from being used again. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

enum { AT_ONCE = 32, KEY_MAX = SESSION_ID_LEN };

struct walk {
	struct store *s;
	enum table table;
	size_t key_len, item_size;
	int64_t now_ms;
	uint8_t *items;		/* AT_ONCE of item_size */
	uint8_t last[KEY_MAX];
	bool has_last;
	int (*on_session)(const struct session *, void *);	/* one of the two, by the table */
	int (*on_user)(const struct user *, void *);
	void *arg;
};

/* 1 when the item is to be told of, 0 when it is to be passed over. */
static int walk_take(struct walk *w, MDB_txn *txn, const MDB_val *key, const MDB_val *record, void *item)
{
	struct session_view v;

	if (w->table == T_USERS)
		return user_whole(w->s, txn, key->mv_data, record, item) == 0;
	if (session_view(record, &v) < 0 || v.expires_ms <= w->now_ms)
		return 0;
	session_from_view(key->mv_data, &v, item);
	return 1;
}

/* Returns how many items were filled; *is_end when there are no more. */
static int walk_some(struct walk *w, bool *is_end)
{
	MDB_val key = val(w->last, w->key_len), record;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int n = 0, r;

	if ((r = mdb_read_begin(w->s->mdb, &txn)) < 0)
		return r;
	r = mdb_errno(mdb_cursor_open(txn, mdb_table(w->s->mdb, w->table), &cursor));
	if (r < 0) {
		mdb_read_end(w->s->mdb, txn);
		return r;
	}
	r = mdb_errno(mdb_cursor_get(cursor, &key, &record, w->has_last ? MDB_SET_RANGE : MDB_FIRST));
	if (r == 0 && w->has_last && key.mv_size == w->key_len && memcmp(key.mv_data, w->last, w->key_len) == 0)
		r = mdb_errno(mdb_cursor_get(cursor, &key, &record, MDB_NEXT));
	while (r == 0 && n < AT_ONCE) {
		if (key.mv_size == w->key_len) {
			memcpy(w->last, key.mv_data, w->key_len);
			w->has_last = true;
			n += walk_take(w, txn, &key, &record, w->items + (size_t)n * w->item_size);
		}
		if (n < AT_ONCE)
			r = mdb_errno(mdb_cursor_get(cursor, &key, &record, MDB_NEXT));
	}
	mdb_cursor_close(cursor);
	mdb_read_end(w->s->mdb, txn);
	*is_end = r == -ENOENT;
	return r < 0 && r != -ENOENT ? r : n;
}

static int walk_tell(const struct walk *w, int i)
{
	const void *item = w->items + (size_t)i * w->item_size;

	return w->table == T_SESSIONS ? w->on_session(item, w->arg) : w->on_user(item, w->arg);
}

static int walk_all(struct walk *w)
{
	bool is_end = false;
	int i, n, r = 0;

	w->items = calloc(AT_ONCE, w->item_size);
	if (!w->items)
		return -ENOMEM;
	while (r == 0 && !is_end) {
		n = walk_some(w, &is_end);
		for (i = 0; i < n && r == 0; i++)
			r = walk_tell(w, i);
		if (n < 0)
			r = n;
	}
	free(w->items);
	return r;
}

int store_each_session(struct store *s, int64_t now_ms, int (*fn)(const struct session *, void *), void *arg)
{
	struct walk w = { .s = s, .table = T_SESSIONS, .key_len = SESSION_ID_LEN, .item_size = sizeof(struct session),
			  .now_ms = now_ms, .on_session = fn, .arg = arg };

	return walk_all(&w);
}

int store_each_user(struct store *s, int (*fn)(const struct user *, void *), void *arg)
{
	struct walk w = { .s = s, .table = T_USERS, .key_len = UID_RAW, .item_size = sizeof(struct user),
			  .on_user = fn, .arg = arg };

	return walk_all(&w);
}
