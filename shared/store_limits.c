/* store_limits.c - what is counted: uses in a window of time, first arrivals, bytes of media, events of the
 * login program.  What can be answered by reading is, so that a flood costs no writes. */
#include "store.h"

#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "store_internal.h"
#include "text.h"

enum {
	RATES_MAX = 65536, SEEN_MAX = 65536, TRACES_MAX = 65536,
	RATE_RECORD = 1 + 8 + 8,	/* version, end of the window, uses */
	TRACE_HEAD = 1 + 8 + UID_RAW + 8,	/* version, end, uid, bytes, then the URL */
	TRACE_1_HEAD = TRACE_HEAD - 8,	/* version 1 was without the bytes */
	URL_MAX = 2048
};

static const int64_t TRACE_LIFE_MS = 24 * 3600 * 1000;	/* verdicts come within half an hour */

/* When the table is full the record that would end first goes. */
static int make_room(struct store *s, MDB_txn *txn, enum table table, enum kind kind, size_t max)
{
	int r;

	if (store_count(s, txn, table) < max)
		return 0;
	r = expiry_pop(s, txn, kind, INT64_MAX);
	return r < 0 ? r : 0;
}

/* --- rates --- */

struct rate {
	struct store *s;
	uint8_t key[HASH_LEN];
	uint64_t limit, uses;
	int64_t window_ms, now_ms, end_ms;
};

/* Fills uses and end_ms with the window in force; uses 0 when a new one is to begin. */
static int rate_load(struct rate *a, MDB_txn *txn)
{
	const uint8_t *p;
	MDB_val record;
	int r = store_get(a->s, txn, T_RATES, val(a->key, HASH_LEN), &record);

	a->uses = 0;
	a->end_ms = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	p = record.mv_data;
	if (record.mv_size != RATE_RECORD || p[0] != 1)
		return -EUCLEAN;
	a->end_ms = (int64_t)get_le64(p + 1);
	/* A window that ends later than any could was begun before the clock was set back, or was a longer one. */
	if (a->end_ms > a->now_ms && a->end_ms - a->now_ms <= a->window_ms)
		a->uses = get_le64(p + 9);
	return 0;
}

static int rate_use(struct rate *a, MDB_txn *txn)
{
	const MDB_val key = val(a->key, HASH_LEN);
	uint8_t record[RATE_RECORD] = { 1 };
	int r = rate_load(a, txn);

	if (r < 0)
		return r;
	if (a->uses >= a->limit)
		return -EAGAIN;
	if (a->uses == 0) {
		r = a->end_ms ? expiry_del(a->s, txn, KIND_RATE, a->end_ms, key)
			      : make_room(a->s, txn, T_RATES, KIND_RATE, RATES_MAX);
		a->end_ms = a->now_ms + a->window_ms;
		if (r == 0)
			r = expiry_put(a->s, txn, KIND_RATE, a->end_ms, key);
	}
	put_le64(record + 1, (uint64_t)a->end_ms);
	put_le64(record + 9, a->uses + 1);
	return r < 0 ? r : store_put(a->s, txn, T_RATES, key, val(record, sizeof(record)));
}

static int rate_write(MDB_txn *txn, void *arg)
{
	struct rate *a = arg;
	int r = rate_use(a, txn);

	return r < 0 ? r : store_purge(a->s, txn, a->now_ms);
}

static unsigned rate_retry_s(const struct rate *a)
{
	return a->end_ms > a->now_ms ? (unsigned)((a->end_ms - a->now_ms + 999) / 1000) : 1;
}

static int rate_init(struct rate *a, struct store *s, const struct store_rate *rate, int64_t now_ms)
{
	*a = (struct rate){ .s = s, .limit = rate->limit, .window_ms = (int64_t)rate->window_s * 1000, .now_ms = now_ms };
	return store_hash(rate->key, strlen(rate->key), a->key);
}

int rate_count(struct store *s, MDB_txn *txn, struct store_rate *rate, int64_t now_ms)
{
	struct rate a;
	int r = rate_init(&a, s, rate, now_ms);

	if (r == 0)
		r = rate_use(&a, txn);
	if (r == -EAGAIN)
		rate->retry_s = rate_retry_s(&a);
	return r;
}

int store_rate(struct store *s, struct store_rate *rate, int64_t now_ms)
{
	struct rate a;
	MDB_txn *txn;
	int r;

	if ((r = rate_init(&a, s, rate, now_ms)) < 0 || (r = mdb_read_begin(s->mdb, &txn)) < 0)
		return r;
	r = rate_load(&a, txn);
	mdb_read_end(s->mdb, txn);
	if (r == 0 && a.uses >= a.limit)
		r = -EAGAIN;
	if (r == 0)
		r = mdb_write(s->mdb, rate_write, &a);
	if (r == -EAGAIN)
		rate->retry_s = rate_retry_s(&a);
	return r;
}

/* --- first arrivals --- */

struct seen {
	struct store *s;
	uint8_t key[HASH_LEN];
	int64_t end_ms, now_ms, old_end_ms;
};

/* -EALREADY when it was seen. */
static int seen_load(struct seen *a, MDB_txn *txn)
{
	MDB_val record;
	int r = store_get(a->s, txn, T_SEEN, val(a->key, HASH_LEN), &record);

	a->old_end_ms = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (record.mv_size != 8)
		return -EUCLEAN;
	a->old_end_ms = (int64_t)get_le64(record.mv_data);
	return a->old_end_ms > a->now_ms ? -EALREADY : 0;
}

static int seen_write(MDB_txn *txn, void *arg)
{
	struct seen *a = arg;
	const MDB_val key = val(a->key, HASH_LEN);
	uint8_t record[8];
	int r = seen_load(a, txn);

	if (r < 0)
		return r;
	r = a->old_end_ms ? expiry_del(a->s, txn, KIND_SEEN, a->old_end_ms, key)
			  : make_room(a->s, txn, T_SEEN, KIND_SEEN, SEEN_MAX);
	put_le64(record, (uint64_t)a->end_ms);
	if (r == 0)
		r = store_put(a->s, txn, T_SEEN, key, val(record, sizeof(record)));
	if (r == 0)
		r = expiry_put(a->s, txn, KIND_SEEN, a->end_ms, key);
	if (r == 0)
		r = store_purge(a->s, txn, a->now_ms);
	return r;
}

/* -EALREADY when it was marked before. */
static int seen_look(struct seen *a, const char *key)
{
	MDB_txn *txn;
	int r;

	if ((r = store_hash(key, strlen(key), a->key)) < 0 || (r = mdb_read_begin(a->s->mdb, &txn)) < 0)
		return r;
	r = seen_load(a, txn);
	mdb_read_end(a->s->mdb, txn);
	return r;
}

static int seen_answer(int r, bool *seen)
{
	if (r < 0 && r != -EALREADY)
		return r;
	*seen = r == -EALREADY;
	return 0;
}

int store_seen_before(struct store *s, const char *key, int64_t now_ms, bool *seen)
{
	struct seen a = { .s = s, .now_ms = now_ms };

	return seen_answer(seen_look(&a, key), seen);
}

int store_seen(struct store *s, const char *key, unsigned window_s, int64_t now_ms, bool *seen)
{
	struct seen a = { .s = s, .end_ms = now_ms + (int64_t)window_s * 1000, .now_ms = now_ms };
	int r = seen_look(&a, key);

	if (r == 0)
		r = mdb_write(s->mdb, seen_write, &a);
	return seen_answer(r, seen);
}

/* --- bytes of media --- */

static int load_number(struct store *s, MDB_txn *txn, enum table table, MDB_val key, uint64_t *out)
{
	MDB_val record;
	int r = store_get(s, txn, table, key, &record);

	*out = 0;
	if (r == -ENOENT)
		return 0;
	if (r == 0 && record.mv_size != 8)
		r = -EUCLEAN;
	if (r == 0)
		*out = get_le64(record.mv_data);
	return r;
}

/* With bytes given back that were never taken, nothing is kept rather than less than nothing. */
static uint64_t count_up(uint64_t have, int64_t bytes)
{
	uint64_t back = bytes < 0 ? -(uint64_t)bytes : 0;

	return bytes < 0 ? (back > have ? 0 : have - back) : have + (uint64_t)bytes;
}

int media_count(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], int64_t bytes, uint64_t user_quota,
		uint64_t total_quota)
{
	const MDB_val user_key = val(uid, UID_RAW), total_key = val("media", 5);
	uint64_t user, total;
	uint8_t number[8];
	int r;

	if ((r = load_number(s, txn, T_MEDIA, user_key, &user)) < 0 ||
	    (r = load_number(s, txn, T_STATE, total_key, &total)) < 0)
		return r;
	user = count_up(user, bytes);
	total = count_up(total, bytes);
	if (bytes > 0 && ((user_quota && user > user_quota) || (total_quota && total > total_quota)))
		return -EDQUOT;
	put_le64(number, user);
	r = store_put(s, txn, T_MEDIA, user_key, val(number, 8));
	put_le64(number, total);
	if (r == 0)
		r = store_put(s, txn, T_STATE, total_key, val(number, 8));
	return r;
}

struct reserve {
	struct store *s;
	uint8_t key[RESERVED_KEY];	/* the uid first */
	int64_t bytes, end_ms, now_ms;
	uint64_t user_quota, total_quota;
	bool is_over;
};

/* Of a reservation that ended by now the bytes are to be had, so those go first, and being over is no error of the write. */
static int reserve_write(MDB_txn *txn, void *arg)
{
	struct reserve *a = arg;
	int r = store_purge(a->s, txn, a->now_ms);

	if (r == 0)
		r = media_count(a->s, txn, a->key, a->bytes, a->user_quota, a->total_quota);
	a->is_over = r == -EDQUOT;
	if (a->is_over)
		return 0;
	return r < 0 ? r : expiry_put(a->s, txn, KIND_RESERVED, a->end_ms, val(a->key, RESERVED_KEY));
}

static int keep_write(MDB_txn *txn, void *arg)
{
	struct reserve *a = arg;
	int r = expiry_take(a->s, txn, KIND_RESERVED, a->end_ms, val(a->key, RESERVED_KEY));

	return r == -ENOENT ? media_count(a->s, txn, a->key, a->bytes, 0, 0) : r;
}

static int give_back_write(MDB_txn *txn, void *arg)
{
	struct reserve *a = arg;
	int r = expiry_take(a->s, txn, KIND_RESERVED, a->end_ms, val(a->key, RESERVED_KEY));

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : media_count(a->s, txn, a->key, -a->bytes, 0, 0);
}

static int reserve_init(struct reserve *a, struct store *s, const struct store_reserved *reserved)
{
	*a = (struct reserve){ .s = s, .bytes = (int64_t)reserved->bytes, .end_ms = reserved->end_ms };
	put_le64(a->key + UID_RAW, reserved->bytes);
	put_le64(a->key + UID_RAW + 8, reserved->number);
	return uid_read(reserved->uid, a->key);
}

int store_media_reserve(struct store *s, const char *uid, uint64_t bytes, uint64_t user_quota, uint64_t total_quota,
			int64_t now_ms, struct store_reserved *out)
{
	struct store_reserved made = { .bytes = bytes, .end_ms = now_ms + MEDIA_RESERVED_MS };
	struct reserve a;
	int r;

	if (bytes > INT64_MAX || !text_copy(made.uid, sizeof(made.uid), uid))
		return -EINVAL;
	if ((r = crypto_random(&made.number, sizeof(made.number))) < 0 || (r = reserve_init(&a, s, &made)) < 0)
		return r;
	a.now_ms = now_ms;
	a.user_quota = user_quota;
	a.total_quota = total_quota;
	r = mdb_write(s->mdb, reserve_write, &a);
	if (r == 0 && a.is_over)
		r = -EDQUOT;
	if (r == 0)
		*out = made;
	return r;
}

int store_media_keep(struct store *s, const struct store_reserved *reserved)
{
	struct reserve a;
	int r = reserve_init(&a, s, reserved);

	return r < 0 ? r : mdb_write(s->mdb, keep_write, &a);
}

int store_media_give_back(struct store *s, const struct store_reserved *reserved)
{
	struct reserve a;
	int r = reserve_init(&a, s, reserved);

	return r < 0 ? r : mdb_write(s->mdb, give_back_write, &a);
}

/* --- which upload a media check speaks of --- */

struct trace {
	struct store *s;
	uint8_t key[HASH_LEN], uid[UID_RAW];
	int64_t end_ms;
	uint64_t bytes;
	const char *url;		/* not NUL-ended when loaded: the transaction's */
	size_t url_len;
};

static int trace_remove(struct trace *t, MDB_txn *txn)
{
	int r = expiry_del(t->s, txn, KIND_TRACE, t->end_ms, val(t->key, HASH_LEN));

	return r < 0 ? r : store_del(t->s, txn, T_TRACES, val(t->key, HASH_LEN));
}

static int trace_load(struct trace *t, MDB_txn *txn)
{
	const uint8_t *p;
	MDB_val record;
	size_t head;
	int r = store_get(t->s, txn, T_TRACES, val(t->key, HASH_LEN), &record);

	if (r < 0)
		return r;
	p = record.mv_data;
	head = record.mv_size > 0 && p[0] == 1 ? TRACE_1_HEAD : TRACE_HEAD;
	if (record.mv_size < head || record.mv_size > head + URL_MAX || (p[0] != 1 && p[0] != 2))
		return -EUCLEAN;
	t->end_ms = (int64_t)get_le64(p + 1);
	memcpy(t->uid, p + 9, UID_RAW);
	t->bytes = head == TRACE_HEAD ? get_le64(p + TRACE_1_HEAD) : 0;
	t->url = (const char *)p + head;
	t->url_len = record.mv_size - head;
	return 0;
}

struct trace_put {
	struct trace trace;
	int64_t now_ms;
};

static int trace_put_write(MDB_txn *txn, void *arg)
{
	uint8_t bytes[TRACE_HEAD + URL_MAX] = { 2 };
	struct trace_put *put = arg;
	struct trace *t = &put->trace, old = { .s = t->s };
	int r;

	memcpy(old.key, t->key, HASH_LEN);
	r = trace_load(&old, txn);
	if (r == 0)
		r = trace_remove(&old, txn);
	else if (r == -ENOENT)
		r = make_room(t->s, txn, T_TRACES, KIND_TRACE, TRACES_MAX);
	put_le64(bytes + 1, (uint64_t)t->end_ms);
	memcpy(bytes + 9, t->uid, UID_RAW);
	put_le64(bytes + TRACE_1_HEAD, t->bytes);
	memcpy(bytes + TRACE_HEAD, t->url, t->url_len);
	if (r == 0)
		r = store_put(t->s, txn, T_TRACES, val(t->key, HASH_LEN), val(bytes, TRACE_HEAD + t->url_len));
	if (r == 0)
		r = expiry_put(t->s, txn, KIND_TRACE, t->end_ms, val(t->key, HASH_LEN));
	if (r == 0)
		r = store_purge(t->s, txn, put->now_ms);
	return r;
}

int store_trace_put(struct store *s, const char *trace_id, const char *uid, const char *url, uint64_t bytes, int64_t now_ms)
{
	struct trace_put put = { .trace = { .s = s, .end_ms = now_ms + TRACE_LIFE_MS, .bytes = bytes, .url = url,
					    .url_len = strlen(url) }, .now_ms = now_ms };
	int r = uid_read(uid, put.trace.uid);

	if (put.trace.url_len > URL_MAX)
		return -EMSGSIZE;
	if (r == 0)
		r = store_hash(trace_id, strlen(trace_id), put.trace.key);
	return r < 0 ? r : mdb_write(s->mdb, trace_put_write, &put);
}

int store_trace(struct store *s, const char *trace_id, char uid[static UID_LEN + 1], struct buf *url)
{
	struct trace t = { .s = s };
	MDB_txn *txn;
	int r;

	if ((r = store_hash(trace_id, strlen(trace_id), t.key)) < 0 || (r = mdb_read_begin(s->mdb, &txn)) < 0)
		return r;
	r = trace_load(&t, txn);
	if (r == 0)
		r = buf_add(url, t.url, t.url_len);
	if (r == 0)
		uid_write(t.uid, uid);
	mdb_read_end(s->mdb, txn);
	return r;
}

struct trace_end {
	struct trace trace;
	bool is_removed;
	const char *json;
	size_t len;
};

static int trace_end_write(MDB_txn *txn, void *arg)
{
	struct trace_end *end = arg;
	struct trace *t = &end->trace;
	uint64_t number;
	int r = trace_load(t, txn);

	if (r < 0)
		return r;
	if (end->is_removed)
		r = media_count(t->s, txn, t->uid, -(int64_t)t->bytes, 0, 0);
	if (r == 0)
		r = event_keep(t->s, txn, end->json, end->len, &number);
	return r < 0 ? r : trace_remove(t, txn);
}

int store_trace_end(struct store *s, const char *trace_id, bool is_removed, const char *json, size_t len)
{
	struct trace_end end = { .trace = { .s = s }, .is_removed = is_removed, .json = json, .len = len };
	int r = len > EVENT_MAX ? -EMSGSIZE : store_hash(trace_id, strlen(trace_id), end.trace.key);

	return r < 0 ? r : mdb_write(s->mdb, trace_end_write, &end);
}
