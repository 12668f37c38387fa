/* store_reader.c - what the push server asks with each message.  Nothing here allocates, locks or waits. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encode.h"
#include "store_internal.h"

enum { TICKET_LEN = 32 };

struct store_reader {
	struct store *s;
	struct mdb_reader *reader;
};

int store_reader_new(struct store *s, struct store_reader **out)
{
	struct store_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->s = s;
	err = mdb_reader_new(s->mdb, &r->reader);
	if (err < 0)
		free(r);
	else
		*out = r;
	return err;
}

void store_reader_free(struct store_reader *r)
{
	if (!r)
		return;
	mdb_reader_free(r->reader);
	free(r);
}

static int find_session(struct store_reader *r, MDB_txn *txn, const uint8_t *id, const char *skey, int64_t now_ms,
			struct session_view *out)
{
	MDB_val record;
	int err = store_get(r->s, txn, T_SESSIONS, val(id, SESSION_ID_LEN), &record);

	if (err == 0)
		err = session_view(&record, out);
	if (err == 0 && skey && !skey_matches(skey, out->skey_hash))
		err = -ENOENT;
	if (err == 0 && out->expires_ms <= now_ms)
		err = -ESTALE;
	return err;
}

static int find_member(struct store_reader *r, MDB_txn *txn, const uint8_t *uid, struct member *out)
{
	struct user_view v;
	MDB_val record;
	int err;

	if ((err = store_get(r->s, txn, T_USERS, val(uid, UID_RAW), &record)) < 0 ||
	    (err = user_view(&record, &v)) < 0)
		return err;
	uid_write(uid, out->uid);
	memcpy(out->openid, v.openid, v.openid_len);
	out->openid[v.openid_len] = '\0';
	memcpy(out->nick, v.nick, v.nick_len);
	out->nick[v.nick_len] = '\0';
	memcpy(out->avatar, v.avatar, v.avatar_len);
	out->avatar[v.avatar_len] = '\0';
	out->nick_len = v.nick_len;
	out->avatar_len = v.avatar_len;
	out->revision = v.revision;
	return 0;
}

int store_authorise(struct store_reader *r, const uint8_t id[static SESSION_ID_LEN], const char *skey,
		    int64_t now_ms, struct member *out)
{
	struct session_view v;
	MDB_txn *txn;
	int err;

	if ((err = mdb_reader_begin(r->reader, &txn)) < 0)
		return err;
	err = find_session(r, txn, id, skey, now_ms, &v);
	if (err == 0)
		err = find_member(r, txn, v.uid, out);
	if (err == 0)
		out->expires_ms = v.expires_ms;
	mdb_reader_end(r->reader);
	return err;
}

int store_alive(struct store_reader *r, const uint8_t id[static SESSION_ID_LEN], int64_t now_ms, int64_t *expires_ms)
{
	struct session_view v;
	MDB_txn *txn;
	int err;

	if ((err = mdb_reader_begin(r->reader, &txn)) < 0)
		return err;
	err = find_session(r, txn, id, NULL, now_ms, &v);
	if (err == 0)
		*expires_ms = v.expires_ms;
	mdb_reader_end(r->reader);
	return err;
}

int store_member(struct store_reader *r, const char *uid, struct member *out)
{
	uint8_t raw[UID_RAW];
	MDB_txn *txn;
	int err;

	if ((err = uid_read(uid, raw)) < 0 || (err = mdb_reader_begin(r->reader, &txn)) < 0)
		return err;
	err = find_member(r, txn, raw, out);
	if (err == 0)
		out->expires_ms = 0;
	mdb_reader_end(r->reader);
	return err;
}

/* --- tickets: kept by their hash, so that who reads the store cannot use one --- */

enum { TICKET_RECORD = 1 + SESSION_ID_LEN + 8 };

static int ticket_key(const uint8_t ticket[static TICKET_LEN], uint8_t out[static SHA256_LEN])
{
	const struct span part = { ticket, TICKET_LEN };

	return crypto_sha256(&part, 1, out);
}

int store_ticket(struct store_reader *r, const char *ticket, size_t len, int64_t now_ms,
		 uint8_t id[static SESSION_ID_LEN])
{
	uint8_t raw[TICKET_LEN], key[SHA256_LEN];
	const uint8_t *p;
	MDB_val record;
	MDB_txn *txn;
	int err;

	if (hex_decode(ticket, len, raw, sizeof(raw)) < 0)
		return -ENOENT;
	if ((err = ticket_key(raw, key)) < 0 || (err = mdb_reader_begin(r->reader, &txn)) < 0)
		return err;
	err = store_get(r->s, txn, T_TICKETS, val(key, sizeof(key)), &record);
	p = record.mv_data;
	if (err == 0 && (record.mv_size != TICKET_RECORD || p[0] != 1))
		err = -EUCLEAN;
	if (err == 0 && (int64_t)get_le64(p + 1 + SESSION_ID_LEN) <= now_ms)
		err = -ESTALE;
	if (err == 0)
		memcpy(id, p + 1, SESSION_ID_LEN);
	mdb_reader_end(r->reader);
	return err;
}

struct ticket_put {
	struct store *s;
	const uint8_t *id;
	uint8_t key[SHA256_LEN], record[TICKET_RECORD];
	int64_t expires_ms, now_ms;
};

static int ticket_write(MDB_txn *txn, void *arg)
{
	struct ticket_put *t = arg;
	MDB_val found;
	int err = store_get(t->s, txn, T_SESSIONS, val(t->id, SESSION_ID_LEN), &found);

	if (err < 0)
		return err;
	err = store_put(t->s, txn, T_TICKETS, val(t->key, sizeof(t->key)), val(t->record, sizeof(t->record)));
	if (err == 0)
		err = expiry_put(t->s, txn, KIND_TICKET, t->expires_ms, val(t->key, sizeof(t->key)));
	if (err == 0)
		err = store_purge(t->s, txn, t->now_ms);
	return err;
}

int store_ticket_put(struct store *s, const uint8_t ticket[static 32], const uint8_t id[static SESSION_ID_LEN],
		     int64_t expires_ms, int64_t now_ms)
{
	struct ticket_put t = { .s = s, .id = id, .expires_ms = expires_ms, .now_ms = now_ms };
	int err = ticket_key(ticket, t.key);

	if (err < 0)
		return err;
	t.record[0] = 1;
	memcpy(t.record + 1, id, SESSION_ID_LEN);
	put_le64(t.record + 1 + SESSION_ID_LEN, (uint64_t)expires_ms);
	return mdb_write(s->mdb, ticket_write, &t);
}

/* --- the store as a whole --- */

uint64_t store_version(struct store *s)
{
	return mdb_last_txn(s->mdb);
}

void store_tidy(struct store *s)
{
	mdb_clear_dead(s->mdb);
}
