/* admin_gather.c - one mail a worker, which copies what its homes know; the last to answer sends the call home. */
#include "admin_gather.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "admin_api.h"
#include "home.h"
#include "server.h"
#include "worker.h"

struct part {
	struct mail mail;
	struct gather *gather;
	struct room_line *lines;
	size_t count;
	bool has_failed;
};

struct gather {
	struct call *call;
	atomic_uint left;		/* workers that have not answered */
	struct part *parts;
	unsigned part_count;
	struct room_line *lines;	/* of all, once taken */
};

void gather_free(struct gather *g)
{
	for (unsigned i = 0; i < g->part_count; i++)
		free(g->parts[i].lines);
	free(g->parts);
	free(g->lines);
	free(g);
}

/* In a worker's thread. */
static void part_run(struct mail *mail, void *owner)
{
	struct part *part = (struct part *)mail;
	struct gather *g = part->gather;
	struct worker *w = owner;
	struct map_entry *at = NULL, *entry;
	uint32_t pos = 0;

	part->lines = calloc(w->homes.count + 1u, sizeof(*part->lines));
	part->has_failed = part->lines == NULL;
	while (!part->has_failed && part->count < w->homes.count && (entry = map_next(&w->homes, &pos, &at)) != NULL) {
		const struct home *h = (const struct home *)entry;
		struct room_line *line = &part->lines[part->count];

		if (h->presence.users == 0)
			continue;
		memcpy(line->name, h->name, sizeof(line->name));
		line->users = h->presence.users;
		line->connections = h->members_all;
		line->last = h->last;
		part->count++;
	}
	if (atomic_fetch_sub(&g->left, 1) == 1)
		api_post(g->call->api, &g->call->mail);
}

void gather_rooms(struct call *call, void (*then)(struct call *call))
{
	struct server *s = call->api->server;
	struct gather *g = calloc(1, sizeof(*g));

	if (g == NULL || (g->parts = calloc(s->worker_count, sizeof(*g->parts))) == NULL) {
		free(g);
		call_fail(call, ERR_STORE, "out of memory");
		return;
	}
	g->call = call;
	g->part_count = s->worker_count;
	call->gather = g;
	call->then = then;
	atomic_init(&g->left, g->part_count);
	for (unsigned i = 0; i < g->part_count; i++) {
		g->parts[i].mail.run = part_run;
		g->parts[i].gather = g;
		worker_post(&s->workers[i], &g->parts[i].mail);
	}
}

static int by_users(const void *a, const void *b)
{
	const struct room_line *x = a, *y = b;

	if (x->users != y->users)
		return x->users < y->users ? 1 : -1;
	return strcmp(x->name, y->name);
}

bool gather_take(struct call *call, const struct room_line **lines, size_t *count)
{
	struct gather *g = call->gather;
	size_t total = 0;
	bool has_failed = false;

	for (unsigned i = 0; i < g->part_count; i++) {
		total += g->parts[i].count;
		has_failed |= g->parts[i].has_failed;
	}
	g->lines = has_failed ? NULL : calloc(total + 1, sizeof(*g->lines));
	if (g->lines == NULL) {
		gather_free(g);
		call_fail(call, ERR_STORE, "out of memory");
		return false;
	}
	*count = 0;
	for (unsigned i = 0; i < g->part_count; i++) {
		if (g->parts[i].count > 0)
			memcpy(g->lines + *count, g->parts[i].lines, g->parts[i].count * sizeof(*g->lines));
		*count += g->parts[i].count;
	}
	qsort(g->lines, *count, sizeof(*g->lines), by_users);
	*lines = g->lines;
	return true;
}
