/* media.c - downloads and judges media.  The checks themselves are verdict.c's. */
#include "media.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "fetch.h"
#include "people.h"
#include "push.h"
#include "sandbox.h"
#include "verdict.h"

enum { DOWNLOAD_MS = 10000, NO_DOWNLOAD = -1008 };

struct check {
	struct media *media;
	struct fetch *fetch;
	char *open_id, *trace_id;
	LIST_ENTRY(check) link;
};

struct media {
	struct sandbox *sb;
	LIST_HEAD(, check) checks;
	unsigned count;
};

struct media *media_new(struct sandbox *sb)
{
	struct media *media = mem_new(sizeof(*media));

	media->sb = sb;
	LIST_INIT(&media->checks);
	return media;
}

static void check_free(struct check *c)
{
	LIST_REMOVE(c, link);
	c->media->count--;
	free(c->open_id);
	free(c->trace_id);
	free(c);
}

void media_free(struct media *media)
{
	struct check *c, *next;

	if (!media)
		return;
	for (c = LIST_FIRST(&media->checks); c; c = next) {
		next = LIST_NEXT(c, link);
		fetch_cancel(c->fetch);
		check_free(c);
	}
	free(media);
}

static struct json_object *result_of(struct verdict v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "suggest", json_object_new_string(v.suggest));
	json_object_object_add(o, "label", json_object_new_int(v.label));
	return o;
}

static struct json_object *detail_of(struct verdict v)
{
	struct json_object *list = json_object_new_array(), *o = result_of(v);

	json_object_object_add(o, "strategy", json_object_new_string("content_model"));
	json_object_object_add(o, "errcode", json_object_new_int(0));
	json_object_object_add(o, "prob", json_object_new_int(90));
	json_object_array_add(list, o);
	return list;
}

static void report(struct media *media, const char *open_id, const char *trace_id, int errcode,
		   struct verdict v)
{
	struct json_object *o = push_event(media->sb->push, open_id, "wxa_media_check");

	json_object_object_add(o, "appid", json_object_new_string(media->sb->app_id));
	json_object_object_add(o, "trace_id", json_object_new_string(trace_id));
	json_object_object_add(o, "version", json_object_new_int(2));
	json_object_object_add(o, "errcode", json_object_new_int(errcode));
	json_object_object_add(o, "errmsg", json_object_new_string(
				       errcode == 0 ? "ok" : "download failed"));
	if (errcode == 0) {
		json_object_object_add(o, "result", result_of(v));
		json_object_object_add(o, "detail", detail_of(v));
	}
	push_send(media->sb->push, o, NULL, NULL);
}

static void on_download(void *arg, int status, const char *body, size_t len)
{
	struct check *c = arg;

	report(c->media, c->open_id, c->trace_id, status == 200 ? 0 : NO_DOWNLOAD,
	       verdict_of(body, len));
	check_free(c);
}

void media_check(struct media *media, const char *url, const char *open_id,
		 const char *trace_id)
{
	struct check *c;

	if (!fetch_allows(url)) {
		report(media, open_id, trace_id, 0, verdict_of(url, strlen(url)));
		return;
	}
	if (media->count >= SANDBOX_MAX_JOBS)
		return;
	c = mem_new(sizeof(*c));
	c->media = media;
	c->open_id = mem_copy(open_id);
	c->trace_id = mem_copy(trace_id);
	LIST_INSERT_HEAD(&media->checks, c, link);
	media->count++;
	c->fetch = fetch_start(media->sb->base, url, NULL, NULL, DOWNLOAD_MS, on_download, c);
}
