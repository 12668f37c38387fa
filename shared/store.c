/* store.c - users and their sessions, as the login program writes them. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "be.h"
#include "crypto.h"
#include "store_internal.h"
#include "text.h"

static const char *const table_names[T_COUNT + 1] = {
	[T_USERS] = "users", [T_INFOS] = "infos", [T_OPENIDS] = "openids", [T_SESSIONS] = "sessions",
	[T_USER_SESSIONS] = "user_sessions", [T_EXPIRY] = "expiry", [T_TICKETS] = "tickets", [T_RATES] = "rates",
	[T_SEEN] = "seen", [T_STATE] = "state", [T_EVENTS] = "events", [T_MEDIA] = "media", [T_TRACES] = "traces",
};

int store_open(const struct store_options *options, struct store **out, char why[static 200])
{
	const struct mdb_options o = {
		.dir = options->dir,
		.mode = options->read_only ? MDB_MODE_READER : MDB_MODE_WRITER,
		.map_size = options->map_size,
		.tables = table_names,
		.schema = "1",
	};
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->per_user = options->per_user ? options->per_user : 1;
	s->read_only = options->read_only;
	r = mdb_open(&o, &s->mdb, why);
	if (r < 0)
		free(s);
	else
		*out = s;
	return r;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	mdb_close(s->mdb);
	free(s);
}

bool store_is_read_only(const struct store *s)
{
	return s->read_only;
}

int store_committer_start(struct store *s)
{
	return mdb_committer_start(s->mdb);
}

void store_committer_stop(struct store *s)
{
	mdb_committer_stop(s->mdb);
}

/* --- a session's life --- */

int store_session(struct store *s, const struct credentials *c, int64_t now_ms, struct session *session,
		  struct user *user)
{
	struct session_view v;
	MDB_val record;
	MDB_txn *txn;
	int r;

	if ((r = mdb_read_begin(s->mdb, &txn)) < 0)
		return r;
	r = store_get(s, txn, T_SESSIONS, val(c->id, SESSION_ID_LEN), &record);
	if (r == 0)
		r = session_view(&record, &v);
	if (r == 0 && !skey_matches(c->skey, v.skey_hash))
		r = -ENOENT;
	if (r == 0 && v.expires_ms <= now_ms)
		r = -ESTALE;
	if (r == 0)
		r = user_load(s, txn, v.uid, user);
	if (r == 0)
		session_from_view(c->id, &v, session);
	mdb_read_end(s->mdb, txn);
	return r;
}

struct change {
	struct store *s;
	const uint8_t *id;
	const uint8_t *sealed;		/* rekeying */
	size_t sealed_len;
	int64_t expires_ms, now_ms;	/* extending */
	int count;
};

static int change_load(struct change *c, MDB_txn *txn, struct session *out, uint8_t uid[static UID_RAW])
{
	struct session_view v;
	MDB_val record;
	int r;

	if ((r = store_get(c->s, txn, T_SESSIONS, val(c->id, SESSION_ID_LEN), &record)) < 0 ||
	    (r = session_view(&record, &v)) < 0)
		return r;
	memcpy(uid, v.uid, UID_RAW);
	session_from_view(c->id, &v, out);
	return 0;
}

static int extend_write(MDB_txn *txn, void *arg)
{
	struct change *c = arg;
	struct session session;
	uint8_t uid[UID_RAW];
	int r = change_load(c, txn, &session, uid);

	if (r < 0)
		return r;
	if (session.expires_ms <= c->now_ms)
		return -ESTALE;
	r = expiry_del(c->s, txn, KIND_SESSION, session.expires_ms, val(c->id, SESSION_ID_LEN));
	session.expires_ms = c->expires_ms;
	session.renewed_ms = c->now_ms;
	if (r == 0)
		r = session_add(c->s, txn, uid, &session);
	if (r == 0)
		r = store_purge(c->s, txn, c->now_ms);
	return r;
}

int store_session_extend(struct store *s, const uint8_t id[static SESSION_ID_LEN], int64_t expires_ms, int64_t now_ms)
{
	struct change c = { .s = s, .id = id, .expires_ms = expires_ms, .now_ms = now_ms };

	return mdb_write(s->mdb, extend_write, &c);
}

static int rekey_write(MDB_txn *txn, void *arg)
{
	struct change *c = arg;
	struct session session;
	uint8_t uid[UID_RAW];
	int r = change_load(c, txn, &session, uid);

	if (r < 0)
		return r;
	memcpy(session.sealed_key, c->sealed, c->sealed_len);
	session.sealed_len = c->sealed_len;
	return session_add(c->s, txn, uid, &session);
}

int store_session_rekey(struct store *s, const uint8_t id[static SESSION_ID_LEN], const uint8_t *sealed, size_t len)
{
	struct change c = { .s = s, .id = id, .sealed = sealed, .sealed_len = len };

	return len > SEALED_MAX ? -EINVAL : mdb_write(s->mdb, rekey_write, &c);
}

static int end_write(MDB_txn *txn, void *arg)
{
	struct change *c = arg;
	struct session session;
	uint8_t uid[UID_RAW];
	int r = change_load(c, txn, &session, uid);

	return r < 0 ? r : session_remove(c->s, txn, uid, session.created_ms, session.expires_ms, c->id);
}

int store_session_end(struct store *s, const uint8_t id[static SESSION_ID_LEN])
{
	struct change c = { .s = s, .id = id };

	return mdb_write(s->mdb, end_write, &c);
}

static int end_all_write(MDB_txn *txn, void *arg)
{
	struct change *c = arg;
	uint8_t found[USER_SESSION_KEY];
	MDB_cursor *cursor;
	MDB_val key, value;
	int64_t expires;
	int r;

	c->count = 0;
	r = mdb_errno(mdb_cursor_open(txn, mdb_table(c->s->mdb, T_USER_SESSIONS), &cursor));
	if (r < 0)
		return r;
	for (;;) {
		key = val(c->id, UID_RAW);
		r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
		if (r < 0 || key.mv_size != sizeof(found) || value.mv_size != 8 ||
		    memcmp(key.mv_data, c->id, UID_RAW) != 0)
			break;
		expires = (int64_t)get_le64(value.mv_data);
		memcpy(found, key.mv_data, sizeof(found));
		r = session_remove(c->s, txn, c->id, (int64_t)be_get(found + UID_RAW, 8), expires, found + UID_RAW + 8);
		if (r < 0)
			break;
		c->count++;
	}
	mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

int store_user_end_sessions(struct store *s, const char *uid)
{
	uint8_t raw[UID_RAW];
	struct change c = { .s = s, .id = raw };
	int r;

	if (uid_read(uid, raw) < 0)
		return 0;
	r = mdb_write(s->mdb, end_all_write, &c);
	return r < 0 ? r : c.count;
}

/* --- users --- */

int store_user(struct store *s, const char *uid, struct user *out)
{
	uint8_t raw[UID_RAW];
	MDB_txn *txn;
	int r;

	if ((r = uid_read(uid, raw)) < 0 || (r = mdb_read_begin(s->mdb, &txn)) < 0)
		return r;
	r = user_load(s, txn, raw, out);
	mdb_read_end(s->mdb, txn);
	return r;
}

int store_user_by_openid(struct store *s, const char *openid, struct user *out)
{
	size_t len = strnlen(openid, OPENID_MAX + 1);
	MDB_val found;
	MDB_txn *txn;
	int r;

	if (len == 0 || len > OPENID_MAX)
		return -ENOENT;
	if ((r = mdb_read_begin(s->mdb, &txn)) < 0)
		return r;
	r = store_get(s, txn, T_OPENIDS, val(openid, len), &found);
	if (r == 0)
		r = found.mv_size == UID_RAW ? user_load(s, txn, found.mv_data, out) : -EUCLEAN;
	mdb_read_end(s->mdb, txn);
	return r;
}

struct update {
	struct store *s;
	uint8_t uid[UID_RAW];
	const char *nick, *avatar, *phone;
};

/* Unlike at login "" is a value here: it clears the field. */
static bool replace(char *field, size_t size, const char *given)
{
	return given && strcmp(field, given) != 0 && text_copy(field, size, given);
}

/* false: it was so already. */
static bool update_apply(const struct update *c, struct user *u)
{
	bool has_nick = replace(u->nick, sizeof(u->nick), c->nick), has_avatar = replace(u->avatar, sizeof(u->avatar), c->avatar);
	bool has_phone = replace(u->phone, sizeof(u->phone), c->phone);

	if (has_nick || has_avatar)
		u->revision++;
	return has_nick || has_avatar || has_phone;
}

static int update_write(MDB_txn *txn, void *arg)
{
	struct update *c = arg;
	struct user u;
	int r = user_load(c->s, txn, c->uid, &u);

	if (r == 0 && update_apply(c, &u))
		r = user_save(c->s, txn, c->uid, &u);
	return r;
}

int store_user_update(struct store *s, const char *uid, const char *nick, const char *avatar, const char *phone)
{
	struct update c = { .s = s, .nick = nick, .avatar = avatar, .phone = phone };
	struct user u;
	int r = uid_read(uid, c.uid);

	if (r < 0)
		return r;
	if (!store_fits(nick, NICK_MAX) || !store_fits(avatar, AVATAR_MAX) || !store_fits(phone, PHONE_MAX))
		return -EINVAL;
	/* What changes nothing costs no commit. */
	if ((r = store_user(s, uid, &u)) < 0 || !update_apply(&c, &u))
		return r;
	return mdb_write(s->mdb, update_write, &c);
}
