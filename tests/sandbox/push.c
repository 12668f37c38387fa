/* push.c - signs, wraps and sends messages, and tries again.  What is in them, others know. */
#include "push.h"

#include <event2/http.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "fetch.h"
#include "journal.h"
#include "sandbox.h"
#include "seal.h"
#include "xml.h"

enum {
	ATTEMPTS = 3,
	DEFAULT_TIMEOUT_MS = 5000,
	MAX_TIMEOUT_MS = 60000
};

enum mode { MODE_PLAIN, MODE_COMPATIBLE, MODE_SAFE };

struct settings {
	char *url, *token, *aes_key;	/* aes_key NULL unless the mode needs it */
	enum mode mode;
	bool is_xml;
	int timeout_ms;
};

struct push {
	struct sandbox *sb;
	struct settings set;
	LIST_HEAD(, job) jobs;
	unsigned job_count;
};

struct job {
	struct push *push;
	struct json_object *message;	/* NULL: a verification */
	char echo[20];
	int attempt;
	struct fetch *fetch;
	push_done *done;
	void *arg;
	LIST_ENTRY(job) link;
};

struct push *push_new(struct sandbox *sb)
{
	struct push *push = mem_new(sizeof(*push));

	push->sb = sb;
	push->set.token = mem_copy("");
	push->set.timeout_ms = DEFAULT_TIMEOUT_MS;
	LIST_INIT(&push->jobs);
	return push;
}

static void settings_fini(struct settings *set)
{
	free(set->url);
	free(set->token);
	free(set->aes_key);
}

static void job_end(struct job *job, int status, const char *body)
{
	bool accepted = status == 200 && (job->message || !strcmp(body, job->echo));

	LIST_REMOVE(job, link);
	job->push->job_count--;
	if (job->done)
		job->done(job->arg, accepted, status, body);
	json_object_put(job->message);
	free(job);
}

void push_free(struct push *push)
{
	struct job *job, *next;

	if (!push)
		return;
	for (job = LIST_FIRST(&push->jobs); job; job = next) {
		next = LIST_NEXT(job, link);
		fetch_cancel(job->fetch);
		job_end(job, 0, "");
	}
	settings_fini(&push->set);
	free(push);
}

static const char *member(struct json_object *spec, const char *name, const char *fallback)
{
	struct json_object *v;

	if (!json_object_object_get_ex(spec, name, &v))
		return fallback;
	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

const char *push_configure(struct push *push, struct json_object *spec)
{
	const char *url = member(spec, "url", push->set.url);
	const char *token = member(spec, "token", push->set.token);
	const char *key = member(spec, "aesKey", push->set.aes_key);
	const char *mode = member(spec, "mode", key && *key ? "safe" : "plain");
	const char *format = member(spec, "format", push->set.is_xml ? "xml" : "json");
	int timeout_ms = push->set.timeout_ms;
	struct settings set;
	struct json_object *v;
	char *trial;

	if (json_object_object_get_ex(spec, "timeout", &v))
		timeout_ms = json_object_get_int(v);
	if (!url || !fetch_allows(url))
		return "url: http to 127.0.0.1 or localhost";
	if (!token)
		return "token: a string";
	if (!mode || (strcmp(mode, "plain") != 0 && strcmp(mode, "compatible") != 0 &&
		      strcmp(mode, "safe") != 0))
		return "mode: plain, compatible, safe";
	if (!format || (strcmp(format, "json") != 0 && strcmp(format, "xml") != 0))
		return "format: json, xml";
	if (timeout_ms < 1 || timeout_ms > MAX_TIMEOUT_MS)
		return "timeout: 1 to 60000 ms";
	if (strcmp(mode, "plain") != 0) {
		trial = key ? seal_push(key, "", push->sb->app_id) : NULL;
		free(trial);
		if (!trial)
			return "aesKey: 43 characters of base64";
	}
	set.url = mem_copy(url);
	set.token = mem_copy(token);
	set.aes_key = strcmp(mode, "plain") != 0 ? mem_copy(key) : NULL;
	set.mode = !strcmp(mode, "plain") ? MODE_PLAIN
		 : !strcmp(mode, "safe") ? MODE_SAFE : MODE_COMPATIBLE;
	set.is_xml = !strcmp(format, "xml");
	set.timeout_ms = timeout_ms;
	settings_fini(&push->set);
	push->set = set;
	return NULL;
}

bool push_is_on(const struct push *push)
{
	return push->set.url != NULL;
}

struct json_object *push_event(const struct push *push, const char *open_id, const char *event)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ToUserName", json_object_new_string("gh_0123456789ab"));
	json_object_object_add(o, "FromUserName", json_object_new_string(open_id));
	json_object_object_add(o, "CreateTime",
			       json_object_new_int64(sandbox_now(push->sb) / 1000));
	json_object_object_add(o, "MsgType", json_object_new_string("event"));
	json_object_object_add(o, "Event", json_object_new_string(event));
	return o;
}

/* The message in the format that is set; free() it. */
static char *render(const struct push *push, struct json_object *o)
{
	if (push->set.is_xml)
		return xml_of(o);
	return mem_copy(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* What is sent for the message, and in *sealed its Encrypt (NULL in plain mode); free() both. */
static char *wrap(const struct push *push, struct json_object *message, char **sealed)
{
	char *plain = render(push, message), *body;
	struct json_object *outer, *to;

	*sealed = NULL;
	if (push->set.mode == MODE_PLAIN)
		return plain;
	*sealed = seal_push(push->set.aes_key, plain, push->sb->app_id);
	free(plain);
	outer = json_object_new_object();
	if (push->set.mode == MODE_COMPATIBLE) {
		json_object_object_foreach(message, name, value)
			json_object_object_add(outer, name, json_object_get(value));
	} else if (json_object_object_get_ex(message, "ToUserName", &to)) {
		json_object_object_add(outer, "ToUserName", json_object_get(to));
	}
	json_object_object_add(outer, "Encrypt", json_object_new_string(*sealed));
	body = render(push, outer);
	json_object_put(outer);
	return body;
}

/* The URL with timestamp, nonce and signatures behind it; free() it. */
static char *signed_url(const struct job *job, const char *sealed)
{
	const struct settings *set = &job->push->set;
	char stamp[24], nonce[12], signature[SEAL_SHA1_HEX], with_body[SEAL_SHA1_HEX];
	const char *parts[4] = { set->token, stamp, nonce, sealed };
	char *url, *longer;

	snprintf(stamp, sizeof(stamp), "%lld",
		 (long long)(sandbox_now(job->push->sb) / 1000));
	seal_random_text(nonce, 10);
	if (sealed)
		seal_push_signature(parts, 4, with_body);
	parts[0] = set->token, parts[1] = stamp, parts[2] = nonce;
	seal_push_signature(parts, 3, signature);
	url = mem_format("%s%csignature=%s&timestamp=%s&nonce=%s", set->url,
			 strchr(set->url, '?') ? '&' : '?', signature, stamp, nonce);
	if (!sealed && job->message)
		return url;
	if (sealed)
		longer = mem_format("%s&encrypt_type=aes&msg_signature=%s", url, with_body);
	else
		longer = mem_format("%s&echostr=%s", url, job->echo);
	free(url);
	return longer;
}

static void on_answer(void *arg, int status, const char *body, size_t len);

static void attempt(struct job *job)
{
	struct push *push = job->push;
	char *sealed = NULL, *body = NULL, *url;

	if (job->message)
		body = wrap(push, job->message, &sealed);
	url = signed_url(job, sealed);
	job->attempt++;
	job->fetch = fetch_start(push->sb->base, url,
				 push->set.is_xml ? "text/xml" : "application/json", body,
				 push->set.timeout_ms, on_answer, job);
	free(url);
	free(body);
	free(sealed);
}

static void note(const struct job *job, int status, const char *body)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "message", job->message ? json_object_get(job->message)
							  : json_object_new_string("verify"));
	json_object_object_add(o, "attempt", json_object_new_int(job->attempt));
	json_object_object_add(o, "status", json_object_new_int(status));
	json_object_object_add(o, "answer", json_object_new_string_len(
				       body, (int)strnlen(body, 200)));
	json_object_object_add(o, "time", json_object_new_int64(sandbox_now(job->push->sb)));
	journal_sent(job->push->sb->journal, JOURNAL_PUSH, o);
}

static void on_answer(void *arg, int status, const char *body, size_t len)
{
	struct job *job = arg;

	(void)len;
	note(job, status, body);
	if (job->message && status != 200 && job->attempt < ATTEMPTS)
		attempt(job);
	else
		job_end(job, status, body);
}

/* Begins a push, of the message (taken) or, if it is NULL, of a verification. */
static void start(struct push *push, struct json_object *message, push_done *done, void *arg)
{
	struct job *job;

	if (!push_is_on(push) || push->job_count >= SANDBOX_MAX_JOBS) {
		json_object_put(message);
		if (done)
			done(arg, false, 0, "");
		return;
	}
	job = mem_new(sizeof(*job));
	job->push = push;
	job->message = message;
	job->done = done;
	job->arg = arg;
	seal_random_text(job->echo, sizeof(job->echo) - 1);
	LIST_INSERT_HEAD(&push->jobs, job, link);
	push->job_count++;
	attempt(job);
}

void push_send(struct push *push, struct json_object *message, push_done *done, void *arg)
{
	start(push, message, done, arg);
}

void push_verify(struct push *push, push_done *done, void *arg)
{
	start(push, NULL, done, arg);
}
