/* me.c - a user as the user's own clients see it. */
#include "me.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "links.h"
#include "log.h"

void me_name(const char *uid, char out[static NICK_MAX + 1])
{
	snprintf(out, NICK_MAX + 1, "用户%.4s", uid);
}

void me_complete(struct call *c, struct user *user)
{
	const char *nick = NULL, *avatar = NULL;
	struct buf url = BUF_LIMIT(AVATAR_MAX);
	int r;

	if (!*user->nick) {
		me_name(user->uid, user->nick);
		nick = user->nick;
	}
	if (!*user->avatar || links_is_generated(user->avatar, user->uid)) {
		r = links_avatar(c, user->uid, &url);
		if (r == 0 && strcmp(user->avatar, url.data)) {
			memcpy(user->avatar, url.data, url.len + 1);
			avatar = user->avatar;
		}
		buf_free(&url);
	}
	if (!nick && !avatar)
		return;
	r = store_user_update(c->store, user->uid, nick, avatar, NULL);
	if (r < 0)
		log_warn("placeholder-not-kept", "uid=%s error=%d", user->uid, -r);
}

/* What a user's record says by itself, and so never what was kept of WeChat's userInfo. */
static const struct me_field {
	const char *name;
	size_t at;		/* in struct user */
	bool is_always;
} me_fields[] = {
	{ "nickName", offsetof(struct user, nick), true },
	{ "avatarUrl", offsetof(struct user, avatar), true },
	{ "openId", offsetof(struct user, openid), true },
	{ "uid", offsetof(struct user, uid), true },
	{ "unionId", offsetof(struct user, unionid), false },
	{ "phoneNumber", offsetof(struct user, phone), false },
};

enum { ME_FIELDS = sizeof(me_fields) / sizeof(me_fields[0]) };

void me_keep(struct json_object *info, char out[static INFO_MAX + 1])
{
	struct buf text = BUF_LIMIT(INFO_MAX);

	for (size_t i = 0; i < ME_FIELDS; i++)
		json_object_object_del(info, me_fields[i].name);
	out[0] = '\0';
	if (json_add(&text, info) == 0)
		memcpy(out, text.data, text.len + 1);
	buf_free(&text);
}

/* The members without the closing brace. */
static int me_members(struct buf *out, const struct user *user)
{
	size_t kept = strlen(user->info);
	int r = kept > 2 ? buf_add(out, user->info, kept - 1) : buf_adds(out, "{");
	const char *comma = kept > 2 ? "," : "";

	for (size_t i = 0; i < ME_FIELDS && r == 0; i++) {
		const char *text = (const char *)user + me_fields[i].at;

		if (!*text && !me_fields[i].is_always)
			continue;
		if ((r = buf_adds(out, comma)) == 0 && (r = json_quote(out, me_fields[i].name, strlen(me_fields[i].name))) == 0 &&
		    (r = buf_adds(out, ":")) == 0)
			r = json_quote(out, text, strlen(text));
		comma = ",";
	}
	return r;
}

int me_add(struct buf *out, const struct user *user, bool nested)
{
	size_t from = out->len, len;
	int r = me_members(out, user);

	len = out->len - from;
	if (r == 0 && nested && (r = buf_adds(out, ",\"userInfo\":")) == 0 && (r = buf_reserve(out, len)) == 0) {
		r = buf_add(out, out->data + from, len);	/* has its place, and does not move */
		if (r == 0)
			r = buf_adds(out, "}");
	}
	return r < 0 ? r : buf_adds(out, "}");
}
