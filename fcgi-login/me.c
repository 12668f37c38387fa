/* me.c - a user as the user's own clients see it. */
#include "me.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "links.h"
#include "log.h"

void me_complete(struct call *c, struct user *user)
{
	const char *nick = NULL, *avatar = NULL;
	struct buf url = BUF_LIMIT(AVATAR_MAX);
	int r;

	if (!*user->nick) {
		snprintf(user->nick, sizeof(user->nick), "用户%.4s", user->uid);
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

static bool set_text(struct json_object *o, const char *key, const char *text)
{
	struct json_object *value = json_object_new_string(text);

	if (value && json_object_object_add(o, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

int me_add(struct buf *out, const struct user *user, bool nested)
{
	struct json_object *o = *user->info ? json_parse(user->info, strlen(user->info)) : NULL;
	int r = -1;

	if (!o)
		o = json_object_new_object();
	if (!o || !set_text(o, "nickName", user->nick) || !set_text(o, "avatarUrl", user->avatar) ||
	    !set_text(o, "openId", user->openid) || !set_text(o, "uid", user->uid) ||
	    (*user->unionid && !set_text(o, "unionId", user->unionid)) ||
	    (*user->phone && !set_text(o, "phoneNumber", user->phone)))
		goto out;
	r = json_add(out, o);
	if (r == 0 && nested) {
		out->len--;	/* the closing brace comes again */
		r = buf_adds(out, ",\"userInfo\":");
		if (r == 0)
			r = json_add(out, o);
		if (r == 0)
			r = buf_adds(out, "}");
	}
out:
	json_object_put(o);
	return r;
}
