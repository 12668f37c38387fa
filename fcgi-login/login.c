/* login.c - a wx.login code becomes a session: WeChat is asked, what the client sent beside is verified, the user and
 * the session are stored. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "clock.h"
#include "encode.h"
#include "issue.h"
#include "log.h"
#include "me.h"
#include "params.h"
#include "routes.h"
#include "text.h"
#include "userinfo.h"
#include "utf8.h"

enum {
	CODE_MAX = 512,
	ANSWER_LIKELY = 1500
};

struct login {
	const char *code, *encrypted, *iv, *raw, *signature;	/* NULL when absent */
	struct wechat_identity who;
	struct json_object *info;	/* verified, or NULL */
	struct user user;
	struct session session;
	char skey[SKEY_TEXT_LEN + 1];
};

static enum error login_read(struct call *c, struct params *p, struct login *lg)
{
	enum error e = params_init(p, c->rq, (size_t)c->config->login.max_body_kb << 10);

	if (e == ERR_BAD_REQUEST)
		return call_fail(c, e, "the body is not the JSON object or form that it should be");
	if (e != ERR_NONE)
		return e;
	lg->code = params_get(p, "X-WX-Code", "code");
	lg->encrypted = params_get(p, "X-WX-Encrypted-Data", "encryptedData");
	lg->iv = params_get(p, "X-WX-IV", "iv");
	lg->raw = params_get_encoded(p, "X-WX-RawData", "rawData");
	lg->signature = params_get(p, "X-WX-Signature", "signature");
	if (p->is_bad)
		return call_fail(c, ERR_BAD_REQUEST, "a field is malformed: texts are wanted, percent-encoded in headers");
	return ERR_NONE;
}

/* What can be known to be wrong before a code is spent. */
static enum error login_check(struct call *c, const struct login *lg)
{
	if (strlen(lg->code) > CODE_MAX)
		return call_fail(c, ERR_BAD_REQUEST, "that is no code of wx.login");
	for (const char *p = lg->code; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return call_fail(c, ERR_BAD_REQUEST, "that is no code of wx.login");
	if (!lg->encrypted != !lg->iv)
		return call_fail(c, ERR_BAD_REQUEST, "encryptedData and iv belong together");
	if (!lg->raw != !lg->signature)
		return call_fail(c, ERR_BAD_REQUEST, "rawData and signature belong together");
	if (lg->encrypted && !userinfo_plausible(lg->encrypted, lg->iv))
		return ERR_BAD_ENCRYPTED_DATA;
	return ERR_NONE;
}

static enum error login_rate(struct call *c, const char *kind, const char *who, int64_t a_minute)
{
	char key[OPENID_MAX + 16];
	int r;

	if (!a_minute || !*who)
		return ERR_NONE;
	snprintf(key, sizeof(key), "login-%s-%s", kind, who);
	r = store_rate(c->store, key, (unsigned)a_minute, 60, c->now_ms, &c->retry_s);
	if (r == -EAGAIN)
		return ERR_RATE_LIMITED;
	return r < 0 ? call_store_failed(c, "rate", r) : ERR_NONE;
}

static enum error login_exchange(struct call *c, struct login *lg)
{
	struct wechat_told told = { 0 };
	struct wechat *wechat;
	enum error e;

	if (!call_wechat_enter(c))
		return call_fail(c, ERR_WECHAT_BUSY, "too many logins are waiting for WeChat: try again in a moment");
	wechat = worker_wechat(c->w);
	e = wechat ? wechat_code2session(wechat, lg->code, &lg->who, &told)
		   : call_fail(c, ERR_STORE, "out of memory");
	call_wechat_leave(c);
	return e == ERR_NONE ? e : call_wechat_failed(c, e, &told, "code2session");
}

/* Everything that the client sent is verified before any of it is believed. */
static enum error login_verify(struct call *c, struct login *lg)
{
	if (lg->raw && !userinfo_signed(lg->raw, strlen(lg->raw), lg->who.session_key, lg->signature))
		return ERR_BAD_SIGNATURE;
	if (lg->encrypted) {
		lg->info = userinfo_open(lg->encrypted, lg->iv, lg->who.session_key, c->config->wechat.app_id,
					 lg->who.openid, c->now_ms);
		return lg->info ? ERR_NONE : ERR_BAD_ENCRYPTED_DATA;
	}
	if (lg->raw && !(lg->info = json_parse(lg->raw, strlen(lg->raw))))
		return call_fail(c, ERR_BAD_REQUEST, "rawData is not a JSON object");
	return ERR_NONE;
}

static void login_take_names(struct login *lg)
{
	const char *nick, *avatar, *union_id;
	size_t len;

	union_id = json_text(lg->info, "unionId", &len);
	if (union_id && len <= OPENID_MAX && !*lg->user.unionid)
		memcpy(lg->user.unionid, union_id, len + 1);
	nick = json_text(lg->info, "nickName", &len);
	if (!nick || len == 0 || userinfo_is_anonymous(nick, len))
		return;		/* the picture that comes with it is the grey one that everybody gets */
	if (len > NICK_MAX)
		for (len = NICK_MAX; len > 0 && ((unsigned char)nick[len] & 0xc0) == 0x80; len--)
			;
	memcpy(lg->user.nick, nick, len);
	lg->user.nick[len] = '\0';
	avatar = json_text(lg->info, "avatarUrl", &len);
	if (avatar && len <= AVATAR_MAX)
		memcpy(lg->user.avatar, avatar, len + 1);
}

/* Puts what WeChat told of the user into lg->user; what does not fit is left out. */
static void login_take_user(struct login *lg)
{
	text_copy(lg->user.openid, sizeof(lg->user.openid), lg->who.openid);
	text_copy(lg->user.unionid, sizeof(lg->user.unionid), lg->who.unionid);
	if (!lg->info)
		return;
	login_take_names(lg);
	me_keep(lg->info, lg->user.info);
}

static enum error login_store(struct call *c, struct login *lg)
{
	const struct config *config = c->config;
	int r;

	r = issue_session(config->wechat.app_id, config->wechat.app_secret, c->settings->seal_key,
			  lg->who.session_key, c->now_ms, c->now_ms + config->session.max_age * 1000,
			  &lg->session, lg->skey);
	if (r < 0) {
		log_error("session-not-made", "error=%d", -r);
		return call_fail(c, ERR_STORE, "no session could be made");
	}
	memcpy(lg->session.address, c->address, sizeof(lg->session.address));
	r = store_login(c->store, &lg->user, &lg->session, c->now_ms);
	return r < 0 ? call_store_failed(c, "login", r) : ERR_NONE;
}

/* The one answer that serves both wafer SDKs and plain clients. */
static enum error login_answer(struct call *c, const struct session *session, const char *skey,
			       const struct user *user, const char *message)
{
	struct buf *out = &c->answer.body;
	char id[2 * SESSION_ID_LEN + 1];
	int r;

	hex_encode(session->id, sizeof(session->id), id);
	if ((r = buf_reserve(out, ANSWER_LIKELY)) == 0)
		r = buf_addf(out, "{\"" WAFER_MAGIC "\":1,\"session\":{\"id\":\"%s\",\"skey\":\"%s\",\"expires\":%lld},"
			     "\"code\":0,\"message\":\"%s\",\"data\":{\"skey\":\"%s.%s\",\"userinfo\":",
			     id, skey, (long long)(session->expires_ms / 1000), message, id, skey);
	if (r == 0)
		r = me_add(out, user, false);
	if (r == 0)
		r = buf_addf(out, ",\"time\":%lld}}", (long long)(c->now_ms / 1000));
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}

static enum error login_by_code(struct call *c, struct login *lg)
{
	struct user known;
	enum error e;

	if ((e = login_check(c, lg)) != ERR_NONE)
		return e;
	if (auth_banned(c, NULL))
		return ERR_BANNED;
	if ((e = login_rate(c, "address", c->address, c->config->login.rate_per_address)) != ERR_NONE ||
	    (e = login_exchange(c, lg)) != ERR_NONE)
		return e;
	if (store_user_by_openid(c->store, lg->who.openid, &known) == 0) {
		memcpy(c->uid, known.uid, sizeof(c->uid));
		if (auth_banned(c, known.uid))
			return ERR_BANNED;
	}
	if ((e = login_rate(c, "user", lg->who.openid, c->config->login.rate_per_user)) != ERR_NONE ||
	    (e = login_verify(c, lg)) != ERR_NONE)
		return e;
	login_take_user(lg);
	if ((e = login_store(c, lg)) != ERR_NONE)
		return e;
	memcpy(c->uid, lg->user.uid, sizeof(c->uid));
	me_complete(c, &lg->user);
	return login_answer(c, &lg->session, lg->skey, &lg->user, "logged in");
}

/* Without a code: says that the session lives. */
static enum error login_by_session(struct call *c, struct login *lg)
{
	struct credentials shown;
	enum error e;

	if (auth_credentials(c, &shown) == -ENOENT)
		return call_fail(c, ERR_BAD_REQUEST, "a code of wx.login is missing");
	if ((e = auth_session(c, &lg->session, &lg->user)) != ERR_NONE) {
		explicit_bzero(&shown, sizeof(shown));
		return e;
	}
	memcpy(lg->skey, shown.skey, sizeof(lg->skey));
	explicit_bzero(&shown, sizeof(shown));
	return login_answer(c, &lg->session, lg->skey, &lg->user, "小程序会话已登录");
}

static void login_tell(struct call *c, enum error e)
{
	struct audit *audit = &c->w->service->audit;

	audit_line("login", c->uid, c->address, e == ERR_NONE ? "ok" : error_name(e),
		   clock_mono_us() - c->began_us);
	if (e == ERR_NONE)
		audit_count(audit, COUNT_LOGIN_OK, 1);
	else if (e == ERR_WECHAT_BUSY || e == ERR_WECHAT_TIMEOUT || e == ERR_WECHAT_BAD_ANSWER)
		audit_count(audit, COUNT_LOGIN_WECHAT_FAILED, 1);
	else
		audit_count(audit, COUNT_LOGIN_REFUSED, 1);
}

enum error route_login(struct call *c)
{
	struct params p;
	struct login lg;
	enum error e;

	memset(&lg, 0, sizeof(lg));
	e = login_read(c, &p, &lg);
	if (e == ERR_NONE && !lg.code) {
		e = login_by_session(c, &lg);
	} else {
		if (e == ERR_NONE)
			e = login_by_code(c, &lg);
		login_tell(c, e);
	}
	json_object_put(lg.info);
	params_fini(&p);
	explicit_bzero(&lg, sizeof(lg));
	return e;
}
