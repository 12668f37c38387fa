/* webhook.c - the words that are exchanged with the owner's backend.  No threads, no queue: those are in
 * webhook_report.c. */
#include "webhook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "encode.h"
#include "fields.h"
#include "json.h"
#include "jsontext.h"
#include "request_head.h"
#include "utf8.h"

const char *webhook_event_name(enum hook_event kind)
{
	static const char *const names[HOOK_EVENTS] = {
		[HOOK_OCCUPIED] = "occupied", [HOOK_VACATED] = "vacated", [HOOK_JOIN] = "join",
		[HOOK_LEAVE] = "leave", [HOOK_MESSAGE] = "message",
	};

	return names[kind];
}

int webhook_sign(const char *secret, int64_t time_s, const char *body, size_t len,
		 char out[static WEBHOOK_SIGNATURE_SIZE])
{
	static const char scheme[] = "sha256=";
	char time[24];
	struct span parts[] = { { time, 0 }, { ".", 1 }, { body, len } };
	uint8_t mac[SHA256_LEN];
	int r;

	parts[0].len = (size_t)snprintf(time, sizeof(time), "%" PRId64, time_s);
	if ((r = crypto_hmac_sha256(secret, strlen(secret), parts, 3, mac)) < 0)
		return r;
	memcpy(out, scheme, sizeof(scheme));
	hex_encode(mac, sizeof(mac), out + sizeof(scheme) - 1);
	return 0;
}

int webhook_event(struct buf *out, enum hook_event kind, const char *room, const struct uid *uid, uint64_t id,
		  int64_t time_ms, const char *text, size_t len)
{
	char name[UID_LEN + 1];
	size_t start = out->len;
	int r;

	if ((r = buf_addf(out, "{\"event\":\"%s\",\"room\":", webhook_event_name(kind))) < 0 ||
	    (r = json_quote(out, room, strlen(room))) < 0 ||
	    (r = buf_addf(out, ",\"time\":%" PRId64, time_ms)) < 0)
		goto fail;
	if (uid != NULL) {
		uid_text(uid, name);
		if ((r = buf_addf(out, ",\"uid\":\"%s\"", name)) < 0)
			goto fail;
	}
	if (kind == HOOK_MESSAGE) {
		if ((r = buf_addf(out, ",\"id\":%" PRIu64 ",\"message\":", id)) < 0 ||
		    (r = fields_object(out, text, len)) < 0)
			goto fail;
	}
	if ((r = buf_add(out, "}", 1)) == 0)
		return 0;
fail:
	buf_cut(out, start);
	return r;
}

int webhook_question(struct buf *out, const struct ask *ask)
{
	char name[UID_LEN + 1];
	int r;

	uid_text(&ask->uid, name);
	if ((r = buf_adds(out, "{\"type\":\"message\",\"room\":")) < 0 ||
	    (r = json_quote(out, ask->room, strlen(ask->room))) < 0 ||
	    (r = buf_addf(out, ",\"uid\":\"%s\",\"message\":", name)) < 0 ||
	    (r = fields_object(out, ask->text, ask->text_len)) < 0)
		return r;
	return buf_add(out, "}", 1);
}

int webhook_verdict(const char *body, size_t len, char why[static WEBHOOK_WHY_SIZE])
{
	struct json_object *o, *allow;
	const char *text;
	size_t n = 0;
	int verdict = WEBHOOK_ALLOW;

	why[0] = '\0';
	if (len == 0)
		return WEBHOOK_ALLOW;
	if ((o = json_parse(body, len)) == NULL)
		return jsontext_object(body, len, NULL, 0) == -ELOOP ? -EMSGSIZE : -EPROTO;
	if (json_object_object_get_ex(o, "allow", &allow) && !json_truthy(o, "allow")) {
		verdict = WEBHOOK_REFUSE;
		if ((text = json_text(o, "message", &n)) != NULL) {
			while (n >= WEBHOOK_WHY_SIZE || !utf8_valid(text, n))
				n = n >= WEBHOOK_WHY_SIZE ? WEBHOOK_WHY_SIZE - 1 : n - 1;
			memcpy(why, text, n);
			why[n] = '\0';
		}
	} else if (json_object_object_get_ex(o, "replace", NULL)) {
		verdict = json_member(o, "replace") != NULL ? WEBHOOK_REPLACE : -EPROTO;
	}
	json_object_put(o);
	return verdict;
}

/* Appends what only the client and the server say of a message: a rewritten one keeps it. */
static int kept_add(struct buf *out, const struct jsontext_member *m)
{
	static const char *const kept[] = { "cid", "room", "uid", "nickName", "avatarUrl", NULL };

	return member_is_among(m, kept) ? member_add(out, m) : 0;
}

/* Appends what the backend may say of one. */
static int given_add(struct buf *out, const struct jsontext_member *m)
{
	return member_is(m, "cid") || member_is_among(m, fields_reserved) ? 0 : member_add(out, m);
}

static int members_copy(struct buf *out, const struct buf *object,
			int (*add)(struct buf *out, const struct jsontext_member *m))
{
	struct members members;
	int r = members_read(&members, object->data, object->len);

	if (r < 0 && r != -ENOMEM)
		r = -EPROTO;
	for (size_t i = 0; i < members.count && r == 0; i++)
		r = add(out, &members.list[i]);
	members_fini(&members);
	return r;
}

static char *copy_words(const char *object, size_t len, int *error)
{
	struct json_object *o = json_parse(object, len);
	const char *content;
	char *words = NULL;
	size_t n;

	*error = o == NULL ? -EPROTO : 0;
	if (o != NULL && (content = json_text(o, "content", &n)) != NULL && (words = strdup(content)) == NULL)
		*error = -ENOMEM;
	json_object_put(o);
	return words;
}

int webhook_rewrite(struct ask *ask, const char *body, size_t len, size_t max)
{
	struct json_object *answer = json_parse(body, len), *replace;
	struct buf object = BUF_LIMIT(max), text = BUF_INIT, old = BUF_INIT;
	char *words = NULL;
	int r = -EPROTO;

	if (answer == NULL || (replace = json_member(answer, "replace")) == NULL)
		goto out;
	if ((r = json_add(&object, replace)) < 0 || (r = fields_object(&old, ask->text, ask->text_len)) < 0)
		goto out;
	if ((r = members_copy(&text, &object, given_add)) < 0 || (r = members_copy(&text, &old, kept_add)) < 0)
		goto out;
	words = copy_words(object.data, object.len, &r);
	if (r < 0)
		goto out;
	free(ask->text);
	free(ask->words);
	ask->text = text.data;
	ask->text_len = text.len;
	ask->words = words;
	text = (struct buf)BUF_INIT;
out:
	json_object_put(answer);
	buf_free(&object);
	buf_free(&old);
	buf_free(&text);
	return r;
}

enum error webhook_ask(struct http *http, const struct config *config, struct ask *ask,
		       char why[static WEBHOOK_WHY_SIZE], bool *failed)
{
	struct http_answer answer = { .body = BUF_INIT };
	struct buf question = BUF_INIT;
	enum error e = ERR_NONE;
	int r;

	if ((r = webhook_question(&question, ask)) == 0)
		r = webhook_send(http, config, (unsigned)config->webhook.timeout_ms, question.data, question.len, &answer);
	if (r == 0)
		r = webhook_verdict(buf_str(&answer.body), answer.body.len, why);
	if (r == WEBHOOK_REPLACE)
		r = webhook_rewrite(ask, answer.body.data, answer.body.len, (size_t)config->push.max_message_kb << 10);
	if (r == WEBHOOK_REFUSE) {
		e = ERR_FORBIDDEN;
	} else if (r == -EMSGSIZE) {	/* of the client's making, perhaps: no way past the backend, nor to have it left alone */
		e = ERR_TOO_LARGE;
		snprintf(why, WEBHOOK_WHY_SIZE, "what it was to be replaced by is too large");
	} else if (r == -ENOMEM) {
		e = ERR_STORE;
	}
	*failed = r < 0 && e == ERR_NONE;
	buf_free(&question);
	buf_free(&answer.body);
	return e;
}

/* An answer may hold the message once more, with each byte written as \u00XX. */
static size_t answer_max(const struct config *config)
{
	size_t max = ((size_t)config->push.max_message_kb << 10) * 6 + (256 << 10);

	return max < BUF_MAX ? max : BUF_MAX;
}

int webhook_send(struct http *http, const struct config *config, unsigned timeout_ms, const char *body, size_t len,
		 struct http_answer *answer)
{
	char signature[WEBHOOK_SIGNATURE_SIZE], signed_line[40 + sizeof(signature)], time_line[64];
	const char *headers[] = { "Content-Type: application/json", time_line, signed_line, NULL };
	int64_t now_s = clock_wall_ms() / 1000;
	int r;

	if ((r = webhook_sign(config->webhook.secret, now_s, body, len, signature)) < 0)
		return r;
	snprintf(signed_line, sizeof(signed_line), "X-Wxchat-Signature: %s", signature);
	snprintf(time_line, sizeof(time_line), "X-Wxchat-Timestamp: %" PRId64, now_s);
	r = http_perform(http, &(struct http_request){
			.method = "POST", .url = config->webhook.url, .headers = headers,
			.body = body, .body_len = len,
			.timeout_ms = timeout_ms, .max_answer = answer_max(config), .allow_plain = true,
		}, answer);
	if (r == 0 && (answer->status < 200 || answer->status > 299))
		r = -EPROTO;
	return r;
}
