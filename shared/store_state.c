/* store_state.c - the few things that there is one of: WeChat's access token, the login program's counters, the
 * queue of what WeChat's message push told; and the store's totals and backup. */
#include "store.h"

#include <errno.h>
#include <string.h>

#include "be.h"
#include "store_internal.h"

enum { TOKEN_HEAD = 1 + 8 };	/* version, expiry, then the token */

/* --- the access token --- */

struct token {
	struct store *s;
	int64_t now_ms, early_ms, expires_ms;
	const char *given;
	char text[TOKEN_MAX];
	bool leads;
	int found;
};

static int token_load(struct token *t, MDB_txn *txn)
{
	const uint8_t *p;
	MDB_val record;
	int r = store_get(t->s, txn, T_STATE, val("token", 5), &record);

	if (r < 0)
		return r;
	p = record.mv_data;
	if (record.mv_size <= TOKEN_HEAD || record.mv_size - TOKEN_HEAD >= TOKEN_MAX || p[0] != 1)
		return -EUCLEAN;
	t->expires_ms = (int64_t)get_le64(p + 1);
	memcpy(t->text, p + TOKEN_HEAD, record.mv_size - TOKEN_HEAD);
	t->text[record.mv_size - TOKEN_HEAD] = '\0';
	return t->expires_ms > t->now_ms ? 0 : -ENOENT;
}

static int token_read(struct token *t)
{
	MDB_txn *txn;
	int r = mdb_read_begin(t->s->mdb, &txn);

	if (r < 0)
		return r;
	r = token_load(t, txn);
	mdb_read_end(t->s->mdb, txn);
	return r;
}

/* One caller has the right to fetch a token until its lease ends. */
static int lease_write(MDB_txn *txn, void *arg)
{
	const MDB_val key = val("lease", 5);
	struct token *t = arg;
	uint8_t bytes[8];
	MDB_val record;
	int64_t until;
	int r;

	t->leads = false;
	t->found = token_load(t, txn);	/* again: another may have fetched it by now */
	if (t->found < 0 ? t->found != -ENOENT : t->expires_ms - t->early_ms > t->now_ms)
		return t->found;
	r = store_get(t->s, txn, T_STATE, key, &record);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && record.mv_size == 8) {
		until = (int64_t)get_le64(record.mv_data);
		if (until > t->now_ms && until <= t->now_ms + TOKEN_LEASE_MS)
			return 0;
	}
	put_le64(bytes, (uint64_t)(t->now_ms + TOKEN_LEASE_MS));
	r = store_put(t->s, txn, T_STATE, key, val(bytes, sizeof(bytes)));
	t->leads = r == 0;
	return r;
}

int store_token(struct store *s, int64_t now_ms, int64_t early_ms, char token[static TOKEN_MAX], bool *refresh)
{
	struct token t = { .s = s, .now_ms = now_ms, .early_ms = early_ms };
	int r;

	t.found = token_read(&t);
	if (t.found < 0 && t.found != -ENOENT)
		return t.found;
	if (t.found == -ENOENT || t.expires_ms - early_ms <= now_ms) {
		r = mdb_write(s->mdb, lease_write, &t);
		if (r < 0)
			return r;
	}
	if (t.found == -ENOENT)
		t.text[0] = '\0';
	memcpy(token, t.text, TOKEN_MAX);
	*refresh = t.leads;
	return t.found;
}

int store_token_peek(struct store *s, int64_t now_ms, char token[static TOKEN_MAX])
{
	struct token t = { .s = s, .now_ms = now_ms };
	int r = token_read(&t);

	if (r == 0)
		memcpy(token, t.text, TOKEN_MAX);
	return r;
}

static int token_put_write(MDB_txn *txn, void *arg)
{
	uint8_t record[TOKEN_HEAD + TOKEN_MAX] = { 1 };
	struct token *t = arg;
	size_t len = strlen(t->given);

	put_le64(record + 1, (uint64_t)t->expires_ms);
	memcpy(record + TOKEN_HEAD, t->given, len);
	return store_put(t->s, txn, T_STATE, val("token", 5), val(record, TOKEN_HEAD + len));
}

int store_token_put(struct store *s, const char *token, int64_t expires_ms)
{
	struct token t = { .s = s, .given = token, .expires_ms = expires_ms };

	/* The lease runs on: should WeChat hand out a token near its end, it is asked again when that has passed,
	 * not with every call. */
	if (!*token || strnlen(token, TOKEN_MAX) == TOKEN_MAX)
		return -EINVAL;
	return mdb_write(s->mdb, token_put_write, &t);
}

static int give_up_write(MDB_txn *txn, void *arg)
{
	struct token *t = arg;

	return store_del(t->s, txn, T_STATE, val("lease", 5));
}

int store_token_give_up(struct store *s)
{
	struct token t = { .s = s };

	return mdb_write(s->mdb, give_up_write, &t);
}

static int token_drop_write(MDB_txn *txn, void *arg)
{
	struct token *t = arg;
	int r = token_load(t, txn);

	if (r < 0 || strcmp(t->text, t->given) != 0)
		return r == -ENOENT ? 0 : r;	/* somebody has a newer one already */
	r = store_del(t->s, txn, T_STATE, val("token", 5));
	return r < 0 ? r : store_del(t->s, txn, T_STATE, val("lease", 5));
}

int store_token_drop(struct store *s, const char *token)
{
	struct token t = { .s = s, .given = token };

	return mdb_write(s->mdb, token_drop_write, &t);
}

/* --- counters --- */

const char *store_counter_name(enum counter c)
{
	static const char *const names[COUNT_KINDS] = {
		[COUNT_LOGIN_OK] = "login_ok", [COUNT_LOGIN_REFUSED] = "login_refused",
		[COUNT_LOGIN_WECHAT_FAILED] = "login_wechat_failed", [COUNT_SESSION_INVALID] = "session_invalid",
		[COUNT_LOGOUT] = "logout", [COUNT_UPLOAD_OK] = "upload_ok", [COUNT_UPLOAD_REFUSED] = "upload_refused",
		[COUNT_UPLOAD_BYTES] = "upload_bytes", [COUNT_PROFILE] = "profile", [COUNT_PHONE] = "phone",
		[COUNT_TUNNEL] = "tunnel", [COUNT_MESSAGE] = "message", [COUNT_RATE_LIMITED] = "rate_limited",
		[COUNT_BUSY] = "busy", [COUNT_REVOKED] = "revoked",
	};

	return names[c];
}

struct counters {
	struct store *s;
	const uint64_t *add;
	uint64_t now[COUNT_KINDS];
};

/* The record may hold fewer (it is older) or more (another program is newer, and they share the store for a while). */
static int counters_load(struct counters *c, MDB_txn *txn, MDB_val *record)
{
	int r = store_get(c->s, txn, T_STATE, val("counters", 8), record);
	size_t i;

	memset(c->now, 0, sizeof(c->now));
	if (r == -ENOENT) {
		*record = val("", 0);
		return 0;
	}
	for (i = 0; r == 0 && i < COUNT_KINDS && record->mv_size / 8 > i; i++)
		c->now[i] = get_le64((const uint8_t *)record->mv_data + i * 8);
	return r;
}

static int counters_write(MDB_txn *txn, void *arg)
{
	uint8_t bytes[COUNT_KINDS * 8 + 512];
	struct counters *c = arg;
	size_t i, len = COUNT_KINDS * 8;
	MDB_val record;
	int r = counters_load(c, txn, &record);

	if (r < 0)
		return r;
	if (record.mv_size > len && record.mv_size <= sizeof(bytes)) {
		len = record.mv_size;
		memcpy(bytes, record.mv_data, len);
	}
	for (i = 0; i < COUNT_KINDS; i++)
		put_le64(bytes + i * 8, c->now[i] + c->add[i]);
	return store_put(c->s, txn, T_STATE, val("counters", 8), val(bytes, len));
}

int store_counters_add(struct store *s, const uint64_t add[static COUNT_KINDS])
{
	struct counters c = { .s = s, .add = add };

	return mdb_write(s->mdb, counters_write, &c);
}

int store_counters(struct store *s, uint64_t out[static COUNT_KINDS])
{
	struct counters c = { .s = s };
	MDB_val record;
	MDB_txn *txn;
	int r = mdb_read_begin(s->mdb, &txn);

	if (r < 0)
		return r;
	r = counters_load(&c, txn, &record);
	mdb_read_end(s->mdb, txn);
	if (r == 0)
		memcpy(out, c.now, sizeof(c.now));
	return r;
}

int store_totals(struct store *s, uint64_t *users, uint64_t *sessions, uint64_t *media_bytes)
{
	MDB_val record;
	MDB_txn *txn;
	int r = mdb_read_begin(s->mdb, &txn);

	if (r < 0)
		return r;
	*users = store_count(s, txn, T_USERS);
	*sessions = store_count(s, txn, T_SESSIONS);
	r = store_get(s, txn, T_STATE, val("media", 5), &record);
	*media_bytes = r == 0 && record.mv_size == 8 ? get_le64(record.mv_data) : 0;
	mdb_read_end(s->mdb, txn);
	return r == -ENOENT ? 0 : r;
}

/* --- events --- */

struct event {
	struct store *s;
	const char *json;
	size_t len;
	uint64_t number;
};

int event_keep(struct store *s, MDB_txn *txn, const char *json, size_t len, uint64_t *number)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint8_t bytes[8];
	int r;

	r = mdb_errno(mdb_cursor_open(txn, mdb_table(s->mdb, T_EVENTS), &cursor));
	if (r < 0)
		return r;
	r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_LAST));
	*number = r == 0 && key.mv_size == 8 ? be_get(key.mv_data, 8) + 1 : 1;
	while ((r == 0 || r == -ENOENT) && store_count(s, txn, T_EVENTS) >= EVENTS_KEPT) {
		r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_FIRST));
		if (r == 0)
			r = mdb_errno(mdb_cursor_del(cursor, 0));
	}
	mdb_cursor_close(cursor);
	if (r < 0 && r != -ENOENT)
		return r;
	be_put(bytes, *number, 8);
	return store_put(s, txn, T_EVENTS, val(bytes, 8), val(json, len));
}

static int event_write(MDB_txn *txn, void *arg)
{
	struct event *e = arg;

	return event_keep(e->s, txn, e->json, e->len, &e->number);
}

int store_event_put(struct store *s, const char *json, size_t len, uint64_t *number)
{
	struct event e = { .s = s, .json = json, .len = len };
	int r = len > EVENT_MAX ? -EMSGSIZE : mdb_write(s->mdb, event_write, &e);

	if (r == 0)
		*number = e.number;
	return r;
}

int store_event_next(struct store *s, uint64_t after, uint64_t *number, struct buf *json)
{
	uint8_t bytes[8];
	MDB_val key = val(bytes, 8), value;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int r;

	if (after == UINT64_MAX)
		return -ENOENT;
	be_put(bytes, after + 1, 8);
	if ((r = mdb_read_begin(s->mdb, &txn)) < 0)
		return r;
	r = mdb_errno(mdb_cursor_open(txn, mdb_table(s->mdb, T_EVENTS), &cursor));
	if (r == 0) {
		r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
		if (r == 0)
			r = key.mv_size == 8 ? buf_add(json, value.mv_data, value.mv_size) : -EUCLEAN;
		if (r == 0)
			*number = be_get(key.mv_data, 8);
		mdb_cursor_close(cursor);
	}
	mdb_read_end(s->mdb, txn);
	return r;
}

int store_backup(struct store *s, const char *dir)
{
	return mdb_backup(s->mdb, dir);
}
