/* login.c - a wx.login code becomes a session: WeChat is asked, what the client sent beside is verified, the user and
 * the session are stored.  A login has no thread of its own while it waits: one thread asks WeChat for all (http_loop.h), one
 * commits what has come together and answers it (mdb.h).  In plain CGI there is but one thread, and it waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "auth.h"
#include "clock.h"
#include "encode.h"
#include "issue.h"
#include "links.h"
#include "log.h"
#include "me.h"
#include "nick.h"
#include "params.h"
#include "router.h"
#include "routes.h"
#include "text.h"
#include "userinfo.h"
#include "utf8.h"

enum {
	CODE_MAX = 512,
	ANSWER_LIKELY = 1500
};

struct login {
	struct call *call;
	struct params params;
	const char *code, *encrypted, *iv, *raw, *signature;	/* NULL when absent */
	struct wechat_exchange exchange;
	struct json_object *info;	/* verified, or NULL */
	struct store_login made;
	char rate_key[OPENID_MAX + 16];
	char skey[SKEY_TEXT_LEN + 1];
};

static enum error login_read(struct call *c, struct login *lg)
{
	struct params *p = &lg->params;
	enum error e = params_init(p, c->rq, (size_t)c->config->login.max_body_kb << 10);

	if (e != ERR_NONE && e != ERR_BAD_REQUEST)
		return e;
	lg->code = params_get(p, "X-WX-Code", "code");
	/* With a code in header or query whatever the body is is not wanted, once it is whole: who has let go waits for nothing. */
	if (e == ERR_BAD_REQUEST && (!lg->code || !c->rq->body_ended))
		return call_fail(c, e, "the body is not the form or JSON object, of at most 256 values, that it should be");
	lg->encrypted = params_get(p, "X-WX-Encrypted-Data", "encryptedData");
	lg->iv = params_get(p, "X-WX-IV", "iv");
	lg->raw = params_get_words(p, "X-WX-RawData", "rawData");
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

static enum error login_rate_address(struct call *c)
{
	char network[ADDRESS_MAX];

	if (!*c->address)
		return ERR_NONE;
	address_network(c->address, network);
	return call_rate(c, "login-address", network, c->config->login.rate_per_address);
}

/* Counted with the login itself. */
static void login_rate_user(struct call *c, struct login *lg)
{
	if (!c->config->login.rate_per_user)
		return;
	snprintf(lg->rate_key, sizeof(lg->rate_key), "login-user-%s", lg->exchange.who.openid);
	lg->made.rate = (struct store_rate){ .key = lg->rate_key, .limit = (unsigned)c->config->login.rate_per_user,
					     .window_s = RATE_WINDOW_S };
}

/* Some clients encode blanks as plus signs, others leave plus signs unescaped: what was signed is right. */
static bool login_signed(struct login *lg)
{
	const char *key = lg->exchange.who.session_key;

	if (userinfo_signed(lg->raw, strlen(lg->raw), key, lg->signature))
		return true;
	lg->raw = params_get_encoded(&lg->params, "X-WX-RawData", "rawData");
	return lg->raw && userinfo_signed(lg->raw, strlen(lg->raw), key, lg->signature);
}

/* Everything that the client sent is verified before any of it is believed. */
static enum error login_verify(struct call *c, struct login *lg)
{
	if (lg->raw && !login_signed(lg))
		return ERR_BAD_SIGNATURE;
	if (lg->encrypted) {
		lg->info = userinfo_open(lg->encrypted, lg->iv, lg->exchange.who.session_key, c->config->wechat.app_id,
					 lg->exchange.who.openid);
		return lg->info ? ERR_NONE : ERR_BAD_ENCRYPTED_DATA;
	}
	if (lg->raw && !(lg->info = json_parse_lenient(lg->raw, strlen(lg->raw))))
		return call_fail(c, ERR_BAD_REQUEST, "rawData is not a JSON object");
	return ERR_NONE;
}

static void login_take_names(const struct login *lg, struct user *user)
{
	const char *text, *avatar, *union_id;
	char nick[NICK_MAX + 1];
	size_t len;

	union_id = json_text(lg->info, "unionId", &len);
	if (union_id && len <= OPENID_MAX && !*user->unionid)
		memcpy(user->unionid, union_id, len + 1);
	text = json_text(lg->info, "nickName", &len);
	if (!text || !(len = nick_clean(text, len, nick)) || userinfo_is_anonymous(nick, len))
		return;		/* the picture that comes with it is the grey one that everybody gets */
	memcpy(user->nick, nick, len + 1);
	avatar = json_text(lg->info, "avatarUrl", &len);
	if (avatar && len <= AVATAR_MAX)
		memcpy(user->avatar, avatar, len + 1);
}

/* Puts what WeChat told of the user into lg->made; what does not fit is left out. */
static void login_take_user(struct login *lg)
{
	struct user *user = &lg->made.user;

	text_copy(user->openid, sizeof(user->openid), lg->exchange.who.openid);
	text_copy(user->unionid, sizeof(user->unionid), lg->exchange.who.unionid);
	if (!lg->info)
		return;
	login_take_names(lg, user);
	me_keep(lg->info, user->info);
}

/* A name and a picture for a user who would have none; a picture generated for another address of this site is brought up
 * to date.  known: as stored, or NULL. */
static void login_take_placeholders(struct call *c, struct login *lg, const struct user *known)
{
	struct store_login *made = &lg->made;
	struct buf url = BUF_LIMIT(AVATAR_MAX);

	me_name(c->uid, made->nick_if_none);
	if (links_avatar(c, c->uid, &url) == 0) {
		memcpy(made->avatar_if_none, url.data, url.len + 1);
		if (known && !*made->user.avatar && links_is_generated(known->avatar, known->uid))
			memcpy(made->user.avatar, url.data, url.len + 1);
	}
	buf_free(&url);
}

static enum error login_issue(struct call *c, struct login *lg)
{
	const struct config *config = c->config;
	struct session *session = &lg->made.session;
	int r;

	r = issue_session(config->wechat.app_id, config->wechat.app_secret, c->settings->seal_key,
			  lg->exchange.who.session_key, c->now_ms, c->now_ms + config->session.max_age * 1000,
			  session, lg->skey);
	if (r < 0) {
		log_error("session-not-made", "error=%d", -r);
		return call_fail(c, ERR_STORE, "no session could be made");
	}
	memcpy(session->address, c->address, sizeof(session->address));
	lg->made.now_ms = c->now_ms;
	return ERR_NONE;
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

/* What can be said without WeChat. */
static enum error login_admit(struct call *c, struct login *lg)
{
	enum error e;

	if ((e = login_check(c, lg)) != ERR_NONE)
		return e;
	return auth_banned(c, NULL) ? ERR_BANNED : login_rate_address(c);
}

/* Between WeChat's word and the store.  c->uid becomes the user's, known or new. */
static enum error login_accept(struct call *c, struct login *lg)
{
	struct user known;
	bool is_known = store_user_by_openid(c->store, lg->exchange.who.openid, &known) == 0;
	enum error e;

	if (is_known)
		memcpy(c->uid, known.uid, sizeof(c->uid));
	if (is_known && auth_banned(c, known.uid))
		return ERR_BANNED;
	if ((e = login_verify(c, lg)) != ERR_NONE)
		return e;
	if (!is_known && store_uid_new(c->uid) < 0)
		return call_fail(c, ERR_STORE, "no session could be made");
	memcpy(lg->made.user.uid, c->uid, sizeof(c->uid));
	login_rate_user(c, lg);
	login_take_user(lg);
	login_take_placeholders(c, lg, is_known ? &known : NULL);
	return login_issue(c, lg);
}

/* Without a code: says that the session lives. */
static enum error login_by_session(struct call *c, struct login *lg)
{
	struct session *session = &lg->made.session;
	struct user *user = &lg->made.user;
	struct credentials shown;
	enum error e;

	if (auth_credentials(c, &shown) == -ENOENT)
		return call_fail(c, ERR_BAD_REQUEST, "a code of wx.login is missing");
	if ((e = auth_session(c, session, user)) != ERR_NONE) {
		explicit_bzero(&shown, sizeof(shown));
		return e;
	}
	memcpy(lg->skey, shown.skey, sizeof(lg->skey));
	explicit_bzero(&shown, sizeof(shown));
	return login_answer(c, session, lg->skey, user, "小程序会话已登录");
}

static void login_tell(struct call *c, enum error e)
{
	struct audit *audit = &c->service->audit;

	audit_line("login", c->uid, c->address, e == ERR_NONE ? "ok" : error_name(e),
		   clock_mono_us() - c->began_us);
	if (e == ERR_NONE)
		audit_count(audit, COUNT_LOGIN_OK, 1);
	else if (e == ERR_WECHAT_BUSY || e == ERR_WECHAT_TIMEOUT || e == ERR_WECHAT_BAD_ANSWER)
		audit_count(audit, COUNT_LOGIN_WECHAT_FAILED, 1);
	else
		audit_count(audit, COUNT_LOGIN_REFUSED, 1);
}

static void login_end(struct login *lg, enum error e)
{
	struct call *c = lg->call;

	json_object_put(lg->info);
	params_fini(&lg->params);
	explicit_bzero(lg, sizeof(*lg));
	free(lg);
	router_end(c, e);
}

static void login_end_and_tell(struct login *lg, enum error e)
{
	login_tell(lg->call, e);
	login_end(lg, e);
}

/* By a thread that commits, or, without one, by this one. */
static void on_stored(void *arg, int r)
{
	struct login *lg = arg;
	struct call *c = lg->call;
	enum error e;

	memcpy(c->uid, lg->made.user.uid, sizeof(c->uid));
	if (r == -EAGAIN && lg->made.rate.key) {
		c->retry_s = lg->made.rate.retry_s;
		e = ERR_RATE_LIMITED;
	} else if (r < 0) {
		e = call_store_failed(c, "login", r);
	} else {
		e = login_answer(c, &lg->made.session, lg->skey, &lg->made.user, "logged in");
	}
	login_end_and_tell(lg, e);
}

/* By the thread that asks WeChat, or by this one. */
static void on_exchanged(void *arg, enum error e)
{
	struct login *lg = arg;
	struct call *c = lg->call;

	if (e == ERR_NONE)
		e = login_accept(c, lg);
	else
		e = call_wechat_failed(c, e, &lg->exchange.told, "code2session");
	if (e == ERR_NONE)
		store_login_later(c->store, &lg->made, on_stored, lg);
	else
		login_end_and_tell(lg, e);
}

static void login_exchange(struct call *c, struct login *lg)
{
	struct wechat *wechat;

	lg->exchange.done = on_exchanged;
	lg->exchange.arg = lg;
	if (c->service->loop) {
		call_let_go(c);
		wechat_code2session_later(c->settings->wechat, c->service->loop, lg->code, &lg->exchange);
		return;
	}
	wechat = worker_wechat(c->w);
	on_exchanged(lg, wechat ? wechat_code2session(wechat, lg->code, &lg->exchange.who, &lg->exchange.told)
				: ERR_WECHAT_BUSY);
}

void route_login(struct call *c)
{
	struct login *lg = calloc(1, sizeof(*lg));
	enum error e;

	if (!lg) {
		router_end(c, call_fail(c, ERR_STORE, "out of memory"));
		return;
	}
	lg->call = c;
	e = login_read(c, lg);
	if (e == ERR_NONE && !lg->code) {
		login_end(lg, login_by_session(c, lg));
		return;
	}
	if (e == ERR_NONE)
		e = login_admit(c, lg);
	if (e == ERR_NONE)
		login_exchange(c, lg);
	else
		login_end_and_tell(lg, e);
}
