/* profile.c - the route profile: the name and picture that users choose, as WeChat wants it since 2022. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "auth.h"
#include "links.h"
#include "log.h"
#include "me.h"
#include "nick.h"
#include "params.h"
#include "routes.h"
#include "utf8.h"

enum { NICK_CHARS_MAX = 32, SCENE_PROFILE = 1 };

/* The name without blanks at its ends.  1 to 32 characters that can be seen. */
static enum error read_nick(struct call *c, const char *text, char nick[static NICK_MAX + 1])
{
	const char *begin = NULL, *end = NULL, *p = text;
	size_t len;

	if (!utf8_valid(text, strlen(text)))
		return call_fail(c, ERR_BAD_REQUEST, "nickName is not UTF-8");
	while (*p) {
		const char *here = p;
		uint32_t ch = nick_next(&p);

		if (nick_is_unseen(ch))
			return call_fail(c, ERR_BAD_REQUEST, "nickName holds characters that cannot be seen");
		if (nick_is_blank(ch))
			continue;
		if (!begin)
			begin = here;
		end = p;
	}
	if (!begin)
		return call_fail(c, ERR_BAD_REQUEST, "nickName is empty");
	len = (size_t)(end - begin);
	if (len > NICK_MAX || utf8_length(begin, len) > NICK_CHARS_MAX)
		return call_fail(c, ERR_BAD_REQUEST, "nickName has at most 32 characters");
	memcpy(nick, begin, len);
	nick[len] = '\0';
	return ERR_NONE;
}

/* Does the list let in this host?  Its words are "img.example.com" or "*.qlogo.cn". */
static bool host_listed(const char *list, const char *host, size_t len)
{
	if (!list[strspn(list, " ,\t")])
		return true;
	while (*(list += strspn(list, " ,\t"))) {
		size_t n = strcspn(list, " ,\t");

		if (n > 2 && list[0] == '*' && list[1] == '.' && len > n - 1 &&
		    !strncasecmp(host + len - (n - 1), list + 1, n - 1))
			return true;
		if (n == len && !strncasecmp(host, list, n))
			return true;
		list += n;
	}
	return false;
}

/* A picture of ours, or one that the web can fetch over https from a host that is let in.  Temporary paths of the
 * phone (wxfile://, http://tmp/) are the classic mistake. */
static bool avatar_ok(const struct call *c, const char *url)
{
	struct buf ours = BUF_INIT, generated = BUF_INIT;
	const char *host = url + 8;
	size_t len;
	bool ok;

	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= 0x20 || strchr("\"'<>\\^`{|}\x7f", *p))
			return false;
	if (strlen(url) > AVATAR_MAX)
		return false;
	ok = links_media(c, "", &ours) == 0 && !strncmp(url, ours.data, ours.len) && url[ours.len];
	ok |= links_avatar(c, c->uid, &generated) == 0 && !strcmp(url, generated.data);
	buf_free(&ours);
	buf_free(&generated);
	if (ok)
		return true;
	if (strncasecmp(url, "https://", 8))
		return false;
	len = strcspn(host, "/?#");
	if (len == 0 || memchr(host, '@', len) || !memchr(host, '.', len))
		return false;
	len = strcspn(host, ":/?#");
	return host_listed(c->config->login.avatar_hosts, host, len);
}

/* Was this picture of ours taken away?  WeChat's verdict may come between its upload and its becoming an avatar. */
static bool avatar_is_gone(const struct call *c, const char *url)
{
	struct buf ours = BUF_INIT, path = BUF_INIT;
	bool is_gone = false;

	if (!strcmp(c->config->media.store, "local") && links_media(c, "", &ours) == 0 &&
	    !strncmp(url, ours.data, ours.len) && !strchr(url + ours.len, '/') &&
	    buf_addf(&path, "%s/%s", c->config->media.dir, url + ours.len) == 0)
		is_gone = access(path.data, F_OK) < 0;
	buf_free(&ours);
	buf_free(&path);
	return is_gone;
}

/* WeChat's check is asked while the user is there; it being down keeps nobody from a name. */
static enum error check_nick(struct call *c, const char *openid, const char *nick)
{
	struct wechat_told told = { 0 };
	bool risky = false, review = false;
	struct wechat *wechat;
	enum error e;

	if (strcmp(c->config->login.check_profile, "on"))
		return ERR_NONE;
	if ((e = call_rate(c, "wechat", c->uid, c->config->login.rate_wechat)) != ERR_NONE)
		return e;
	e = ERR_WECHAT_BUSY;
	if (call_wechat_enter(c)) {
		if ((wechat = worker_wechat(c->w)))
			e = wechat_check_text(wechat, openid, SCENE_PROFILE, nick, strlen(nick), &risky, &review,
					      &told);
		call_wechat_leave(c);
	}
	c->retry_s = 0;
	if (e != ERR_NONE)
		log_warn("profile-unchecked", "uid=%s error=%s errcode=%lld", c->uid, error_name(e),
			 (long long)told.errcode);
	return risky ? ERR_RISKY_CONTENT : ERR_NONE;
}

static enum error profile_set(struct call *c, struct user *user, struct params *p)
{
	const char *name = params_get_words(p, NULL, "nickName"), *avatar = params_get(p, NULL, "avatarUrl");
	char nick[NICK_MAX + 1];
	enum error e;
	int r;

	if (p->is_bad)
		return call_fail(c, ERR_BAD_REQUEST, "nickName and avatarUrl are texts");
	if (!name && !avatar)
		return call_fail(c, ERR_BAD_REQUEST, "nickName or avatarUrl is wanted");
	if (name && (e = read_nick(c, name, nick)) != ERR_NONE)
		return e;
	if (avatar && strcmp(avatar, user->avatar) && !avatar_ok(c, avatar))
		return call_fail(c, ERR_BAD_REQUEST, "avatarUrl is not a picture that others can see: upload it first");
	if (name && strcmp(nick, user->nick) && (e = check_nick(c, user->openid, nick)) != ERR_NONE)
		return e;
	r = store_user_update(c->store, user->uid, name ? nick : NULL, avatar, NULL);
	if (r < 0)
		return call_store_failed(c, "profile", r);
	if (name)
		memcpy(user->nick, nick, strlen(nick) + 1);
	if (avatar)
		memcpy(user->avatar, avatar, strlen(avatar) + 1);
	/* Looked at afterwards, so that whichever of the two came last puts it right. */
	if (avatar && avatar_is_gone(c, avatar)) {
		user->avatar[0] = '\0';
		me_complete(c, user);
	}
	return ERR_NONE;
}

enum error route_profile(struct call *c)
{
	struct session session;
	struct params p;
	struct user user;
	enum error e = auth_session(c, &session, &user);
	int r;

	if (e != ERR_NONE)
		return e;
	e = params_init(&p, c->rq, (size_t)c->config->login.max_body_kb << 10);
	if (e == ERR_NONE)
		e = profile_set(c, &user, &p);
	params_fini(&p);
	if (e != ERR_NONE)
		return e;
	audit_count(&c->service->audit, COUNT_PROFILE, 1);
	r = buf_adds(&c->answer.body, "{\"code\":0,\"data\":");
	if (r == 0)
		r = me_add(&c->answer.body, &user, true);
	if (r == 0)
		r = buf_adds(&c->answer.body, "}");
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}
