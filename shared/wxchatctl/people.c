/* people.c - users and sessions, straight from the session store. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "ctl.h"
#include "encode.h"

enum { ID_SHOWN = 16, ID_LEAST = 8 };	/* characters of a session's id */

/* --- users --- */

struct user_list {
	struct ctl *ctl;
	const char *pattern;
	unsigned count;
};

static struct json_object *user_json(const struct user *u)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "uid", json_object_new_string(u->uid));
	json_object_object_add(o, "openid", json_object_new_string(u->openid));
	if (u->unionid[0] != '\0')
		json_object_object_add(o, "unionid", json_object_new_string(u->unionid));
	json_object_object_add(o, "nickName", json_object_new_string(u->nick));
	json_object_object_add(o, "avatarUrl", json_object_new_string(u->avatar));
	if (u->phone[0] != '\0')
		json_object_object_add(o, "phone", json_object_new_string(u->phone));
	json_object_object_add(o, "created", json_object_new_int64(u->created_ms));
	json_object_object_add(o, "seen", json_object_new_int64(u->seen_ms));
	return o;
}

static int user_show(const struct user *u, void *arg)
{
	struct user_list *l = arg;
	struct json_object *o;

	if (l->pattern != NULL && strstr(u->uid, l->pattern) == NULL && strstr(u->openid, l->pattern) == NULL &&
	    strstr(u->nick, l->pattern) == NULL && strstr(u->phone, l->pattern) == NULL)
		return 0;
	if (l->ctl->json) {
		o = user_json(u);
		ctl_print_json(o);
		json_object_put(o);
	} else {
		if (l->count == 0)
			puts("UID                   NAME                  LAST LOGIN           OPENID");
		printf("%s  ", u->uid);
		put_column(u->nick, strlen(u->nick), 20);
		put_time(u->seen_ms);
		put_text(u->openid, strlen(u->openid));
		fputc('\n', stdout);
	}
	l->count++;
	return 0;
}

static int users(struct ctl *ctl, int argc, char **argv)
{
	struct user_list l = { .ctl = ctl, .pattern = argc > 0 ? argv[0] : NULL };
	int r;

	if (ctl_store(ctl, false) == NULL)
		return CTL_FAILED;
	if ((r = store_each_user(ctl->store, user_show, &l)) < 0)
		return ctl_fail(CTL_FAILED, "users: %s", strerror(-r));
	return l.count == 0 && l.pattern != NULL ? ctl_fail(CTL_NOT_FOUND, "no user matches") : CTL_OK;
}

/* By uid or openid. */
static int find_user(struct ctl *ctl, const char *name, struct user *out)
{
	int r = store_user(ctl->store, name, out);

	if (r == -ENOENT)
		r = store_user_by_openid(ctl->store, name, out);
	if (r == -ENOENT)
		return ctl_fail(CTL_NOT_FOUND, "no user has this uid or openid: %s", name);
	return r < 0 ? ctl_fail(CTL_FAILED, "user: %s", strerror(-r)) : CTL_OK;
}

static void user_lines(struct json_object *o)
{
	struct json_object_iterator it = json_object_iter_begin(o), end = json_object_iter_end(o);

	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		const char *key = json_object_iter_peek_name(&it);
		struct json_object *value = json_object_iter_peek_value(&it);

		printf("%-10s ", key);
		if (strcmp(key, "created") == 0 || strcmp(key, "seen") == 0)
			put_time(json_object_get_int64(value));
		else
			put_text(json_object_get_string(value), (size_t)json_object_get_string_len(value));
		fputc('\n', stdout);
	}
}

static int user(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *o;
	struct user u;
	int code;

	(void)argc;
	if (ctl_store(ctl, false) == NULL)
		return CTL_FAILED;
	if ((code = find_user(ctl, argv[0], &u)) != CTL_OK)
		return code;
	o = user_json(&u);
	if (ctl->json)
		ctl_print_json(o);
	else
		user_lines(o);
	json_object_put(o);
	return CTL_OK;
}

/* --- sessions --- */

struct session_list {
	struct ctl *ctl;
	const char *uid;		/* only this user's; or NULL */
	const char *prefix;		/* of the id in hex; or NULL */
	size_t prefix_len;
	bool is_shown;
	unsigned count;
	struct session last;
};

static void session_print(struct ctl *ctl, const struct session *s, bool is_first)
{
	char id[2 * SESSION_ID_LEN + 1];
	struct user u = { .nick = "" };
	struct json_object *o;

	hex_encode(s->id, sizeof(s->id), id);
	(void)store_user(ctl->store, s->uid, &u);
	if (ctl->json) {
		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_string(id));
		json_object_object_add(o, "uid", json_object_new_string(s->uid));
		json_object_object_add(o, "nickName", json_object_new_string(u.nick));
		json_object_object_add(o, "created", json_object_new_int64(s->created_ms));
		json_object_object_add(o, "expires", json_object_new_int64(s->expires_ms));
		json_object_object_add(o, "address", json_object_new_string(s->address));
		ctl_print_json(o);
		json_object_put(o);
		return;
	}
	if (is_first)
		puts("SESSION           UID                   NAME                  SINCE                EXPIRES              FROM");
	printf("%.*s  %s  ", ID_SHOWN, id, s->uid);
	put_column(u.nick, strlen(u.nick), 20);
	put_time(s->created_ms);
	put_time(s->expires_ms);
	put_text(s->address, strlen(s->address));
	fputc('\n', stdout);
}

static int session_each(const struct session *s, void *arg)
{
	struct session_list *l = arg;
	char id[2 * SESSION_ID_LEN + 1];

	hex_encode(s->id, sizeof(s->id), id);
	if ((l->uid != NULL && strcmp(l->uid, s->uid) != 0) ||
	    (l->prefix != NULL && strncmp(id, l->prefix, l->prefix_len) != 0))
		return 0;
	if (l->is_shown)
		session_print(l->ctl, s, l->count == 0);
	l->last = *s;
	l->count++;
	return 0;
}

static int sessions(struct ctl *ctl, int argc, char **argv)
{
	struct session_list l = { .ctl = ctl, .is_shown = true };
	struct user u;
	int r, code;

	if (ctl_store(ctl, false) == NULL)
		return CTL_FAILED;
	if (argc > 0 && (code = find_user(ctl, argv[0], &u)) != CTL_OK)
		return code;
	l.uid = argc > 0 ? u.uid : NULL;
	r = store_each_session(ctl->store, clock_wall_ms(), session_each, &l);
	return r < 0 ? ctl_fail(CTL_FAILED, "sessions: %s", strerror(-r)) : CTL_OK;
}

/* The one session whose id begins so. */
static int find_session(struct ctl *ctl, const char *prefix, struct session *out)
{
	struct session_list l = { .ctl = ctl, .prefix = prefix, .prefix_len = strlen(prefix) };
	int r;

	if (l.prefix_len < ID_LEAST || strspn(prefix, "0123456789abcdef") != l.prefix_len)
		return ctl_fail(CTL_USAGE, "a session is named by at least %d hexadecimal characters", ID_LEAST);
	if ((r = store_each_session(ctl->store, clock_wall_ms(), session_each, &l)) < 0)
		return ctl_fail(CTL_FAILED, "sessions: %s", strerror(-r));
	if (l.count != 1)
		return l.count == 0 ? ctl_fail(CTL_NOT_FOUND, "no live session begins with %s", prefix)
				    : ctl_fail(CTL_USAGE, "%u sessions begin with %s: say more of it", l.count, prefix);
	*out = l.last;
	return CTL_OK;
}

static int session(struct ctl *ctl, int argc, char **argv)
{
	struct session s = { .uid = "" };
	int code;

	(void)argc;
	if (ctl_store(ctl, false) == NULL)
		return CTL_FAILED;
	if ((code = find_session(ctl, argv[0], &s)) == CTL_OK)
		session_print(ctl, &s, true);
	return code;
}

static int revoked(struct ctl *ctl, int count)
{
	if (ctl->json)
		printf("{\"revoked\":%d}\n", count);
	else
		printf("%d session%s ended; their connections close within two seconds\n", count, count == 1 ? "" : "s");
	return CTL_OK;
}

static int revoke(struct ctl *ctl, int argc, char **argv)
{
	struct session s;
	struct user u;
	int code, r;

	if ((argc == 0) == (ctl->uid == NULL))
		return ctl_fail(CTL_USAGE, "usage: wxchatctl revoke SESSION | --uid USER");
	if (ctl_store(ctl, true) == NULL)
		return CTL_FAILED;
	if (ctl->uid != NULL) {
		if ((code = find_user(ctl, ctl->uid, &u)) != CTL_OK)
			return code;
		r = store_user_end_sessions(ctl->store, u.uid);
		return r < 0 ? ctl_fail(CTL_FAILED, "revoke: %s", strerror(-r)) : revoked(ctl, r);
	}
	if ((code = find_session(ctl, argv[0], &s)) != CTL_OK)
		return code;
	r = store_session_end(ctl->store, s.id);
	return r < 0 ? ctl_fail(CTL_FAILED, "revoke: %s", strerror(-r)) : revoked(ctl, 1);
}

const struct command people_commands[] = {
	{ "users", "[PATTERN]", "all users, or those whose uid, openid, name or phone holds PATTERN", 0, 1, users, "" },
	{ "user", "USER", "one user, by uid or openid", 1, 1, user, "" },
	{ "sessions", "[USER]", "live sessions, of one user or all", 0, 1, sessions, "" },
	{ "session", "SESSION", "one session, by the beginning of its id", 1, 1, session, "" },
	{ "revoke", "SESSION | --uid USER", "end a session, or all of a user's", 0, 1, revoke, "u" },
	{ NULL, NULL, NULL, 0, 0, NULL, "" },
};
