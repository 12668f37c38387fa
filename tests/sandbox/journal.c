/* journal.c - a ring of requests, a count by path, and three short lists.  No values of
 * parameters are ever copied in here. */
#include "journal.h"

#include <event2/keyvalq_struct.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

enum { MAX_PATHS = 64 };	/* more than there are routes */

struct line {
	const char *method, *path;
	char keys[160];		/* names of the query's parameters, with blanks between */
	int64_t time_ms;
};

struct journal {
	struct line lines[SANDBOX_MAX_LOG];
	uint64_t written;	/* lines ever; the newest is at (written - 1) % SANDBOX_MAX_LOG */
	struct {
		const char *path;
		int64_t n;
	} counts[MAX_PATHS];
	struct json_object *sent[JOURNAL_KINDS];
};

static const char *const kind_names[] = {
	[JOURNAL_SUBSCRIBE] = "subscribe",
	[JOURNAL_MEDIA] = "mediaChecks",
	[JOURNAL_PUSH] = "pushes",
};

struct journal *journal_new(void)
{
	struct journal *journal = mem_new(sizeof(*journal));

	for (size_t i = 0; i < JOURNAL_KINDS; i++)
		journal->sent[i] = json_object_new_array();
	return journal;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	for (size_t i = 0; i < JOURNAL_KINDS; i++)
		json_object_put(journal->sent[i]);
	free(journal);
}

void journal_request(struct journal *journal, const char *method, const char *path,
		     const struct evkeyvalq *query, int64_t now_ms)
{
	struct line *line = &journal->lines[journal->written++ % SANDBOX_MAX_LOG];
	const struct evkeyval *kv;
	size_t used = 0, i = 0;

	line->method = method;
	line->path = path;
	line->time_ms = now_ms;
	line->keys[0] = '\0';
	TAILQ_FOREACH(kv, query, next) {
		size_t len = strlen(kv->key);

		if (len >= sizeof(line->keys) - used - 1)
			break;
		if (used)
			line->keys[used++] = ' ';
		memcpy(line->keys + used, kv->key, len + 1);
		used += len;
	}
	while (i < MAX_PATHS - 1 && journal->counts[i].path && journal->counts[i].path != path)
		i++;
	journal->counts[i].path = path;
	journal->counts[i].n++;
}

void journal_sent(struct journal *journal, enum journal_kind kind, struct json_object *what)
{
	if (json_object_array_length(journal->sent[kind]) >= SANDBOX_MAX_SENT)
		json_object_array_del_idx(journal->sent[kind], 0, 1);
	json_object_array_add(journal->sent[kind], what);
}

static struct json_object *split_keys(const char *keys)
{
	struct json_object *list = json_object_new_array();

	while (*keys) {
		size_t len = strcspn(keys, " ");

		json_object_array_add(list, json_object_new_string_len(keys, (int)len));
		keys += len + (keys[len] == ' ');
	}
	return list;
}

struct json_object *journal_log(const struct journal *journal)
{
	struct json_object *log = json_object_new_object(), *requests = json_object_new_array();
	struct json_object *counts = json_object_new_object();
	uint64_t i = journal->written > SANDBOX_MAX_LOG ? journal->written - SANDBOX_MAX_LOG : 0;

	for (; i < journal->written; i++) {
		const struct line *line = &journal->lines[i % SANDBOX_MAX_LOG];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "method", json_object_new_string(line->method));
		json_object_object_add(o, "path", json_object_new_string(line->path));
		json_object_object_add(o, "query", split_keys(line->keys));
		json_object_object_add(o, "time", json_object_new_int64(line->time_ms));
		json_object_array_add(requests, o);
	}
	for (i = 0; i < MAX_PATHS && journal->counts[i].path; i++)
		json_object_object_add(counts, journal->counts[i].path,
				       json_object_new_int64(journal->counts[i].n));
	json_object_object_add(log, "requests", requests);
	json_object_object_add(log, "counts", counts);
	return log;
}

struct json_object *journal_list_sent(const struct journal *journal)
{
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < JOURNAL_KINDS; i++)
		json_object_object_add(all, kind_names[i], json_object_get(journal->sent[i]));
	return all;
}
