/* api_safety.c - WeChat's content check, of texts at once and of media later. */
#include "api.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api_common.h"
#include "exchange.h"
#include "journal.h"
#include "media.h"
#include "people.h"
#include "sandbox.h"
#include "template.h"
#include "verdict.h"

enum { VISIT_MS = 2 * 3600 * 1000, MAX_CONTENT = 2500, TRACE_LEN = 8 + 1 + 16 };

static int number(const struct exchange *ex, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(exchange_body(ex), name, &v) &&
	       json_object_is_type(v, json_type_int) ? json_object_get_int(v) : -1;
}

/* 0, or the errcode for the scene or for an openid that has not been here lately. */
static int check_visitor(struct sandbox *sb, struct exchange *ex, struct person **who)
{
	const char *open_id = exchange_text(ex, "openid");
	int scene = number(ex, "scene");

	if (scene < 1 || scene > 4)
		return 40129;
	*who = open_id ? people_by_open_id(sb->people, open_id) : NULL;
	if (!*who)
		return 40003;
	return exchange_now(ex) - (*who)->seen_ms < VISIT_MS ? 0 : 61010;
}

static void make_trace(const struct exchange *ex, char out[static TRACE_LEN + 1])
{
	char tail[17];

	seal_random_text(tail, 16);
	snprintf(out, TRACE_LEN + 1, "%08x-%s", (unsigned)(exchange_now(ex) / 1000), tail);
}

/* An answer with errcode 0 and a trace_id to begin with. */
static struct json_object *traced(const struct exchange *ex, char trace[static TRACE_LEN + 1])
{
	struct json_object *o = json_object_new_object();

	make_trace(ex, trace);
	json_object_object_add(o, "errcode", json_object_new_int(0));
	json_object_object_add(o, "errmsg", json_object_new_string("ok"));
	json_object_object_add(o, "trace_id", json_object_new_string(trace));
	return o;
}

/* The worst that any of the texts in the request deserves. */
static struct verdict judge(const struct exchange *ex)
{
	static const char *const texts[] = { "content", "title", "nickname", "signature" };
	struct verdict worst = { "pass", 100 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *text = exchange_text(ex, texts[i]);
		struct verdict v = text ? verdict_of(text, strlen(text)) : worst;

		if (!strcmp(v.suggest, "risky"))
			return v;
		if (!strcmp(v.suggest, "review"))
			worst = v;
	}
	return worst;
}

static struct json_object *strategy(const char *name, struct verdict v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "strategy", json_object_new_string(name));
	json_object_object_add(o, "errcode", json_object_new_int(0));
	json_object_object_add(o, "suggest", json_object_new_string(v.suggest));
	json_object_object_add(o, "label", json_object_new_int(v.label));
	json_object_object_add(o, "prob", json_object_new_int(90));
	return o;
}

void api_text_check(struct sandbox *sb, struct exchange *ex)
{
	const char *content = exchange_text(ex, "content");
	struct json_object *o, *result, *detail;
	char trace[TRACE_LEN + 1];
	struct person *who;
	struct verdict v;
	int r = api_check_token(sb, ex);

	if (r == 0)
		r = api_check_body(ex);
	if (r == 0 && (!content || !*content))
		r = 44002;
	if (r == 0 && template_characters(content) > MAX_CONTENT)
		r = 45002;
	if (r == 0 && number(ex, "version") == 2)
		r = check_visitor(sb, ex, &who);
	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	v = judge(ex);
	if (number(ex, "version") != 2) {	/* the interface of before 2021 */
		exchange_errcode(ex, strcmp(v.suggest, "risky") ? 0 : 87014, NULL);
		return;
	}
	o = traced(ex, trace);
	result = json_object_new_object();
	json_object_object_add(result, "suggest", json_object_new_string(v.suggest));
	json_object_object_add(result, "label", json_object_new_int(v.label));
	json_object_object_add(o, "result", result);
	detail = json_object_new_array();
	json_object_array_add(detail, strategy("content_model", v));
	json_object_object_add(o, "detail", detail);
	exchange_answer(ex, o);
}

void api_media_check(struct sandbox *sb, struct exchange *ex)
{
	const char *url = exchange_text(ex, "media_url");
	int type = number(ex, "media_type");
	char trace[TRACE_LEN + 1];
	struct json_object *o, *noted;
	struct person *who;
	int r = api_check_token(sb, ex);

	if (r == 0)
		r = api_check_body(ex);
	if (r == 0 && (!url || (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))))
		r = 40097;
	if (r == 0 && type != 1 && type != 2)
		r = 40004;
	if (r == 0)
		r = check_visitor(sb, ex, &who);
	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	o = traced(ex, trace);
	noted = json_object_new_object();
	json_object_object_add(noted, "media_url", json_object_new_string(url));
	json_object_object_add(noted, "media_type", json_object_new_int(type));
	json_object_object_add(noted, "openid", json_object_new_string(who->open_id));
	json_object_object_add(noted, "trace_id", json_object_new_string(trace));
	json_object_object_add(noted, "time", json_object_new_int64(exchange_now(ex)));
	journal_sent(sb->journal, JOURNAL_MEDIA, noted);
	media_check(sb->media, url, who->open_id, trace);
	exchange_answer(ex, o);
}
