/* test_store.c - what the session store promises to the login program, the push server and the operator. */
#include "store_dir.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/crypto.h"
#include "shared/encode.h"
#include "shared/store.h"
#include "shared/store_internal.h"

enum { NOW = 1000000000, HOUR = 3600000 };

static char why[200];
static struct store *s;

static struct store *open_store(unsigned per_user, bool read_only)
{
	struct store_options o = { .dir = dir, .map_size = 1 << 20, .per_user = per_user, .read_only = read_only };
	struct store *out = NULL;
	int r = store_open(&o, &out, why);

	if (r < 0)
		print_message("store_open: %d %s\n", r, why);
	return out;
}

static int store_setup(void **state)
{
	setup(state);
	s = open_store(3, false);
	return s ? 0 : -1;
}

static int store_teardown(void **state)
{
	store_close(s);
	s = NULL;
	return teardown(state);
}

struct made {
	union {
		struct store_login asked;
		struct {
			struct user user;
			struct session session;
		};
	};
	struct credentials shown;
};

/* What logs openid in at a time, until a time. */
static void prepare(struct made *m, const char *openid, const char *nick, int64_t now, int64_t until)
{
	struct span skey = { m->shown.skey, SKEY_TEXT_LEN };
	uint8_t bytes[32];

	memset(m, 0, sizeof(*m));
	strcpy(m->user.openid, openid);
	strcpy(m->user.nick, nick);
	crypto_random(m->shown.id, sizeof(m->shown.id));
	crypto_random(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), m->shown.skey);
	memcpy(m->session.id, m->shown.id, SESSION_ID_LEN);
	crypto_sha256(&skey, 1, m->session.skey_hash);
	memcpy(m->session.sealed_key, "sealed", 6);
	m->session.sealed_len = 6;
	m->session.created_ms = m->session.renewed_ms = now;
	m->session.expires_ms = until;
	strcpy(m->session.address, "192.0.2.1");
	m->asked.now_ms = now;
}

static int login_to(struct store *to, struct made *m, const char *openid, const char *nick, int64_t now, int64_t until)
{
	prepare(m, openid, nick, now, until);
	return store_login(to, &m->asked);
}

static void login(struct made *m, const char *openid, const char *nick, int64_t now, int64_t until)
{
	assert_int_equal(login_to(s, m, openid, nick, now, until), 0);
}

static int rate(const char *key, unsigned limit, unsigned window_s, int64_t now, unsigned *retry_s)
{
	struct store_rate r = { .key = key, .limit = limit, .window_s = window_s };
	int result = store_rate(s, &r, now);

	if (result < 0)
		*retry_s = r.retry_s;
	return result;
}

static int check(const struct made *m, int64_t now)
{
	struct session session;
	struct user user;

	return store_session(s, &m->shown, now, &session, &user);
}

static void a_login_makes_a_user_once(void **state)
{
	struct made a, b;
	struct session session;
	struct user user;

	(void)state;
	login(&a, "openid-A", "Anna", NOW, NOW + HOUR);
	assert_int_equal(strlen(a.user.uid), UID_LEN);
	assert_int_equal(a.user.revision, 1);
	login(&b, "openid-A", "", NOW + 5, NOW + HOUR);
	assert_string_equal(a.user.uid, b.user.uid);
	assert_string_equal(b.user.nick, "Anna");
	assert_int_equal(b.user.revision, 1);
	assert_int_equal(b.user.created_ms, NOW);
	assert_int_equal(b.user.seen_ms, NOW + 5);

	assert_int_equal(store_session(s, &b.shown, NOW + 5, &session, &user), 0);
	assert_string_equal(session.uid, a.user.uid);
	assert_string_equal(session.address, "192.0.2.1");
	assert_int_equal(session.sealed_len, 6);
	assert_memory_equal(session.sealed_key, "sealed", 6);
	assert_int_equal(session.expires_ms, NOW + HOUR);
	assert_string_equal(user.openid, "openid-A");
	assert_int_equal(store_user_by_openid(s, "openid-A", &user), 0);
	assert_string_equal(user.uid, a.user.uid);
	assert_int_equal(store_user_by_openid(s, "openid-B", &user), -ENOENT);
	assert_int_equal(store_user(s, "not a uid", &user), -ENOENT);
}

static void a_new_user_has_the_uid_and_the_placeholders_that_the_login_brings(void **state)
{
	struct made m;
	char uid[UID_LEN + 1];

	(void)state;
	assert_int_equal(store_uid_new(uid), 0);
	prepare(&m, "o", "", NOW, NOW + HOUR);
	strcpy(m.user.uid, uid);
	strcpy(m.asked.nick_if_none, "nobody");
	strcpy(m.asked.avatar_if_none, "https://a/none.svg");
	assert_int_equal(store_login(s, &m.asked), 0);
	assert_string_equal(m.user.uid, uid);
	assert_string_equal(m.user.nick, "nobody");
	assert_string_equal(m.user.avatar, "https://a/none.svg");
	assert_int_equal(m.user.revision, 1);

	/* another login took the user for new at the same moment */
	prepare(&m, "o", "", NOW + 1, NOW + HOUR);
	assert_int_equal(store_uid_new(m.user.uid), 0);
	strcpy(m.asked.nick_if_none, "somebody else");
	assert_int_equal(store_login(s, &m.asked), 0);
	assert_string_equal(m.user.uid, uid);
	assert_string_equal(m.session.uid, uid);
	assert_string_equal(m.user.nick, "nobody");
	assert_int_equal(m.user.revision, 1);

	prepare(&m, "o", "Anna", NOW + 2, NOW + HOUR);
	strcpy(m.asked.nick_if_none, "nobody");
	assert_int_equal(store_login(s, &m.asked), 0);
	assert_string_equal(m.user.nick, "Anna");
	strcpy(m.user.uid, "no uid");
	m.session.id[0] ^= 1;
	assert_true(store_login(s, &m.asked) < 0);
}

static void a_login_is_counted_against_its_rate_and_refused_whole(void **state)
{
	struct made m;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		prepare(&m, "o", "", NOW + i, NOW + HOUR);
		m.asked.rate = (struct store_rate){ .key = "login-o", .limit = 2, .window_s = 60 };
		assert_int_equal(store_login(s, &m.asked), i < 2 ? 0 : -EAGAIN);
	}
	assert_int_equal(m.asked.rate.retry_s, 60);
	assert_int_equal(check(&m, NOW), -ENOENT);
	prepare(&m, "o", "", NOW + 60000, NOW + 2 * HOUR);
	m.asked.rate = (struct store_rate){ .key = "login-o", .limit = 2, .window_s = 60 };
	assert_int_equal(store_login(s, &m.asked), 0);
}

static void on_login(void *arg, int r)
{
	*(int *)arg = r;
}

static void a_login_for_which_nobody_waits(void **state)
{
	struct made a, b, spoilt;
	int results[3] = { 1, 1, 1 };

	(void)state;
	assert_int_equal(store_committer_start(s), 0);
	prepare(&a, "openid-A", "Anna", NOW, NOW + HOUR);
	prepare(&b, "openid-A", "", NOW, NOW + HOUR);
	prepare(&spoilt, "", "nobody", NOW, NOW + HOUR);
	store_login_later(s, &a.asked, on_login, &results[0]);
	store_login_later(s, &b.asked, on_login, &results[1]);
	store_login_later(s, &spoilt.asked, on_login, &results[2]);
	store_committer_stop(s);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	assert_int_equal(results[2], -EINVAL);
	assert_int_equal(strlen(a.user.uid), UID_LEN);
	assert_string_equal(a.user.uid, b.user.uid);
	assert_string_equal(b.user.nick, "Anna");
	assert_int_equal(check(&a, NOW), 0);
	assert_int_equal(check(&b, NOW), 0);
}

static void what_login_knows_replaces_what_was_stored(void **state)
{
	struct made m;
	struct user user;

	(void)state;
	login(&m, "o", "first", NOW, NOW + HOUR);
	memset(&m.user, 0, sizeof(m.user));
	strcpy(m.user.openid, "o");
	strcpy(m.user.nick, "second");
	strcpy(m.user.unionid, "union");
	strcpy(m.user.info, "{\"city\":\"\"}");
	m.session.id[0] ^= 1;
	assert_int_equal(store_login(s, &m.asked), 0);
	user = m.user;
	assert_int_equal(user.revision, 2);
	assert_int_equal(store_user(s, user.uid, &user), 0);
	assert_string_equal(user.nick, "second");
	assert_string_equal(user.unionid, "union");
	assert_string_equal(user.info, "{\"city\":\"\"}");
}

static void wrong_keys_and_unknown_ids_look_alike(void **state)
{
	struct made m;

	(void)state;
	login(&m, "o", "n", NOW, NOW + HOUR);
	m.shown.skey[0] = m.shown.skey[0] == 'a' ? 'b' : 'a';
	assert_int_equal(check(&m, NOW), -ENOENT);
	assert_int_equal(check(&m, NOW + 2 * HOUR), -ENOENT);
	m.shown.skey[0] = '\0';
	assert_int_equal(check(&m, NOW), -ENOENT);
	m.shown.id[0] ^= 1;
	assert_int_equal(check(&m, NOW), -ENOENT);
}

static void a_session_ends_by_time_by_hand_and_lives_on_when_extended(void **state)
{
	struct made m;

	(void)state;
	login(&m, "o", "n", NOW, NOW + HOUR);
	assert_int_equal(check(&m, NOW + HOUR - 1), 0);
	assert_int_equal(check(&m, NOW + HOUR), -ESTALE);
	assert_int_equal(store_session_extend(s, m.shown.id, NOW + 2 * HOUR, NOW + 1), 0);
	assert_int_equal(check(&m, NOW + HOUR), 0);
	assert_int_equal(store_session_extend(s, m.shown.id, NOW + 9 * HOUR, NOW + 2 * HOUR), -ESTALE);
	assert_int_equal(store_session_rekey(s, m.shown.id, (const uint8_t *)"other", 5), 0);
	assert_int_equal(check(&m, NOW), 0);
	assert_int_equal(store_session_end(s, m.shown.id), 0);
	assert_int_equal(check(&m, NOW), -ENOENT);
	assert_int_equal(store_session_end(s, m.shown.id), -ENOENT);
	assert_int_equal(store_session_extend(s, m.shown.id, NOW + HOUR, NOW), -ENOENT);
}

static void the_oldest_session_gives_way(void **state)
{
	struct made m[5], other;
	uint64_t users, sessions, bytes;
	int i;

	(void)state;
	login(&other, "other", "n", NOW, NOW + HOUR);
	for (i = 0; i < 5; i++)
		login(&m[i], "o", "n", NOW + i, NOW + HOUR - i);
	assert_int_equal(check(&m[0], NOW + 5), -ENOENT);
	assert_int_equal(check(&m[1], NOW + 5), -ENOENT);
	assert_int_equal(check(&m[2], NOW + 5), 0);
	assert_int_equal(check(&m[4], NOW + 5), 0);
	assert_int_equal(check(&other, NOW + 5), 0);
	store_totals(s, &users, &sessions, &bytes);
	assert_int_equal(users, 2);
	assert_int_equal(sessions, 4);
	assert_int_equal(store_user_end_sessions(s, m[0].user.uid), 3);
	assert_int_equal(check(&m[4], NOW + 5), -ENOENT);
	assert_int_equal(store_user_end_sessions(s, m[0].user.uid), 0);
	assert_int_equal(store_user_end_sessions(s, "x"), 0);
	assert_int_equal(check(&other, NOW + 5), 0);
}

static void an_ended_session_gives_way_before_a_living_one(void **state)
{
	struct made m[4];

	(void)state;
	login(&m[0], "o", "n", NOW, NOW + HOUR);
	login(&m[1], "o", "n", NOW + 1, NOW + 5);
	login(&m[2], "o", "n", NOW + 2, NOW + HOUR);
	login(&m[3], "o", "n", NOW + 10, NOW + HOUR);
	assert_int_equal(check(&m[0], NOW + 10), 0);
	assert_int_equal(check(&m[2], NOW + 10), 0);
	assert_int_equal(check(&m[3], NOW + 10), 0);
}

static size_t rows(enum table table)
{
	MDB_txn *txn;
	size_t n;

	assert_int_equal(mdb_read_begin(s->mdb, &txn), 0);
	n = store_count(s, txn, table);
	mdb_read_end(s->mdb, txn);
	return n;
}

static void each_write_removes_a_few_that_ended(void **state)
{
	struct made m;
	uint8_t ticket[32] = { 0 };
	char openid[20];
	unsigned retry;
	bool seen;
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		snprintf(openid, sizeof(openid), "o%d", i);
		login(&m, openid, "n", NOW, NOW + 1000 + i);
		ticket[0] = (uint8_t)i;
		assert_int_equal(store_ticket_put(s, ticket, m.shown.id, NOW + 1000, NOW), 0);
		assert_int_equal(rate(openid, 5, 1, NOW, &retry), 0);
		assert_int_equal(store_seen(s, openid, 1, NOW, &seen), 0);
	}
	assert_int_equal(rows(T_SESSIONS), 30);
	login(&m, "last", "n", NOW + HOUR, NOW + 2 * HOUR);
	assert_int_equal(rows(T_SESSIONS), 30 + 1 - 8);
	assert_int_equal(rows(T_TICKETS), 30 - 8);
	for (i = 0; i < 4; i++)
		login(&m, "last", "n", NOW + HOUR + i, NOW + 2 * HOUR);
	assert_int_equal(rows(T_SESSIONS), 3);
	assert_int_equal(rows(T_USER_SESSIONS), 3);
	assert_int_equal(rows(T_EXPIRY), 3);
	assert_int_equal(rows(T_TICKETS), 0);
	assert_int_equal(rows(T_RATES), 0);
	assert_int_equal(rows(T_SEEN), 0);
}

static void a_profile_changes_and_says_so(void **state)
{
	struct made m;
	struct user user;
	char longest[NICK_MAX + 2];
	uint64_t version;

	(void)state;
	login(&m, "o", "", NOW, NOW + HOUR);
	assert_int_equal(store_user_update(s, m.user.uid, "张三", "https://a/b.png", NULL), 0);
	assert_int_equal(store_user(s, m.user.uid, &user), 0);
	assert_string_equal(user.nick, "张三");
	assert_string_equal(user.avatar, "https://a/b.png");
	assert_int_equal(user.revision, 2);
	assert_int_equal(store_user_update(s, m.user.uid, "张三", NULL, "123"), 0);
	version = store_version(s);
	assert_int_equal(store_user_update(s, m.user.uid, "张三", "https://a/b.png", "123"), 0);
	assert_true(store_version(s) == version);	/* what changes nothing is not written */
	assert_int_equal(store_user(s, m.user.uid, &user), 0);
	assert_int_equal(user.revision, 2);
	assert_string_equal(user.phone, "123");
	memset(longest, 'x', sizeof(longest));
	longest[NICK_MAX + 1] = '\0';
	assert_int_equal(store_user_update(s, m.user.uid, longest, NULL, NULL), -EINVAL);
	longest[NICK_MAX] = '\0';
	assert_int_equal(store_user_update(s, m.user.uid, longest, NULL, NULL), 0);
	assert_int_equal(store_user_update(s, "00000000000000000000", "n", NULL, NULL), -ENOENT);
}

static void the_push_server_learns_who_somebody_is(void **state)
{
	struct store_reader *r;
	struct member member;
	struct made m;
	uint64_t version;
	int64_t expires;

	(void)state;
	login(&m, "o", "Anna", NOW, NOW + HOUR);
	assert_int_equal(store_reader_new(s, &r), 0);
	assert_int_equal(store_authorise(r, m.shown.id, m.shown.skey, NOW, &member), 0);
	assert_string_equal(member.uid, m.user.uid);
	assert_string_equal(member.openid, "o");
	assert_string_equal(member.nick, "Anna");
	assert_int_equal(member.nick_len, 4);
	assert_string_equal(member.avatar, "");
	assert_int_equal(member.expires_ms, NOW + HOUR);
	assert_int_equal(member.revision, 1);
	assert_int_equal(store_authorise(r, m.shown.id, NULL, NOW + HOUR, &member), -ESTALE);
	assert_int_equal(store_alive(r, m.shown.id, NOW, &expires), 0);
	assert_int_equal(expires, NOW + HOUR);
	assert_int_equal(store_member(r, m.user.uid, &member), 0);
	assert_int_equal(member.expires_ms, 0);
	assert_int_equal(store_member(r, "zz", &member), -ENOENT);
	version = store_version(s);
	assert_int_equal(store_user_update(s, m.user.uid, "Bea", NULL, NULL), 0);
	assert_true(store_version(s) != version);
	assert_int_equal(store_authorise(r, m.shown.id, NULL, NOW, &member), 0);
	assert_string_equal(member.nick, "Bea");
	assert_int_equal(member.revision, 2);
	m.shown.skey[5] = 'x';
	assert_int_equal(store_authorise(r, m.shown.id, m.shown.skey, NOW, &member), -ENOENT);
	assert_int_equal(store_session_end(s, m.shown.id), 0);
	assert_int_equal(store_authorise(r, m.shown.id, NULL, NOW, &member), -ENOENT);
	assert_int_equal(store_alive(r, m.shown.id, NOW, &expires), -ENOENT);
	store_tidy(s);
	store_reader_free(r);
}

static void a_ticket_stands_for_its_session_for_a_while(void **state)
{
	uint8_t ticket[32] = { 7 }, id[SESSION_ID_LEN];
	struct store_reader *r;
	struct made m;
	char text[65];

	(void)state;
	login(&m, "o", "n", NOW, NOW + HOUR);
	hex_encode(ticket, sizeof(ticket), text);
	assert_int_equal(store_reader_new(s, &r), 0);
	assert_int_equal(store_ticket(r, text, 64, NOW, id), -ENOENT);
	assert_int_equal(store_ticket_put(s, ticket, m.shown.id, NOW + 60000, NOW), 0);
	assert_int_equal(store_ticket(r, text, 64, NOW, id), 0);
	assert_memory_equal(id, m.shown.id, sizeof(id));
	assert_int_equal(store_ticket(r, text, 63, NOW, id), -ENOENT);
	assert_int_equal(store_ticket(r, text, 64, NOW + 60000, id), -ESTALE);
	m.shown.id[0] ^= 1;
	assert_int_equal(store_ticket_put(s, ticket, m.shown.id, NOW + 60000, NOW), -ENOENT);
	store_reader_free(r);
}

static void records_that_are_cut_short_or_unknown_are_refused(void **state)
{
	uint8_t record[USER_RECORD_MAX], srecord[SESSION_RECORD_MAX], uid[UID_RAW] = { 0 };
	struct session_view sv;
	struct user_view uv;
	struct made m;
	size_t len, n;
	MDB_val v;
	char *p;

	(void)state;
	login(&m, "openid", "nick", NOW, NOW + HOUR);
	strcpy(m.user.phone, "1380000");
	len = user_encode(&m.user, record);
	for (n = 0; n <= len; n++) {
		p = exact(record, n);
		v = val(p, n);
		assert_int_equal(user_view(&v, &uv), n == len ? 0 : -EUCLEAN);
		free(p);
	}
	record[0] = 2;
	v = val(record, len);
	assert_int_equal(user_view(&v, &uv), -EUCLEAN);
	len = session_encode(&m.session, uid, srecord);
	for (n = 0; n <= len; n++) {
		p = exact(srecord, n);
		v = val(p, n);
		assert_int_equal(session_view(&v, &sv), n == len ? 0 : -EUCLEAN);
		free(p);
	}
	srecord[67] = 255;
	v = val(srecord, len);
	assert_int_equal(session_view(&v, &sv), -EUCLEAN);
}

struct tally {
	int count, stop_at;
	char last[UID_LEN + 1];
};

static int tally_session(const struct session *session, void *arg)
{
	struct tally *t = arg;

	memcpy(t->last, session->uid, sizeof(t->last));
	assert_int_equal(store_session_end(s, session->id), 0);	/* the store may be used meanwhile */
	return ++t->count == t->stop_at ? 42 : 0;
}

static int tally_user(const struct user *user, void *arg)
{
	struct tally *t = arg;

	assert_true(strcmp(user->uid, t->last) > 0);	/* in key order */
	memcpy(t->last, user->uid, sizeof(t->last));
	return ++t->count == t->stop_at ? 42 : 0;
}

static void the_operator_walks_everything(void **state)
{
	struct tally t = { 0, 0, "" };
	struct made m;
	char openid[20];
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		snprintf(openid, sizeof(openid), "o%d", i);
		login(&m, openid, "n", NOW, i < 90 ? NOW + HOUR : NOW + 5);
	}
	assert_int_equal(store_each_user(s, tally_user, &t), 0);
	assert_int_equal(t.count, 100);
	t = (struct tally){ 0, 10, "" };
	assert_int_equal(store_each_user(s, tally_user, &t), 42);
	assert_int_equal(t.count, 10);
	t = (struct tally){ 0, 0, "" };
	assert_int_equal(store_each_session(s, NOW + 10, tally_session, &t), 0);
	assert_int_equal(t.count, 90);
	t.count = 0;
	assert_int_equal(store_each_session(s, NOW + 10, tally_session, &t), 0);
	assert_int_equal(t.count, 0);
}

static void uses_are_counted_in_windows(void **state)
{
	unsigned retry = 0;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(rate("192.0.2.1", 3, 60, NOW + i, &retry), 0);
	assert_int_equal(rate("192.0.2.1", 3, 60, NOW + 500, &retry), -EAGAIN);
	assert_int_equal(retry, 60);
	assert_int_equal(rate("192.0.2.2", 3, 60, NOW, &retry), 0);
	assert_int_equal(rate("192.0.2.1", 3, 60, NOW + 60000, &retry), 0);
	assert_int_equal(rate("192.0.2.1", 3, 60, NOW - 10 * HOUR, &retry), 0);	/* the clock was set back */
	assert_int_equal(rows(T_RATES), 1);	/* the other's window has ended */
}

static void a_replay_is_told_from_a_first_arrival(void **state)
{
	bool seen = true;

	(void)state;
	assert_int_equal(store_seen(s, "a", 10, NOW, &seen), 0);
	assert_false(seen);
	assert_int_equal(store_seen(s, "a", 10, NOW + 9999, &seen), 0);
	assert_true(seen);
	assert_int_equal(store_seen(s, "b", 10, NOW, &seen), 0);
	assert_false(seen);
	assert_int_equal(store_seen(s, "a", 10, NOW + 10000, &seen), 0);
	assert_false(seen);
}

static void one_caller_at_a_time_fetches_the_token(void **state)
{
	char token[TOKEN_MAX];
	bool refresh;

	(void)state;
	assert_int_equal(store_token(s, NOW, 300000, token, &refresh), -ENOENT);
	assert_true(refresh);
	assert_int_equal(store_token(s, NOW, 300000, token, &refresh), -ENOENT);
	assert_false(refresh);
	assert_int_equal(store_token_give_up(s), 0);
	assert_int_equal(store_token(s, NOW, 300000, token, &refresh), -ENOENT);
	assert_true(refresh);
	assert_int_equal(store_token(s, NOW + TOKEN_LEASE_MS, 300000, token, &refresh), -ENOENT);
	assert_true(refresh);	/* the first never came back */
	assert_int_equal(store_token_put(s, "T1", NOW + 2 * HOUR), 0);
	assert_int_equal(store_token(s, NOW, 300000, token, &refresh), 0);
	assert_string_equal(token, "T1");
	assert_false(refresh);
	assert_int_equal(store_token(s, NOW + 2 * HOUR - 1000, 300000, token, &refresh), 0);
	assert_true(refresh);
	assert_int_equal(store_token(s, NOW + 2 * HOUR - 1000, 300000, token, &refresh), 0);
	assert_false(refresh);
	assert_int_equal(store_token_peek(s, NOW, token), 0);
	assert_int_equal(store_token_peek(s, NOW + 2 * HOUR, token), -ENOENT);
	assert_int_equal(store_token_drop(s, "T0"), 0);
	assert_int_equal(store_token_peek(s, NOW, token), 0);
	assert_int_equal(store_token_drop(s, "T1"), 0);
	assert_int_equal(store_token(s, NOW, 300000, token, &refresh), -ENOENT);
	assert_true(refresh);
	assert_int_equal(store_token_put(s, "", NOW), -EINVAL);
}

static void counters_add_up(void **state)
{
	uint64_t add[COUNT_KINDS] = { [COUNT_LOGIN_OK] = 2, [COUNT_REVOKED] = 1 }, now[COUNT_KINDS];
	int i;

	(void)state;
	assert_int_equal(store_counters(s, now), 0);
	assert_int_equal(now[COUNT_LOGIN_OK], 0);
	assert_int_equal(store_counters_add(s, add), 0);
	assert_int_equal(store_counters_add(s, add), 0);
	assert_int_equal(store_counters(s, now), 0);
	assert_int_equal(now[COUNT_LOGIN_OK], 4);
	assert_int_equal(now[COUNT_REVOKED], 2);
	for (i = 0; i < COUNT_KINDS; i++)
		assert_non_null(store_counter_name((enum counter)i));
}

static void events_wait_in_a_bounded_queue(void **state)
{
	struct buf json = BUF_INIT;
	uint64_t number, first = 0;
	char text[20];
	int i;

	(void)state;
	assert_int_equal(store_event_next(s, 0, &number, &json), -ENOENT);
	for (i = 1; i <= EVENTS_KEPT + 5; i++) {
		snprintf(text, sizeof(text), "{\"n\":%d}", i);
		assert_int_equal(store_event_put(s, text, strlen(text), &number), 0);
		assert_int_equal(number, i);
	}
	assert_int_equal(store_event_next(s, 0, &first, &json), 0);
	assert_int_equal(first, 6);
	assert_string_equal(buf_str(&json), "{\"n\":6}");
	buf_reset(&json);
	assert_int_equal(store_event_next(s, first, &first, &json), 0);
	assert_int_equal(first, 7);
	assert_int_equal(store_event_next(s, number, &first, &json), -ENOENT);
	assert_int_equal(store_event_put(s, text, EVENT_MAX + 1, &number), -EMSGSIZE);
	buf_free(&json);
}

static const char uploader[] = "0123456789abcdef0123";

static uint64_t media_bytes(void)
{
	uint64_t users, sessions, bytes;

	assert_int_equal(store_totals(s, &users, &sessions, &bytes), 0);
	return bytes;
}

static void keep_media(const char *uid, uint64_t bytes)
{
	struct store_reserved reserved;

	assert_int_equal(store_media_reserve(s, uid, bytes, 0, 0, NOW, &reserved), 0);
	assert_int_equal(store_media_keep(s, &reserved), 0);
}

static void media_stays_within_its_quotas(void **state)
{
	const char *other = "0123456789abcdef0124";
	struct store_reserved first, last;

	(void)state;
	assert_int_equal(store_media_reserve(s, uploader, 600, 1000, 1500, NOW, &first), 0);
	assert_int_equal(store_media_reserve(s, uploader, 600, 1000, 1500, NOW, &last), -EDQUOT);
	assert_int_equal(store_media_reserve(s, other, 901, 1000, 1500, NOW, &last), -EDQUOT);
	assert_int_equal(store_media_reserve(s, other, 900, 1000, 1500, NOW, &last), 0);
	assert_int_equal(media_bytes(), 1500);
	assert_int_equal(store_media_give_back(s, &first), 0);
	assert_int_equal(store_media_give_back(s, &first), 0);
	assert_int_equal(media_bytes(), 900);
	assert_int_equal(store_media_keep(s, &last), 0);
	assert_int_equal(media_bytes(), 900);
	assert_int_equal(rows(T_EXPIRY), 0);
	assert_int_equal(store_media_reserve(s, uploader, 1 << 30, 0, 0, NOW, &last), 0);
	assert_int_equal(store_media_reserve(s, "?", 1, 0, 0, NOW, &last), -ENOENT);
}

static void what_an_ended_program_reserved_is_given_back(void **state)
{
	struct store_reserved lost, twin, next;

	(void)state;
	keep_media(uploader, 100);
	assert_int_equal(store_media_reserve(s, uploader, 450, 1000, 0, NOW, &lost), 0);
	assert_int_equal(store_media_reserve(s, uploader, 450, 1000, 0, NOW, &twin), 0);
	assert_int_equal(store_media_reserve(s, uploader, 800, 1000, 0, NOW + MEDIA_RESERVED_MS - 1, &next), -EDQUOT);
	assert_int_equal(store_media_reserve(s, uploader, 800, 1000, 0, NOW + MEDIA_RESERVED_MS, &next), 0);
	assert_int_equal(media_bytes(), 900);
	assert_int_equal(store_media_give_back(s, &lost), 0);
	assert_int_equal(media_bytes(), 900);
	assert_int_equal(store_media_keep(s, &twin), 0);	/* later than anybody thought */
	assert_int_equal(media_bytes(), 1350);
}

static void what_was_kept_stays_counted(void **state)
{
	struct made m;

	(void)state;
	keep_media(uploader, 100);
	login(&m, "o", "n", NOW + 2 * MEDIA_RESERVED_MS, NOW + 3 * MEDIA_RESERVED_MS);
	assert_int_equal(media_bytes(), 100);
}

static void a_verdict_finds_its_upload_until_it_has_been_carried_out(void **state)
{
	struct buf url = BUF_INIT, event = BUF_INIT;
	char uid[UID_LEN + 1];
	uint64_t number;
	int told;

	(void)state;
	keep_media(uploader, 700);
	assert_int_equal(store_trace_put(s, "trace", uploader, "https://x/1.png", 100, NOW), 0);
	assert_int_equal(store_trace_put(s, "trace", uploader, "https://x/2.png", 600, NOW), 0);
	assert_int_equal(store_trace(s, "other", uid, &url), -ENOENT);
	for (told = 0; told < 2; told++) {
		buf_reset(&url);
		assert_int_equal(store_trace(s, "trace", uid, &url), 0);
		assert_string_equal(uid, uploader);
		assert_string_equal(buf_str(&url), "https://x/2.png");
	}
	assert_int_equal(store_trace_end(s, "trace", true, "{\"a\":1}", 7), 0);
	assert_int_equal(store_event_next(s, 0, &number, &event), 0);
	assert_string_equal(buf_str(&event), "{\"a\":1}");
	assert_int_equal(media_bytes(), 100);
	assert_int_equal(store_trace(s, "trace", uid, &url), -ENOENT);
	assert_int_equal(store_trace_end(s, "trace", true, "{\"a\":2}", 7), -ENOENT);
	assert_int_equal(store_event_next(s, number, &number, &event), -ENOENT);
	assert_int_equal(media_bytes(), 100);
	assert_int_equal(rows(T_EXPIRY), 0);
	buf_free(&url);
	buf_free(&event);
}

static void a_verdict_that_lets_a_file_stay_gives_nothing_back(void **state)
{
	(void)state;
	keep_media(uploader, 700);
	assert_int_equal(store_trace_put(s, "trace", uploader, "https://x/1.png", 700, NOW), 0);
	assert_int_equal(store_trace_end(s, "trace", false, "{}", 2), 0);
	assert_int_equal(media_bytes(), 700);
}

/* Before the bytes were kept beside it. */
static int old_trace_write(MDB_txn *txn, void *arg)
{
	static const char url[] = "https://x/old.png";
	uint8_t key[HASH_LEN], record[1 + 8 + UID_RAW + sizeof(url) - 1] = { 1 };

	(void)arg;
	assert_int_equal(store_hash("trace", 5, key), 0);
	put_le64(record + 1, NOW + HOUR);
	assert_int_equal(uid_read(uploader, record + 9), 0);
	memcpy(record + 9 + UID_RAW, url, sizeof(url) - 1);
	assert_int_equal(store_put(s, txn, T_TRACES, val(key, HASH_LEN), val(record, sizeof(record))), 0);
	return expiry_put(s, txn, KIND_TRACE, NOW + HOUR, val(key, HASH_LEN));
}

static void an_upload_noted_by_an_older_program_is_found(void **state)
{
	struct buf url = BUF_INIT;
	char uid[UID_LEN + 1];

	(void)state;
	assert_int_equal(mdb_write(s->mdb, old_trace_write, NULL), 0);
	assert_int_equal(store_trace(s, "trace", uid, &url), 0);
	assert_string_equal(uid, uploader);
	assert_string_equal(buf_str(&url), "https://x/old.png");
	assert_int_equal(store_trace_end(s, "trace", true, "{}", 2), 0);
	assert_int_equal(rows(T_TRACES) + rows(T_EXPIRY), 0);
	buf_free(&url);
}

/* --- several processes --- */

static int child_result(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void eight_processes_log_in_at_once(void **state)
{
	uint64_t users, sessions, bytes;
	struct made m;
	pid_t pids[8];
	char openid[32];
	int p, i;

	(void)state;
	store_close(s);
	s = NULL;
	for (p = 0; p < 8; p++) {
		pids[p] = fork();
		if (pids[p] == 0) {
			for (i = 0; i < 20; i++) {	/* as plain CGI: open, commit once, close; all know one user */
				struct store *own = open_store(1000, false);

				snprintf(openid, sizeof(openid), "o%d-%d", p, i);
				if (!own || login_to(own, &m, i % 2 ? "all" : openid, "n", NOW + i, NOW + HOUR) < 0)
					_exit(1);
				store_close(own);
			}
			_exit(0);
		}
	}
	for (p = 0; p < 8; p++)
		assert_int_equal(child_result(pids[p]), 0);
	s = open_store(1000, false);
	assert_int_equal(store_totals(s, &users, &sessions, &bytes), 0);
	assert_int_equal(users, 8 * 10 + 1);
	assert_int_equal(sessions, 8 * 20);
}

static void the_push_server_reads_as_another_user(void **state)
{
	int ready[2], back[2];
	struct made m;
	pid_t pid;
	char c;

	(void)state;
	login(&m, "o", "Anna", NOW, NOW + HOUR);
	store_close(s);
	s = NULL;
	if (geteuid() == 0)
		assert_int_equal(chown(dir, 0, 12345), 0);
	if (geteuid() == 0) {	/* the files, too, as a directory with the group's bit would have made them */
		char path[128];

		snprintf(path, sizeof(path), "%s/data.mdb", dir);
		assert_int_equal(chown(path, 0, 12345), 0);
		snprintf(path, sizeof(path), "%s/lock.mdb", dir);
		assert_int_equal(chown(path, 0, 12345), 0);
	}
	assert_int_equal(chmod(dir, 02750), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(back), 0);
	pid = fork();
	if (pid == 0) {
		struct store_reader *r;
		struct member member;
		struct store *own;

		if (geteuid() == 0 && (setgid(12345) < 0 || setuid(65534) < 0))
			_exit(1);
		own = open_store(1, true);
		if (!own || store_reader_new(own, &r) < 0 ||
		    store_authorise(r, m.shown.id, m.shown.skey, NOW, &member) < 0)
			_exit(2);
		if (store_user_update(own, member.uid, "x", NULL, NULL) != -EROFS)
			_exit(3);
		if (write(ready[1], "", 1) != 1 || read(back[0], &c, 1) != 1)
			_exit(4);
		_exit(store_authorise(r, m.shown.id, NULL, NOW, &member) == -ENOENT ? 0 : 5);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	s = open_store(3, false);
	assert_int_equal(store_session_end(s, m.shown.id), 0);
	assert_int_equal(write(back[1], "", 1), 1);
	assert_int_equal(child_result(pid), 0);
	close(ready[0]);
	close(ready[1]);
	close(back[0]);
	close(back[1]);
}

static void an_acknowledged_login_survives_a_kill(void **state)
{
	struct made m;
	int pipes[2];
	pid_t pid;
	int n;

	(void)state;
	store_close(s);
	s = NULL;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		struct store *own = open_store(1000, false);

		while (own && login_to(own, &m, "o", "n", NOW, NOW + HOUR) == 0)
			if (write(pipes[1], &m.shown, sizeof(m.shown)) != sizeof(m.shown))
				break;
		_exit(1);
	}
	close(pipes[1]);
	for (n = 0; n < 60; n++)
		assert_int_equal(read(pipes[0], &m.shown, sizeof(m.shown)), sizeof(m.shown));
	kill(pid, SIGKILL);
	child_result(pid);
	s = open_store(1000, false);
	assert_int_equal(check(&m, NOW), 0);
	while (read(pipes[0], &m.shown, sizeof(m.shown)) == sizeof(m.shown))
		assert_int_equal(check(&m, NOW), 0);
	close(pipes[0]);
}

static void a_full_disk_refuses_logins_and_keeps_sessions(void **state)
{
	struct rlimit before, tight;
	struct made first, m;
	char openid[20];
	int i, r = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	login(&first, "first", "n", NOW, NOW + HOUR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = before;
	tight.rlim_cur = 256 << 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (i = 0; i < 5000 && r == 0; i++) {
		snprintf(openid, sizeof(openid), "o%d", i);
		r = login_to(s, &m, openid, "a nickname of some length", NOW, NOW + HOUR);
	}
	assert_true(r == -ENOSPC || r == -EIO);
	assert_int_equal(check(&first, NOW), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	login(&m, "after", "n", NOW, NOW + HOUR);
	assert_int_equal(check(&first, NOW), 0);
	assert_int_equal(check(&m, NOW), 0);
}

/* --- several threads --- */

static void *log_in_and_out(void *arg)
{
	struct store_reader *r;
	struct member member;
	struct made *m = arg;
	char openid[20];
	int i, failed = 0;

	if (store_reader_new(s, &r) < 0)
		return "reader";
	for (i = 0; i < 40 && !failed; i++) {
		snprintf(openid, sizeof(openid), "o%d", i);
		failed = login_to(s, m, openid, "n", NOW, NOW + HOUR) < 0 ||
			 store_authorise(r, m->shown.id, m->shown.skey, NOW, &member) < 0 ||
			 store_session_end(s, m->shown.id) < 0 ||
			 store_authorise(r, m->shown.id, NULL, NOW, &member) != -ENOENT;
	}
	store_reader_free(r);
	return failed ? "failed" : NULL;
}

static void threads_share_the_store(void **state)
{
	struct made m[6];
	pthread_t threads[6];
	void *result;
	int i;

	(void)state;
	store_close(s);
	s = open_store(100, false);
	for (i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_in_and_out, &m[i]), 0);
	for (i = 0; i < 6; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_int_equal(rows(T_SESSIONS), 0);
	assert_int_equal(rows(T_USERS), 40);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(a_login_makes_a_user_once),
		T(a_new_user_has_the_uid_and_the_placeholders_that_the_login_brings),
		T(a_login_is_counted_against_its_rate_and_refused_whole),
		T(a_login_for_which_nobody_waits),
		T(what_login_knows_replaces_what_was_stored),
		T(wrong_keys_and_unknown_ids_look_alike),
		T(a_session_ends_by_time_by_hand_and_lives_on_when_extended),
		T(the_oldest_session_gives_way),
		T(an_ended_session_gives_way_before_a_living_one),
		T(each_write_removes_a_few_that_ended),
		T(a_profile_changes_and_says_so),
		T(the_push_server_learns_who_somebody_is),
		T(a_ticket_stands_for_its_session_for_a_while),
		T(records_that_are_cut_short_or_unknown_are_refused),
		T(the_operator_walks_everything),
		T(uses_are_counted_in_windows),
		T(a_replay_is_told_from_a_first_arrival),
		T(one_caller_at_a_time_fetches_the_token),
		T(counters_add_up),
		T(events_wait_in_a_bounded_queue),
		T(media_stays_within_its_quotas),
		T(what_an_ended_program_reserved_is_given_back),
		T(what_was_kept_stays_counted),
		T(a_verdict_finds_its_upload_until_it_has_been_carried_out),
		T(a_verdict_that_lets_a_file_stay_gives_nothing_back),
		T(an_upload_noted_by_an_older_program_is_found),
		T(eight_processes_log_in_at_once),
		T(the_push_server_reads_as_another_user),
		T(an_acknowledged_login_survives_a_kill),
		T(a_full_disk_refuses_logins_and_keeps_sessions),
		T(threads_share_the_store),
	};

	return crypto_init() < 0 || !!cmocka_run_group_tests(tests, NULL, NULL);
}
