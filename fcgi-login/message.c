/* message.c - the route message: WeChat's message push to our server, plain, compatible and safe mode, JSON and XML. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "event.h"
#include "log.h"
#include "pushcrypt.h"
#include "query.h"
#include "routes.h"
#include "utf8.h"
#include "xml.h"

enum { FIELD_MAX = 256, ECHO_MAX = 4096, REPLAY_S = 3600 };

struct push_query {
	char signature[FIELD_MAX], timestamp[FIELD_MAX], nonce[FIELD_MAX];
};

static bool query_text(const struct call *c, const char *name, char out[static FIELD_MAX])
{
	return query_get(c->rq->query, c->rq->query_len, name, out, FIELD_MAX) > 0;
}

static bool query_read(const struct call *c, struct push_query *q)
{
	return query_text(c, "timestamp", q->timestamp) && query_text(c, "nonce", q->nonce);
}

/* GET: WeChat's console asks whether this is our server. */
static enum error message_verify(struct call *c)
{
	struct push_query q;
	char echo[ECHO_MAX + 1];

	if (!query_read(c, &q) || !query_text(c, "signature", q.signature) ||
	    query_get(c->rq->query, c->rq->query_len, "echostr", echo, sizeof(echo)) <= 0)
		return call_fail(c, ERR_BAD_REQUEST, "signature, timestamp, nonce and echostr are wanted");
	if (!pushcrypt_signed(c->config->wechat.message_token, q.timestamp, q.nonce, NULL, q.signature))
		return call_fail(c, ERR_BAD_SIGNATURE, "the signature is not made with our token");
	c->answer.type = "text/plain; charset=utf-8";
	return buf_adds(&c->answer.body, echo) == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}

static struct json_object *parse_either(const char *text, size_t len)
{
	size_t mark = utf8_mark(text, len), blank;

	text += mark;
	len -= mark;
	blank = strspn(text, " \t\r\n");
	return blank < len && text[blank] == '<' ? xml_parse(text, len) : json_parse_lenient(text, len);
}

/* Decrypts the "Encrypt" of *m, puts *m and replaces it. */
static enum error message_decrypt(struct call *c, const struct push_query *q, struct json_object **m)
{
	struct buf plain = BUF_INIT;
	const char *encrypted = json_text(*m, "Encrypt", NULL);
	char signature[FIELD_MAX];
	int r;

	if (!query_text(c, "msg_signature", signature) ||
	    !pushcrypt_signed(c->config->wechat.message_token, q->timestamp, q->nonce, encrypted, signature))
		return call_fail(c, ERR_BAD_SIGNATURE, "msg_signature is not made with our token");
	r = pushcrypt_open(c->settings->push_key, c->config->wechat.app_id, encrypted, &plain);
	if (r == 0) {
		json_object_put(*m);
		*m = parse_either(plain.data ? plain.data : "", plain.len);
	}
	buf_wipe(&plain);
	return r == 0 && *m ? ERR_NONE : ERR_BAD_ENCRYPTED_DATA;
}

/* Where both are set, what is encrypted counts: compatible mode sends the message in both forms. */
static enum error message_open(struct call *c, struct push_query *q, struct json_object **m)
{
	bool is_encrypted = json_text(*m, "Encrypt", NULL) != NULL;

	if (is_encrypted && c->settings->has_push_key)
		return message_decrypt(c, q, m);
	if (is_encrypted && !json_truthy(*m, "MsgType"))
		return call_fail(c, ERR_BAD_ENCRYPTED_DATA, "the message is encrypted, and message_aes_key is not set");
	/* The signature of a plain message does not cover its body: who has seen a URL could use it for another one. */
	if (!strcmp(c->config->wechat.message_mode, "safe"))
		return call_fail(c, ERR_BAD_SIGNATURE, "message_mode is safe, and the message is not encrypted");
	if (!query_text(c, "signature", q->signature) ||
	    !pushcrypt_signed(c->config->wechat.message_token, q->timestamp, q->nonce, NULL, q->signature))
		return call_fail(c, ERR_BAD_SIGNATURE, "the signature is not made with our token");
	return ERR_NONE;
}

/* What tells one message from another: of messages the id, of events who, when and about what. */
static int message_key(struct json_object *m, struct buf *key)
{
	const char *from = json_text(m, "FromUserName", NULL), *event = json_text(m, "Event", NULL);
	const char *trace = json_text(m, "trace_id", NULL), *about = json_text(m, "OpenID", NULL);
	struct json_object *id;
	int64_t made;
	int r;

	if (json_object_object_get_ex(m, "MsgId", &id) && id)
		return buf_addf(key, "message %s", json_object_get_string(id));
	if (from && json_int(m, "CreateTime", &made))
		return buf_addf(key, "event %s %lld %s %s %s", from, (long long)made, event ? event : "",
				trace ? trace : "", about ? about : "");
	r = buf_adds(key, "other ");
	return r == 0 ? json_add(key, m) : r;
}

/* Retries of WeChat and replays of others: the same words, or the same event, are heard once.  They are marked when the
 * message has been kept, not before: of one that could not be, WeChat's next attempt must be heard. */
static int message_hear(struct call *c, const struct push_query *q, struct json_object *m, bool *seen)
{
	struct buf words = BUF_INIT, key = BUF_INIT;
	bool ignored;
	int r;

	r = buf_addf(&words, "push %s %s", q->timestamp, q->nonce);
	if (r == 0)
		r = message_key(m, &key);
	if (r == 0)
		r = store_seen_before(c->store, words.data, c->now_ms, seen);
	if (r == 0 && !*seen)
		r = store_seen_before(c->store, key.data, c->now_ms, seen);
	if (r == 0 && !*seen && (r = event_take(c, m)) == 0 &&
	    (r = store_seen(c->store, key.data, REPLAY_S, c->now_ms, &ignored)) == 0)
		r = store_seen(c->store, words.data, REPLAY_S, c->now_ms, &ignored);
	buf_free(&words);
	buf_free(&key);
	return r;
}

static enum error message_take(struct call *c, struct push_query *q, struct json_object **m)
{
	bool seen = false;
	enum error e;
	int r;

	if ((e = message_open(c, q, m)) != ERR_NONE)
		return e;
	r = message_hear(c, q, *m, &seen);
	if (r < 0)
		return call_store_failed(c, "event", r);	/* WeChat tells it again */
	audit_count(&c->service->audit, COUNT_MESSAGE, !seen);
	c->answer.type = "text/plain; charset=utf-8";
	return buf_adds(&c->answer.body, "success") == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}

static enum error message_post(struct call *c)
{
	struct buf body = BUF_INIT;
	struct json_object *m = NULL;
	struct push_query q;
	enum error e;
	int r;

	if (!query_read(c, &q))
		return call_fail(c, ERR_BAD_REQUEST, "timestamp and nonce are wanted");
	r = request_body(c->rq, &body, (size_t)c->config->login.max_body_kb << 10);
	if (r == -EMSGSIZE)
		e = ERR_TOO_LARGE;
	else if (r < 0)
		e = call_fail(c, ERR_BAD_REQUEST, "the body was cut short");
	else if (!(m = parse_either(buf_str(&body), body.len)))
		e = call_fail(c, ERR_BAD_REQUEST, "the body is neither a JSON object nor an XML message");
	else
		e = message_take(c, &q, &m);
	json_object_put(m);
	buf_wipe(&body);
	return e;
}

enum error route_message(struct call *c)
{
	enum error e;

	if (!*c->config->wechat.message_token)
		return call_fail(c, ERR_NOT_FOUND, "the message push is not set up: message_token is missing");
	e = strcmp(c->rq->method, "POST") ? message_verify(c) : message_post(c);
	if (e != ERR_NONE)
		audit_line("message", "", c->address, error_name(e), clock_mono_us() - c->began_us);
	return e;
}
