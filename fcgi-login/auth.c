/* auth.c - whose request is this?  Knows sessions, and no routes. */
#include "auth.h"

#include <errno.h>
#include <string.h>

#include "log.h"

int auth_credentials(const struct call *c, struct credentials *out)
{
	const char *authorization = request_header(c->rq, "AUTHORIZATION");

	if (!authorization)	/* Apache's name for it after a rewrite */
		authorization = request_variable(c->rq, "REDIRECT_HTTP_AUTHORIZATION");
	return credentials_find(request_header(c->rq, "X_WX_ID"), request_header(c->rq, "X_WX_SKEY"), authorization,
				c->rq->query, c->rq->query_len, out);
}

bool auth_banned(const struct call *c, const char *uid)
{
	return bans_hit(c->service->bans, uid, *c->address ? c->address : NULL, c->now_ms);
}

/* Reads stay reads: one write an hour at most, or in a quarter of the life where that is shorter. */
static void session_prolong(struct call *c, struct session *s)
{
	int64_t life_ms = c->config->session.max_age * 1000;
	int64_t pause_ms = life_ms / 4 < 3600000 ? life_ms / 4 : 3600000;
	int r;

	if (s->expires_ms - c->now_ms > life_ms / 2 || c->now_ms - s->renewed_ms < pause_ms)
		return;
	r = store_session_extend(c->store, s->id, c->now_ms + life_ms, c->now_ms);
	if (r == 0)
		s->expires_ms = c->now_ms + life_ms;
	else
		log_warn("session-not-prolonged", "uid=%s error=%d", s->uid, -r);
}

enum error auth_session(struct call *c, struct session *session, struct user *user)
{
	struct credentials shown;
	int r = auth_credentials(c, &shown);

	if (r == 0)
		r = store_session(c->store, &shown, c->now_ms, session, user);
	else if (r == -ENOENT)
		c->message = "no session was shown: log in first";
	explicit_bzero(&shown, sizeof(shown));
	if (r == -EINVAL || r == -ENOENT || r == -ESTALE) {
		audit_count(&c->service->audit, COUNT_SESSION_INVALID, 1);
		return ERR_INVALID_SESSION;
	}
	if (r < 0)
		return call_store_failed(c, "session", r);
	memcpy(c->uid, user->uid, sizeof(c->uid));
	if (auth_banned(c, user->uid))
		return ERR_BANNED;
	session_prolong(c, session);
	return ERR_NONE;
}
