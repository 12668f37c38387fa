/* event.c - what WeChat tells about users and uploads, and what follows from it.  Knows no signatures. */
#include "event.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bucket.h"
#include "links.h"
#include "log.h"
#include "me.h"

enum { TRACE_TRIES = 5, TRACE_PAUSE_MS = 100 };

static int queue(struct call *c, struct buf *json)
{
	uint64_t number;
	int r = json->len > EVENT_MAX ? -EMSGSIZE : store_event_put(c->store, json->data, json->len, &number);

	if (r == -EMSGSIZE) {	/* it would not be smaller another time */
		log_warn("event-dropped", "bytes=%zu", json->len);
		r = 0;
	}
	return r;
}

static int add_text(struct buf *out, const char *key, const char *text)
{
	int r = buf_addf(out, ",\"%s\":", key);

	return r == 0 ? json_quote(out, text, strlen(text)) : r;
}

/* The file behind a URL of ours; NULL when it is none. */
static const char *media_file(const char *url)
{
	const char *name = strrchr(url, '/');

	if (!name || strspn(name + 1, "0123456789abcdef") != 32 || name[33] != '.' ||
	    strspn(name + 34, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(name + 34))
		return NULL;
	return name + 1;
}

/* Fine when it is gone already: a verdict may be told again in the middle of being carried out. */
static int media_remove(struct call *c, const char *uid, const char *url)
{
	const char *name = media_file(url);
	struct buf path = BUF_INIT;
	struct http *http;
	int r;

	if (!name)
		return 0;
	if (!strcmp(c->config->media.store, "s3")) {
		r = (http = worker_http(c->w)) ? bucket_remove(http, c->config, name) : -ENOMEM;
	} else {
		r = buf_addf(&path, "%s/%s", c->config->media.dir, name);
		if (r == 0 && unlink(path.data) < 0 && errno != ENOENT)
			r = -errno;
	}
	buf_free(&path);
	if (r == 0)
		log_info("media-removed", "uid=%s name=%s", uid, name);
	return r;
}

/* A refused picture that is somebody's avatar gives way to the generated one. */
static void avatar_reset(struct call *c, const char *uid, const char *url)
{
	struct user user;

	if (store_user(c->store, uid, &user) == 0 && !strcmp(user.avatar, url)) {
		user.avatar[0] = '\0';
		me_complete(c, &user);
	}
}

/* The verdict may overtake WeChat's answer to the thread that asked for it, so an unknown trace is waited for a little. */
static int trace_find(struct call *c, const char *trace, char uid[static UID_LEN + 1], struct buf *url)
{
	const struct timespec pause = { .tv_nsec = TRACE_PAUSE_MS * 1000000L };
	int r;

	for (int tries = 0; (r = store_trace(c->store, trace, uid, url)) == -ENOENT && tries < TRACE_TRIES; tries++)
		nanosleep(&pause, NULL);
	return r;
}

/* wxa_media_check: {trace_id, errcode, result:{suggest,label}}; of the first version {isrisky}.  The trace goes last: whatever
 * comes between, WeChat tells the verdict again, and it is carried out to the end. */
static int on_media(struct call *c, struct json_object *m, const char *event)
{
	struct json_object *result = json_member(m, "result");
	struct buf url = BUF_INIT, json = BUF_LIMIT(EVENT_MAX);
	const char *trace = json_text(m, "trace_id", NULL);
	const char *suggest = result ? json_text(result, "suggest", NULL) : NULL;
	char uid[UID_LEN + 1];
	int64_t label = 0, errcode = 0, old = 0;
	bool risky;
	int r;

	(void)event;
	if (!trace)
		return 0;
	r = trace_find(c, trace, uid, &url);
	if (r < 0) {	/* not ours, or told before */
		buf_free(&url);
		return r == -ENOENT ? 0 : r;
	}
	json_int(m, "errcode", &errcode);
	json_int(m, "isrisky", &old);
	if (result)
		json_int(result, "label", &label);
	risky = (suggest && !strcmp(suggest, "risky")) || old == 1;
	if (risky && (r = media_remove(c, uid, url.data)) == 0)
		avatar_reset(c, uid, url.data);
	if (r == 0)
		r = buf_adds(&json, "{\"kind\":\"media\"");
	if (r == 0)
		r = add_text(&json, "url", url.data);
	if (r == 0)
		r = buf_addf(&json, ",\"uid\":\"%s\",\"risky\":%s,\"label\":%lld}", uid, risky ? "true" : "false",
			     (long long)label);
	if (r == 0)
		r = store_trace_end(c->store, trace, risky, json.data, json.len);
	if (r == 0)
		log_info("media-verdict", "uid=%s risky=%d label=%lld errcode=%lld", uid, risky, (long long)label,
			 (long long)errcode);
	buf_free(&url);
	buf_free(&json);
	return r == -ENOENT ? 0 : r;	/* it was told twice at once, and the other was faster */
}

/* The user closed the account or took back what was given: the sessions end. */
static int on_user_gone(struct call *c, struct json_object *m, const char *event)
{
	const char *openid = json_text(m, "OpenID", NULL);
	struct buf json = BUF_LIMIT(EVENT_MAX);
	struct user user;
	int n, r;

	if (!openid || (r = store_user_by_openid(c->store, openid, &user)) == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	n = store_user_end_sessions(c->store, user.uid);
	if (n < 0)
		return n;
	audit_count(&c->service->audit, COUNT_REVOKED, (uint64_t)n);
	log_info("revoked", "uid=%s event=%s sessions=%d", user.uid, event, n);
	r = buf_adds(&json, "{\"kind\":\"user\"");
	if (r == 0)
		r = add_text(&json, "event", event);
	if (r == 0)
		r = buf_addf(&json, ",\"uid\":\"%s\"}", user.uid);
	if (r == 0)
		r = queue(c, &json);
	buf_free(&json);
	return r;
}

/* Anything else goes to whoever reads the queue. */
static int pass_on(struct call *c, struct json_object *m, const char *kind, const char *key, const char *what)
{
	struct buf json = BUF_INIT;
	int r = buf_addf(&json, "{\"kind\":\"%s\"", kind);

	if (r == 0)
		r = add_text(&json, key, what);
	if (r == 0)
		r = buf_adds(&json, ",\"data\":");
	if (r == 0)
		r = json_add(&json, m);
	if (r == 0)
		r = buf_adds(&json, "}");
	if (r == 0)
		r = queue(c, &json);
	buf_free(&json);
	return r;
}

static const struct {
	const char *event;
	int (*take)(struct call *c, struct json_object *m, const char *event);
} handlers[] = {
	{ "wxa_media_check", on_media },
	{ "user_authorization_revoke", on_user_gone },
	{ "user_authorization_cancellation", on_user_gone },
};

int event_take(struct call *c, struct json_object *m)
{
	const char *type = json_text(m, "MsgType", NULL), *event = json_text(m, "Event", NULL);
	char text[LOG_TEXT_SIZE];

	if (!type)
		type = "";
	log_info("message", "type=%s", log_text(text, event ? event : type, strlen(event ? event : type)));
	if (strcmp(type, "event") || !event)
		return pass_on(c, m, "message", "type", type);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		if (!strcmp(handlers[i].event, event))
			return handlers[i].take(c, m, event);
	return pass_on(c, m, "event", "event", event);
}
