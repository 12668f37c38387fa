/* store_internal.h - what the files of the store share: its tables, and the bytes of its records.  All numbers in
 * records are little-endian, in keys big-endian; each record begins with the version of its layout.
 *
 *   users         uid (10 bytes)                     user record
 *   infos         uid                                userInfo as WeChat gave it (apart: it would make users large)
 *   openids       openid                             uid
 *   sessions      session id (32)                    session record
 *   user_sessions uid + created (8) + session id     expiry (8)
 *   expiry        kind (1) + time (8) + record's key nothing; a reservation of media is its key here, and no record:
 *                                                    uid + bytes (8) + number (8)
 *   tickets       SHA-256 of the ticket              ticket record
 *   rates, seen   hash of the key (16)               rate record; expiry (8)
 *   state         name                               token, lease, counters, bytes of media
 *   events        number (8)                         JSON text
 *   media         uid                                bytes (8)
 *   traces        hash of the trace id (16)          trace record */
#ifndef WXCHAT_STORE_INTERNAL_H
#define WXCHAT_STORE_INTERNAL_H

#include "mdb.h"
#include "store.h"

enum table {
	T_USERS, T_INFOS, T_OPENIDS, T_SESSIONS, T_USER_SESSIONS, T_EXPIRY, T_TICKETS, T_RATES, T_SEEN, T_STATE,
	T_EVENTS, T_MEDIA, T_TRACES, T_COUNT
};

enum {
	UID_RAW = 10, HASH_LEN = 16, USER_SESSION_KEY = UID_RAW + 8 + SESSION_ID_LEN,
	USER_RECORD_MAX = 28 + 2 * OPENID_MAX + NICK_MAX + AVATAR_MAX + PHONE_MAX,
	SESSION_RECORD_MAX = 69 + SEALED_MAX + ADDRESS_MAX,
	RESERVED_KEY = UID_RAW + 8 + 8,
	PURGED_A_WRITE = 8	/* of each kind */
};

/* First byte of a key in the expiry table. */
enum kind {
	KIND_RATE = 'r', KIND_SEEN = 'e', KIND_SESSION = 's', KIND_TICKET = 't', KIND_TRACE = 'm', KIND_RESERVED = 'b'
};

struct store {
	struct mdb *mdb;
	unsigned per_user;
	bool read_only;
};

/* --- LMDB with negative errnos --- */

static inline MDB_val val(const void *bytes, size_t len)
{
	return (MDB_val){ len, (void *)(uintptr_t)bytes };
}

/* Borrowed until the next change or the transaction's end. */
int store_get(struct store *s, MDB_txn *txn, enum table table, MDB_val key, MDB_val *out);
int store_put(struct store *s, MDB_txn *txn, enum table table, MDB_val key, MDB_val value);
/* Fine when there is nothing. */
int store_del(struct store *s, MDB_txn *txn, enum table table, MDB_val key);
size_t store_count(struct store *s, MDB_txn *txn, enum table table);

/* --- records --- */

void put_le64(uint8_t *out, uint64_t v);
uint64_t get_le64(const uint8_t *p);

/* A user record in place; texts are not NUL-ended.  All functions that read a record: -EUCLEAN for one that is
 * too short, of an unknown version or with lengths that do not add up. */
struct user_view {
	const char *openid, *nick, *avatar, *unionid, *phone;
	size_t openid_len, nick_len, avatar_len, unionid_len, phone_len;
	uint32_t revision;
	int64_t created_ms, seen_ms;
};
int user_view(const MDB_val *record, struct user_view *out);
/* The user of this record, with what is kept of the userInfo. */
int user_whole(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const MDB_val *record, struct user *out);
size_t user_encode(const struct user *u, uint8_t out[static USER_RECORD_MAX]);
int user_load(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], struct user *out);
int user_save(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const struct user *u);

/* Absent, or of at most max bytes. */
bool store_fits(const char *text, size_t max);

struct session_view {
	const uint8_t *uid, *skey_hash, *sealed;
	const char *address;
	size_t sealed_len, address_len;
	int64_t created_ms, expires_ms, renewed_ms;
};
int session_view(const MDB_val *record, struct session_view *out);
void session_from_view(const uint8_t *id, const struct session_view *v, struct session *out);
size_t session_encode(const struct session *session, const uint8_t uid[static UID_RAW],
		      uint8_t out[static SESSION_RECORD_MAX]);

/* -ENOENT for what is no uid. */
int uid_read(const char *uid, uint8_t out[static UID_RAW]);
void uid_write(const uint8_t uid[static UID_RAW], char out[static UID_LEN + 1]);

/* A key of fixed length for a text that a client chose. */
int store_hash(const char *text, size_t len, uint8_t out[static HASH_LEN]);

bool skey_matches(const char *skey, const uint8_t hash[static 32]);

/* store_rate within a transaction: -EAGAIN, with nothing changed, past the limit. */
int rate_count(struct store *s, MDB_txn *txn, struct store_rate *rate, int64_t now_ms);

/* Changes by so much what the user's media and all media count as; of more, -EDQUOT past a quota (0 = none), with nothing
 * changed. */
int media_count(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], int64_t bytes, uint64_t user_quota,
		uint64_t total_quota);

/* store_event_put within a transaction. */
int event_keep(struct store *s, MDB_txn *txn, const char *json, size_t len, uint64_t *number);

/* --- expiry --- */

int expiry_put(struct store *s, MDB_txn *txn, enum kind kind, int64_t at_ms, MDB_val ref);
int expiry_del(struct store *s, MDB_txn *txn, enum kind kind, int64_t at_ms, MDB_val ref);
/* The same, but -ENOENT when there is nothing. */
int expiry_take(struct store *s, MDB_txn *txn, enum kind kind, int64_t at_ms, MDB_val ref);

/* Removes the first record of a kind if it ended by until_ms: 1, or 0 when there is none. */
int expiry_pop(struct store *s, MDB_txn *txn, enum kind kind, int64_t until_ms);

/* A few of each kind. */
int store_purge(struct store *s, MDB_txn *txn, int64_t now_ms);

/* A session with its entries elsewhere. */
int session_add(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const struct session *session);
int session_remove(struct store *s, MDB_txn *txn, const uint8_t *uid, int64_t created_ms, int64_t expires_ms,
		   const uint8_t *id);

#endif
