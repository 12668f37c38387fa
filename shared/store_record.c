/* store_record.c - the bytes of the store's records, and what leaves it when its time has come. */
#include "store_internal.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "be.h"
#include "crypto.h"
#include "encode.h"
#include "text.h"

enum {
	RECORD_VERSION = 1,
	USER_HEAD = 28, SESSION_HEAD = 69,
	EXPIRY_HEAD = 1 + 8
};

int store_get(struct store *s, MDB_txn *txn, enum table table, MDB_val key, MDB_val *out)
{
	return mdb_errno(mdb_get(txn, mdb_table(s->mdb, table), &key, out));
}

int store_put(struct store *s, MDB_txn *txn, enum table table, MDB_val key, MDB_val value)
{
	return mdb_errno(mdb_put(txn, mdb_table(s->mdb, table), &key, &value, 0));
}

int store_del(struct store *s, MDB_txn *txn, enum table table, MDB_val key)
{
	int r = mdb_errno(mdb_del(txn, mdb_table(s->mdb, table), &key, NULL));

	return r == -ENOENT ? 0 : r;
}

size_t store_count(struct store *s, MDB_txn *txn, enum table table)
{
	MDB_stat stat;

	return mdb_stat(txn, mdb_table(s->mdb, table), &stat) == 0 ? stat.ms_entries : 0;
}

/* --- numbers --- */

void put_le64(uint8_t *out, uint64_t v)
{
	v = htole64(v);
	memcpy(out, &v, 8);
}

uint64_t get_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return le64toh(v);
}

static uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void put_le16(uint8_t *out, size_t v)
{
	out[0] = (uint8_t)v;
	out[1] = (uint8_t)(v >> 8);
}

/* --- users: version 1, revision 4, created 8, seen 8, lengths 1 1 2 2 1, then the texts --- */

int user_view(const MDB_val *record, struct user_view *out)
{
	const uint8_t *p = record->mv_data;
	uint32_t revision;

	if (record->mv_size < USER_HEAD || p[0] != RECORD_VERSION)
		return -EUCLEAN;
	memcpy(&revision, p + 1, 4);
	out->revision = le32toh(revision);
	out->created_ms = (int64_t)get_le64(p + 5);
	out->seen_ms = (int64_t)get_le64(p + 13);
	out->openid_len = p[21];
	out->unionid_len = p[22];
	out->nick_len = get_le16(p + 23);
	out->avatar_len = get_le16(p + 25);
	out->phone_len = p[27];
	if (out->openid_len > OPENID_MAX || out->unionid_len > OPENID_MAX || out->nick_len > NICK_MAX ||
	    out->avatar_len > AVATAR_MAX || out->phone_len > PHONE_MAX ||
	    record->mv_size != USER_HEAD + out->openid_len + out->unionid_len + out->nick_len + out->avatar_len +
			       out->phone_len)
		return -EUCLEAN;
	out->openid = (const char *)p + USER_HEAD;
	out->nick = out->openid + out->openid_len;
	out->avatar = out->nick + out->nick_len;
	out->unionid = out->avatar + out->avatar_len;
	out->phone = out->unionid + out->unionid_len;
	return 0;
}

/* All but uid and info. */
static void user_from_view(const struct user_view *v, struct user *out)
{
	text_take(out->openid, v->openid, v->openid_len);
	text_take(out->nick, v->nick, v->nick_len);
	text_take(out->avatar, v->avatar, v->avatar_len);
	text_take(out->unionid, v->unionid, v->unionid_len);
	text_take(out->phone, v->phone, v->phone_len);
	out->revision = v->revision;
	out->created_ms = v->created_ms;
	out->seen_ms = v->seen_ms;
}

int user_whole(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const MDB_val *record, struct user *out)
{
	struct user_view v;
	MDB_val info;
	int r = user_view(record, &v);

	if (r < 0)
		return r;
	user_from_view(&v, out);
	uid_write(uid, out->uid);
	out->info[0] = '\0';
	if (store_get(s, txn, T_INFOS, val(uid, UID_RAW), &info) == 0 && info.mv_size <= INFO_MAX)
		text_take(out->info, info.mv_data, info.mv_size);
	return 0;
}

int user_load(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], struct user *out)
{
	MDB_val record;
	int r = store_get(s, txn, T_USERS, val(uid, UID_RAW), &record);

	return r < 0 ? r : user_whole(s, txn, uid, &record, out);
}

static size_t text_add(uint8_t *out, size_t at, const char *text, size_t len)
{
	memcpy(out + at, text, len);
	return at + len;
}

size_t user_encode(const struct user *u, uint8_t out[static USER_RECORD_MAX])
{
	size_t openid = strlen(u->openid), unionid = strlen(u->unionid), nick = strlen(u->nick);
	size_t avatar = strlen(u->avatar), phone = strlen(u->phone), n = USER_HEAD;
	uint32_t revision = htole32(u->revision);

	out[0] = RECORD_VERSION;
	memcpy(out + 1, &revision, 4);
	put_le64(out + 5, (uint64_t)u->created_ms);
	put_le64(out + 13, (uint64_t)u->seen_ms);
	out[21] = (uint8_t)openid;
	out[22] = (uint8_t)unionid;
	put_le16(out + 23, nick);
	put_le16(out + 25, avatar);
	out[27] = (uint8_t)phone;
	n = text_add(out, n, u->openid, openid);
	n = text_add(out, n, u->nick, nick);
	n = text_add(out, n, u->avatar, avatar);
	n = text_add(out, n, u->unionid, unionid);
	return text_add(out, n, u->phone, phone);
}

int user_save(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const struct user *u)
{
	uint8_t record[USER_RECORD_MAX];

	return store_put(s, txn, T_USERS, val(uid, UID_RAW), val(record, user_encode(u, record)));
}

bool store_fits(const char *text, size_t max)
{
	return !text || strnlen(text, max + 1) <= max;
}

/* --- sessions: version 1, uid 10, skey hash 32, created 8, expires 8, renewed 8, lengths 1 1, then both --- */

int session_view(const MDB_val *record, struct session_view *out)
{
	const uint8_t *p = record->mv_data;

	if (record->mv_size < SESSION_HEAD || p[0] != RECORD_VERSION)
		return -EUCLEAN;
	out->uid = p + 1;
	out->skey_hash = p + 11;
	out->created_ms = (int64_t)get_le64(p + 43);
	out->expires_ms = (int64_t)get_le64(p + 51);
	out->renewed_ms = (int64_t)get_le64(p + 59);
	out->sealed_len = p[67];
	out->address_len = p[68];
	if (out->sealed_len > SEALED_MAX || out->address_len >= ADDRESS_MAX ||
	    record->mv_size != SESSION_HEAD + out->sealed_len + out->address_len)
		return -EUCLEAN;
	out->sealed = p + SESSION_HEAD;
	out->address = (const char *)out->sealed + out->sealed_len;
	return 0;
}

void session_from_view(const uint8_t *id, const struct session_view *v, struct session *out)
{
	memcpy(out->id, id, SESSION_ID_LEN);
	uid_write(v->uid, out->uid);
	memcpy(out->skey_hash, v->skey_hash, sizeof(out->skey_hash));
	memcpy(out->sealed_key, v->sealed, v->sealed_len);
	out->sealed_len = v->sealed_len;
	out->created_ms = v->created_ms;
	out->expires_ms = v->expires_ms;
	out->renewed_ms = v->renewed_ms;
	text_take(out->address, v->address, v->address_len);
}

size_t session_encode(const struct session *session, const uint8_t uid[static UID_RAW],
		      uint8_t out[static SESSION_RECORD_MAX])
{
	size_t address = strnlen(session->address, ADDRESS_MAX - 1);

	out[0] = RECORD_VERSION;
	memcpy(out + 1, uid, UID_RAW);
	memcpy(out + 11, session->skey_hash, 32);
	put_le64(out + 43, (uint64_t)session->created_ms);
	put_le64(out + 51, (uint64_t)session->expires_ms);
	put_le64(out + 59, (uint64_t)session->renewed_ms);
	out[67] = (uint8_t)session->sealed_len;
	out[68] = (uint8_t)address;
	memcpy(out + SESSION_HEAD, session->sealed_key, session->sealed_len);
	memcpy(out + SESSION_HEAD + session->sealed_len, session->address, address);
	return SESSION_HEAD + session->sealed_len + address;
}

/* --- keys --- */

int uid_read(const char *uid, uint8_t out[static UID_RAW])
{
	return hex_decode(uid, strnlen(uid, UID_LEN + 1), out, UID_RAW) == 0 ? 0 : -ENOENT;
}

void uid_write(const uint8_t uid[static UID_RAW], char out[static UID_LEN + 1])
{
	hex_encode(uid, UID_RAW, out);
}

int store_hash(const char *text, size_t len, uint8_t out[static HASH_LEN])
{
	const struct span part = { text, len };
	uint8_t hash[SHA256_LEN];
	int r = crypto_sha256(&part, 1, hash);

	memcpy(out, hash, HASH_LEN);
	return r;
}

bool skey_matches(const char *skey, const uint8_t hash[static 32])
{
	const struct span part = { skey, SKEY_TEXT_LEN };
	uint8_t given[SHA256_LEN];

	return strnlen(skey, SKEY_TEXT_LEN + 1) == SKEY_TEXT_LEN && crypto_sha256(&part, 1, given) == 0 &&
	       crypto_equal(given, sizeof(given), hash, sizeof(given));
}

/* --- expiry --- */

static MDB_val expiry_key(enum kind kind, int64_t at_ms, MDB_val ref, uint8_t out[static EXPIRY_HEAD + 32])
{
	assert(ref.mv_size <= 32);
	out[0] = (uint8_t)kind;
	be_put(out + 1, (uint64_t)at_ms, 8);
	memcpy(out + EXPIRY_HEAD, ref.mv_data, ref.mv_size);
	return val(out, EXPIRY_HEAD + ref.mv_size);
}

int expiry_put(struct store *s, MDB_txn *txn, enum kind kind, int64_t at_ms, MDB_val ref)
{
	uint8_t bytes[EXPIRY_HEAD + 32];

	return store_put(s, txn, T_EXPIRY, expiry_key(kind, at_ms, ref, bytes), val("", 0));
}

int expiry_take(struct store *s, MDB_txn *txn, enum kind kind, int64_t at_ms, MDB_val ref)
{
	uint8_t bytes[EXPIRY_HEAD + 32];
	MDB_val key = expiry_key(kind, at_ms, ref, bytes);

	return mdb_errno(mdb_del(txn, mdb_table(s->mdb, T_EXPIRY), &key, NULL));
}

int expiry_del(struct store *s, MDB_txn *txn, enum kind kind, int64_t at_ms, MDB_val ref)
{
	int r = expiry_take(s, txn, kind, at_ms, ref);

	return r == -ENOENT ? 0 : r;
}

int session_add(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const struct session *session)
{
	uint8_t record[SESSION_RECORD_MAX], key[USER_SESSION_KEY], expires[8];
	const MDB_val id = val(session->id, SESSION_ID_LEN);
	int r;

	memcpy(key, uid, UID_RAW);
	be_put(key + UID_RAW, (uint64_t)session->created_ms, 8);
	memcpy(key + UID_RAW + 8, session->id, SESSION_ID_LEN);
	put_le64(expires, (uint64_t)session->expires_ms);
	r = store_put(s, txn, T_SESSIONS, id, val(record, session_encode(session, uid, record)));
	if (r == 0)
		r = store_put(s, txn, T_USER_SESSIONS, val(key, sizeof(key)), val(expires, sizeof(expires)));
	if (r == 0)
		r = expiry_put(s, txn, KIND_SESSION, session->expires_ms, id);
	return r;
}

int session_remove(struct store *s, MDB_txn *txn, const uint8_t *uid, int64_t created_ms, int64_t expires_ms,
		   const uint8_t *id)
{
	uint8_t key[USER_SESSION_KEY];
	int r;

	memcpy(key, uid, UID_RAW);
	be_put(key + UID_RAW, (uint64_t)created_ms, 8);
	memcpy(key + UID_RAW + 8, id, SESSION_ID_LEN);
	r = store_del(s, txn, T_USER_SESSIONS, val(key, sizeof(key)));
	if (r == 0)
		r = expiry_del(s, txn, KIND_SESSION, expires_ms, val(key + UID_RAW + 8, SESSION_ID_LEN));
	if (r == 0)
		r = store_del(s, txn, T_SESSIONS, val(key + UID_RAW + 8, SESSION_ID_LEN));
	return r;
}

static int expired_session(struct store *s, MDB_txn *txn, const uint8_t *id)
{
	uint8_t uid[UID_RAW];
	struct session_view v;
	MDB_val record;
	int r = store_get(s, txn, T_SESSIONS, val(id, SESSION_ID_LEN), &record);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (session_view(&record, &v) < 0)
		return store_del(s, txn, T_SESSIONS, val(id, SESSION_ID_LEN));
	memcpy(uid, v.uid, UID_RAW);
	return session_remove(s, txn, uid, v.created_ms, v.expires_ms, id);
}

static int expired_reservation(struct store *s, MDB_txn *txn, const uint8_t *key)
{
	int r = media_count(s, txn, key, -(int64_t)get_le64(key + UID_RAW), 0, 0);

	return r == -EUCLEAN ? 0 : r;	/* for what is broken there no other write is to fail */
}

int expiry_pop(struct store *s, MDB_txn *txn, enum kind kind, int64_t until_ms)
{
	uint8_t first = (uint8_t)kind, copy[EXPIRY_HEAD + 32];
	MDB_val key = val(&first, 1), ref;
	MDB_cursor *cursor;
	int r;

	r = mdb_errno(mdb_cursor_open(txn, mdb_table(s->mdb, T_EXPIRY), &cursor));
	if (r < 0)
		return r;
	r = mdb_errno(mdb_cursor_get(cursor, &key, &ref, MDB_SET_RANGE));
	mdb_cursor_close(cursor);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (key.mv_size <= EXPIRY_HEAD || key.mv_size > sizeof(copy))
		return -EUCLEAN;
	memcpy(copy, key.mv_data, key.mv_size);
	if (copy[0] != kind || (int64_t)be_get(copy + 1, 8) > until_ms)
		return 0;
	ref = val(copy + EXPIRY_HEAD, key.mv_size - EXPIRY_HEAD);
	r = store_del(s, txn, T_EXPIRY, val(copy, key.mv_size));
	if (r < 0)
		return r;
	switch (kind) {
	case KIND_SESSION:
		r = ref.mv_size == SESSION_ID_LEN ? expired_session(s, txn, ref.mv_data) : 0;
		break;
	case KIND_TICKET:
		r = store_del(s, txn, T_TICKETS, ref);
		break;
	case KIND_RATE:
		r = store_del(s, txn, T_RATES, ref);
		break;
	case KIND_SEEN:
		r = store_del(s, txn, T_SEEN, ref);
		break;
	case KIND_TRACE:
		r = store_del(s, txn, T_TRACES, ref);
		break;
	case KIND_RESERVED:
		r = ref.mv_size == RESERVED_KEY ? expired_reservation(s, txn, ref.mv_data) : 0;
		break;
	}
	return r < 0 ? r : 1;
}

int store_purge(struct store *s, MDB_txn *txn, int64_t now_ms)
{
	static const enum kind kinds[] = { KIND_SESSION, KIND_TICKET, KIND_RATE, KIND_SEEN, KIND_TRACE, KIND_RESERVED };
	size_t k;
	int i, r;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0, r = 1; i < PURGED_A_WRITE && r > 0; i++)
			if ((r = expiry_pop(s, txn, kinds[k], now_ms)) < 0)
				return r;
	return 0;
}
