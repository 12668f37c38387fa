/* store_login.c - what a login writes: the user, if the openid is new, and a session, in one transaction. */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "be.h"
#include "crypto.h"
#include "text.h"

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
				r = session_remove(s, txn, uid, (int64_t)be_get(found + UID_RAW, 8), expires,
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
		r = user_load(l->s, txn, l->uid, u);
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
		r = user_save(l->s, txn, l->uid, u);
	if (r == 0 && take(u->info, sizeof(u->info), given->info))
		r = store_put(l->s, txn, T_INFOS, val(l->uid, UID_RAW), val(u->info, strlen(u->info)));
	if (r == 0)
		r = make_place(l->s, txn, l->uid, now_ms);
	if (r == 0)
		r = session_add(l->s, txn, l->uid, session);
	if (r == 0)
		r = store_purge(l->s, txn, now_ms);
	return r;
}

/* Leaves l->user to login_write. */
static int login_init(struct login *l, struct store *s, struct store_login *given)
{
	const struct user *u = &given->user;

	if (!*u->openid || !store_fits(u->openid, OPENID_MAX) || !store_fits(u->unionid, OPENID_MAX) || !store_fits(u->nick, NICK_MAX) ||
	    !store_fits(u->avatar, AVATAR_MAX) || !store_fits(u->info, INFO_MAX) || !store_fits(given->nick_if_none, NICK_MAX) ||
	    !store_fits(given->avatar_if_none, AVATAR_MAX) || given->session.sealed_len > SEALED_MAX)
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
