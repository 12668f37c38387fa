/* fault.c - the list of planned faults.  Knows their JSON; no HTTP and no clock. */
#include "fault.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "sandbox.h"

enum {
	MAX_MS = 600 * 1000,
	MAX_BYTES = 1 << 30,
	DEFAULT_HUGE_BYTES = 8 << 20,
	DEFAULT_SLOW_MS = 200
};

static const char *const kinds[] = {
	[FAULT_DELAY] = "delay",
	[FAULT_ERRCODE] = "errcode",
	[FAULT_STATUS] = "status",
	[FAULT_HANG] = "hang",
	[FAULT_CLOSE] = "close",
	[FAULT_GARBAGE] = "garbage",
	[FAULT_TRUNCATE] = "truncate",
	[FAULT_HUGE] = "huge",
	[FAULT_CTLCHARS] = "ctlchars",
	[FAULT_SLOWBODY] = "slowbody",
	[FAULT_WRONGTYPE] = "wrongtype",
};

struct plan {
	struct fault fault;
	char path[128];
	int64_t left;		/* requests it still applies to; < 0: all */
	STAILQ_ENTRY(plan) link;
};

struct faults {
	STAILQ_HEAD(, plan) plans;
	size_t count;
};

struct faults *faults_new(void)
{
	struct faults *faults = mem_new(sizeof(*faults));

	STAILQ_INIT(&faults->plans);
	return faults;
}

void faults_clear(struct faults *faults, const char *path)
{
	struct plan *p, *next;

	for (p = STAILQ_FIRST(&faults->plans); p; p = next) {
		next = STAILQ_NEXT(p, link);
		if (path && strcmp(p->path, path) != 0)
			continue;
		STAILQ_REMOVE(&faults->plans, p, plan, link);
		faults->count--;
		free(p);
	}
}

void faults_free(struct faults *faults)
{
	if (!faults)
		return;
	faults_clear(faults, NULL);
	free(faults);
}

/* False if the member is there and is not an integer from least to most. */
static bool read_number(struct json_object *spec, const char *name, int64_t least, int64_t most,
			int64_t *out)
{
	struct json_object *v;

	if (!json_object_object_get_ex(spec, name, &v))
		return true;
	if (!json_object_is_type(v, json_type_int))
		return false;
	*out = json_object_get_int64(v);
	return *out >= least && *out <= most;
}

/* False if the member is there and is not a string of fewer than size bytes. */
static bool read_text(struct json_object *spec, const char *name, char *out, size_t size)
{
	struct json_object *v;

	if (!json_object_object_get_ex(spec, name, &v))
		return true;
	if (!json_object_is_type(v, json_type_string))
		return false;
	return snprintf(out, size, "%s", json_object_get_string(v)) < (int)size;
}

static enum fault_kind read_kind(struct json_object *spec)
{
	struct json_object *v;

	if (json_object_object_get_ex(spec, "kind", &v) &&
	    json_object_is_type(v, json_type_string))
		for (size_t i = FAULT_DELAY; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!strcmp(json_object_get_string(v), kinds[i]))
				return (enum fault_kind)i;
	return FAULT_NONE;
}

static const char *read_plan(struct json_object *spec, struct plan *p)
{
	struct fault *f = &p->fault;
	int64_t errcode = -1, status = 502;
	struct json_object *v;

	f->kind = read_kind(spec);
	if (f->kind == FAULT_NONE)
		return "kind: one of delay, errcode, status, hang, close, garbage, truncate, "
		       "huge, ctlchars, slowbody, wrongtype";
	if (!read_text(spec, "path", p->path, sizeof(p->path)) || !*p->path)
		return "path: a path of this server, or *";
	f->ms = f->kind == FAULT_SLOWBODY ? DEFAULT_SLOW_MS : 0;
	f->bytes = f->kind == FAULT_SLOWBODY ? 1 : DEFAULT_HUGE_BYTES;
	p->left = -1;
	if (!read_number(spec, "ms", 0, MAX_MS, &f->ms))
		return "ms: 0 to 600000";
	if (!read_number(spec, "bytes", 1, MAX_BYTES, &f->bytes))
		return "bytes: 1 to 1073741824";
	if (!read_number(spec, "count", 1, INT32_MAX, &p->left))
		return "count: 1 or more; absent: until cleared";
	if (!read_number(spec, "errcode", INT32_MIN, INT32_MAX, &errcode))
		return "errcode: an integer";
	if (!read_number(spec, "status", 200, 599, &status))
		return "status: 200 to 599";
	if (!read_text(spec, f->kind == FAULT_STATUS ? "body" : "errmsg", f->text,
		       sizeof(f->text)))
		return "errmsg, body: a string of less than 256 bytes";
	f->errcode = (int)errcode;
	f->status = (int)status;
	f->raw = json_object_object_get_ex(spec, "raw", &v) && json_object_get_boolean(v);
	return NULL;
}

const char *faults_add(struct faults *faults, struct json_object *spec)
{
	struct plan *p = mem_new(sizeof(*p));
	const char *wrong = faults->count >= SANDBOX_MAX_FAULTS ? "too many faults"
								: read_plan(spec, p);

	if (wrong) {
		free(p);
		return wrong;
	}
	STAILQ_INSERT_TAIL(&faults->plans, p, link);
	faults->count++;
	return NULL;
}

struct fault faults_take(struct faults *faults, const char *path, bool is_server)
{
	struct fault found = { .kind = FAULT_NONE };
	struct plan *p;

	STAILQ_FOREACH(p, &faults->plans, link)
		if (!strcmp(p->path, path) || (is_server && !strcmp(p->path, "*")))
			break;
	if (!p)
		return found;
	found = p->fault;
	if (p->left > 0 && --p->left == 0) {
		STAILQ_REMOVE(&faults->plans, p, plan, link);
		faults->count--;
		free(p);
	}
	return found;
}

struct json_object *faults_list(const struct faults *faults)
{
	struct json_object *list = json_object_new_array();
	struct plan *p;

	STAILQ_FOREACH(p, &faults->plans, link) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "path", json_object_new_string(p->path));
		json_object_object_add(o, "kind", json_object_new_string(kinds[p->fault.kind]));
		if (p->left > 0)
			json_object_object_add(o, "left", json_object_new_int64(p->left));
		json_object_array_add(list, o);
	}
	return list;
}
