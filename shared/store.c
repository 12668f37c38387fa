/* store.c - users and their sessions, as the login program writes them. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* --- logging in --- */

struct login {
	struct store *s;
	struct store_login *given;
	uint8_t new_uid[UID_RAW], uid[UID_RAW];
	struct user user;	/* as stored */
};

/* One for which nobody waits. */
struct login_later {
	struct mdb_job job;
	void (*done)(void *arg, int r);
	void *arg;
	struct login login;
};

static int load_user(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], struct user *out)
{
	MDB_val record;
	int r = store_get(s, txn, T_USERS, val(uid, UID_RAW), &record);

	return r < 0 ? r : user_whole(s, txn, uid, &record, out);
}

static int save_user(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const struct user *u)
{
	uint8_t record[USER_RECORD_MAX];

	return store_put(s, txn, T_USERS, val(uid, UID_RAW), val(record, user_encode(u, record)));
}

/* Copies unless absent, empty or the same; true when that changed something. */
static bool take(char *field, size_t size, const char *given)
{
	return given && *given && strcmp(field, given) != 0 && text_copy(field, size, given);
}

/* Ended ones go, and the oldest when there would be more than per_user with the one to come. */
static int make_place(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], int64_t now_ms)
{
	uint8_t found[USER_SESSION_KEY];
	unsigned living = 0, pass;
	MDB_cursor *cursor;
	MDB_val key, value;
	int64_t expires;
	int r;

	r = mdb_errno(mdb_cursor_open(txn, mdb_table(s->mdb, T_USER_SESSIONS), &cursor));
	if (r < 0)
		return r;
	for (pass = 0; pass < 2 && r == 0; pass++) {
		key = val(uid, UID_RAW);
		r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
		while (r == 0 && key.mv_size == sizeof(found) && value.mv_size == 8 &&
		       memcmp(key.mv_data, uid, UID_RAW) == 0) {
			expires = (int64_t)get_le64(value.mv_data);
			if (pass == 0) {
				living += expires > now_ms;
			} else if (expires <= now_ms || living >= s->per_user) {
				living -= expires > now_ms;
				memcpy(found, key.mv_data, sizeof(found));
				r = session_remove(s, txn, uid, (int64_t)get_be64(found + UID_RAW), expires,
						   found + UID_RAW + 8);
				if (r < 0)
					break;
				key = val(found, sizeof(found));	/* the cursor's place is gone: the next from there */
				r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
				continue;
			}
			r = mdb_errno(mdb_cursor_get(cursor, &key, &value, MDB_NEXT));
		}
		if (r == -ENOENT)
			r = 0;
	}
	mdb_cursor_close(cursor);
	return r;
}

static int add_session(struct store *s, MDB_txn *txn, const uint8_t uid[static UID_RAW], const struct session *session)
{
	uint8_t record[SESSION_RECORD_MAX], key[USER_SESSION_KEY], expires[8];
	const MDB_val id = val(session->id, SESSION_ID_LEN);
	int r;

	memcpy(key, uid, UID_RAW);
	put_be64(key + UID_RAW, (uint64_t)session->created_ms);
	memcpy(key + UID_RAW + 8, session->id, SESSION_ID_LEN);
	put_le64(expires, (uint64_t)session->expires_ms);
	r = store_put(s, txn, T_SESSIONS, id, val(record, session_encode(session, uid, record)));
	if (r == 0)
		r = store_put(s, txn, T_USER_SESSIONS, val(key, sizeof(key)), val(expires, sizeof(expires)));
	if (r == 0)
		r = expiry_put(s, txn, KIND_SESSION, session->expires_ms, id);
	return r;
}

static int login_write(MDB_txn *txn, void *arg)
{
	struct login *l = arg;
	const struct user *given = &l->given->user;
	const struct session *session = &l->given->session;
	int64_t now_ms = l->given->now_ms;
	MDB_val openid = val(given->openid, strlen(given->openid)), found;
	struct user *u = &l->user;
	bool is_new, renamed;
	int r;

	r = store_get(l->s, txn, T_OPENIDS, openid, &found);
	is_new = r == -ENOENT;
	if (is_new) {
		memcpy(l->uid, l->new_uid, UID_RAW);
		memset(u, 0, sizeof(*u));
		uid_write(l->uid, u->uid);
		text_copy(u->openid, sizeof(u->openid), given->openid);
		u->created_ms = now_ms;
		r = store_get(l->s, txn, T_USERS, val(l->uid, UID_RAW), &found) == -ENOENT ? 0 : -EEXIST;
	} else if (r == 0) {
		if (found.mv_size != UID_RAW)
			return -EUCLEAN;
		memcpy(l->uid, found.mv_data, UID_RAW);
		r = load_user(l->s, txn, l->uid, u);
	}
	if (r == 0 && store_get(l->s, txn, T_SESSIONS, val(session->id, SESSION_ID_LEN), &found) != -ENOENT)
		r = -EEXIST;
	if (r == 0 && l->given->rate.key)
		r = rate_count(l->s, txn, &l->given->rate, now_ms);
	if (r < 0)
		return r;
	/* Nothing has changed until the rate; from here on only LMDB itself can fail. */
	u->seen_ms = now_ms;
	take(u->unionid, sizeof(u->unionid), given->unionid);
	renamed = take(u->nick, sizeof(u->nick), *given->nick || *u->nick ? given->nick : l->given->nick_if_none);
	renamed = take(u->avatar, sizeof(u->avatar),
		       *given->avatar || *u->avatar ? given->avatar : l->given->avatar_if_none) || renamed;
	if (renamed || is_new)
		u->revision++;
	if (is_new)
		r = store_put(l->s, txn, T_OPENIDS, openid, val(l->uid, UID_RAW));
	if (r == 0)
		r = save_user(l->s, txn, l->uid, u);
	if (r == 0 && take(u->info, sizeof(u->info), given->info))
		r = store_put(l->s, txn, T_INFOS, val(l->uid, UID_RAW), val(u->info, strlen(u->info)));
	if (r == 0)
		r = make_place(l->s, txn, l->uid, now_ms);
	if (r == 0)
		r = add_session(l->s, txn, l->uid, session);
	if (r == 0)
		r = store_purge(l->s, txn, now_ms);
	return r;
}

static bool fits(const char *text, size_t max)
{
	return !text || strnlen(text, max + 1) <= max;
}

/* Leaves l->user to login_write. */
static int login_init(struct login *l, struct store *s, struct store_login *given)
{
	const struct user *u = &given->user;

	if (!*u->openid || !fits(u->openid, OPENID_MAX) || !fits(u->unionid, OPENID_MAX) || !fits(u->nick, NICK_MAX) ||
	    !fits(u->avatar, AVATAR_MAX) || !fits(u->info, INFO_MAX) || !fits(given->nick_if_none, NICK_MAX) ||
	    !fits(given->avatar_if_none, AVATAR_MAX) || given->session.sealed_len > SEALED_MAX)
		return -EINVAL;
	l->s = s;
	l->given = given;
	return *u->uid ? uid_read(u->uid, l->new_uid) : crypto_random(l->new_uid, sizeof(l->new_uid));
}

static void login_take(const struct login *l)
{
	l->given->user = l->user;
	uid_write(l->uid, l->given->session.uid);
}

int store_uid_new(char uid[static UID_LEN + 1])
{
	uint8_t raw[UID_RAW];
	int r = crypto_random(raw, sizeof(raw));

	if (r == 0)
		uid_write(raw, uid);
	return r;
}

int store_login(struct store *s, struct store_login *login)
{
	struct login l;
	int r = login_init(&l, s, login);

	if (r == 0)
		r = mdb_write(s->mdb, login_write, &l);
	if (r == 0)
		login_take(&l);
	return r;
}

static int later_write(MDB_txn *txn, void *arg)
{
	struct login_later *later = arg;

	return login_write(txn, &later->login);
}

static void later_done(void *arg, int r)
{
	struct login_later *later = arg;

	if (r == 0)
		login_take(&later->login);
	later->done(later->arg, r);
	free(later);
}

void store_login_later(struct store *s, struct store_login *login, void (*done)(void *arg, int r), void *arg)
{
	struct login_later *later = malloc(sizeof(*later));
	int r = later ? login_init(&later->login, s, login) : -ENOMEM;

	if (r < 0) {
		free(later);
		done(arg, r);
		return;
	}
	later->job = (struct mdb_job){ .fn = later_write, .done = later_done, .arg = later };
	later->done = done;
	later->arg = arg;
	mdb_write_later(s->mdb, &later->job);
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
		r = load_user(s, txn, v.uid, user);
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
		r = add_session(c->s, txn, uid, &session);
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
	return add_session(c->s, txn, uid, &session);
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
		r = session_remove(c->s, txn, c->id, (int64_t)get_be64(found + UID_RAW), expires, found + UID_RAW + 8);
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
	r = load_user(s, txn, raw, out);
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
		r = found.mv_size == UID_RAW ? load_user(s, txn, found.mv_data, out) : -EUCLEAN;
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

static int update_write(MDB_txn *txn, void *arg)
{
	struct update *c = arg;
	struct user u;
	int r = load_user(c->s, txn, c->uid, &u);

	if (r < 0)
		return r;
	if ((int)replace(u.nick, sizeof(u.nick), c->nick) | (int)replace(u.avatar, sizeof(u.avatar), c->avatar))
		u.revision++;
	replace(u.phone, sizeof(u.phone), c->phone);
	return save_user(c->s, txn, c->uid, &u);
}

int store_user_update(struct store *s, const char *uid, const char *nick, const char *avatar, const char *phone)
{
	struct update c = { .s = s, .nick = nick, .avatar = avatar, .phone = phone };
	int r = uid_read(uid, c.uid);

	if (r < 0)
		return r;
	if (!fits(nick, NICK_MAX) || !fits(avatar, AVATAR_MAX) || !fits(phone, PHONE_MAX))
		return -EINVAL;
	return mdb_write(s->mdb, update_write, &c);
}
