/* user.c - who is logged in: the routes user, logout and health, and the authorizer role. */
#include <errno.h>
#include <string.h>

#include "auth.h"
#include "clock.h"
#include "issue.h"
#include "log.h"
#include "me.h"
#include "query.h"
#include "routes.h"

int route_add_variables(struct answer *a, const struct user *user)
{
	int r = answer_header(a, "Variable-WX_UID", user->uid);

	if (r == 0)
		r = answer_header(a, "Variable-WX_OPENID", user->openid);
	return r == 0 ? answer_header(a, "Variable-WX_NICKNAME", user->nick) : r;
}

enum error route_authorize(struct call *c)
{
	struct session session;
	struct user user;
	enum error e = auth_session(c, &session, &user);

	if (e != ERR_NONE)
		return e;
	if (route_add_variables(&c->answer, &user) < 0)
		return call_fail(c, ERR_STORE, "out of memory");
	return ERR_NONE;
}

/* user?wechat=1: does WeChat still know the session_key?  user?wechat=reset: gives the user a new one. */
static enum error user_ask_wechat(struct call *c, const struct session *s, const char *what, bool *valid)
{
	char key[WECHAT_KEY_MAX + 1], new_key[WECHAT_KEY_MAX + 1] = "";
	struct wechat_told told = { 0 };
	uint8_t sealed[SEALED_MAX];
	struct user user;
	struct wechat *wechat;
	bool is_reset = !strcmp(what, "reset");
	size_t len;
	enum error e;
	int r;

	if ((r = store_user(c->store, s->uid, &user)) < 0)
		return call_store_failed(c, "user", r);
	if ((e = call_rate(c, "wechat", s->uid, c->config->login.rate_wechat)) != ERR_NONE)
		return e;
	if (issue_open(c->settings->seal_key, s, key) < 0)
		return ERR_INVALID_SESSION;	/* sealed under an AppSecret of the past */
	if (!call_wechat_enter(c)) {
		explicit_bzero(key, sizeof(key));
		return ERR_WECHAT_BUSY;
	}
	if (!(wechat = worker_wechat(c->w)))
		e = call_fail(c, ERR_STORE, "out of memory");
	else if (is_reset)
		e = wechat_reset_session(wechat, user.openid, key, new_key, &told);
	else
		e = wechat_check_session(wechat, user.openid, key, valid, &told);
	call_wechat_leave(c);
	explicit_bzero(key, sizeof(key));
	if (e != ERR_NONE)
		return call_wechat_failed(c, e, &told, is_reset ? "resetusersessionkey" : "checksession");
	if (is_reset) {
		*valid = true;
		r = issue_seal(c->settings->seal_key, s->id, new_key, sealed, &len);
		if (r == 0)
			r = store_session_rekey(c->store, s->id, sealed, len);
		explicit_bzero(new_key, sizeof(new_key));
		if (r < 0)
			return call_store_failed(c, "rekey", r);
	}
	return ERR_NONE;
}

enum error route_user(struct call *c)
{
	struct session session;
	struct user user;
	char what[8] = "";
	bool valid = false, asked;
	enum error e = auth_session(c, &session, &user);
	int r;

	if (e != ERR_NONE)
		return e;
	asked = !strcmp(c->config->login.check_session, "on") &&
		query_get(c->rq->query, c->rq->query_len, "wechat", what, sizeof(what)) > 0;
	if (asked && (e = user_ask_wechat(c, &session, what, &valid)) != ERR_NONE)
		return e;
	r = route_add_variables(&c->answer, &user);	/* for nginx's auth_request */
	if (r == 0)
		r = buf_adds(&c->answer.body, "{\"code\":0,\"data\":");
	if (r == 0)
		r = me_add(&c->answer.body, &user, true);
	if (r == 0)
		r = buf_addf(&c->answer.body, ",\"expires\":%lld%s}", (long long)(session.expires_ms / 1000),
			     !asked ? "" : valid ? ",\"wechatSession\":true" : ",\"wechatSession\":false");
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}

enum error route_logout(struct call *c)
{
	struct audit *audit = &c->service->audit;
	struct session session;
	struct user user;
	char all[8];
	bool everywhere;
	enum error e = auth_session(c, &session, &user);
	int r;

	if (e != ERR_NONE)
		return e;
	everywhere = query_get(c->rq->query, c->rq->query_len, "all", all, sizeof(all)) > 0 && strcmp(all, "0");
	r = everywhere ? store_user_end_sessions(c->store, user.uid) : store_session_end(c->store, session.id);
	if (r < 0 && r != -ENOENT)
		return call_store_failed(c, "logout", r);
	if (!everywhere)
		r = 1;
	audit_count(audit, COUNT_LOGOUT, 1);
	if (r > 1)
		audit_count(audit, COUNT_REVOKED, (uint64_t)r - 1);
	audit_line("logout", user.uid, c->address, everywhere ? "all" : "ok", clock_mono_us() - c->began_us);
	r = buf_addf(&c->answer.body, "{\"code\":0,\"data\":{\"ended\":%d}}", r);
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}

enum error route_health(struct call *c)
{
	int r = buf_adds(&c->answer.body, "{\"code\":0,\"status\":\"ok\",\"version\":\"" WXCHAT_VERSION
			 "\",\"data\":{\"status\":\"ok\",\"version\":\"" WXCHAT_VERSION "\"}}");

	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}
