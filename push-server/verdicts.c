/* verdicts.c - follows the store's queue of events and recalls what shows a risky file. */
#include "verdicts.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "history.h"
#include "json.h"
#include "lane.h"
#include "log.h"
#include "operate.h"
#include "server.h"

enum { STEP_MESSAGES = 200, ROOMS_BYTES = 8 << 20 };

struct verdicts {
	struct server *server;
	struct lane *lane;
	struct history_reader *past;	/* the lane's, as all below */
	uint64_t after;			/* events up to this number are done with */
	uint64_t version;		/* of the store when the queue was found empty */
	bool has_looked;
	_Atomic uint64_t recalled;
};

static const char mark_key[] = "events";

bool verdict_read(const char *json, size_t len, struct buf *url)
{
	struct json_object *o = json_parse(json, len);
	const char *kind, *text;
	bool is_risky = false;
	size_t n;

	if (o == NULL)
		return false;
	kind = json_text(o, "kind", &n);
	if (kind != NULL && strcmp(kind, "media") == 0 && json_truthy(o, "risky") &&
	    (text = json_text(o, "url", &n)) != NULL && n > 0 && buf_add(url, text, n) == 0)
		is_risky = true;
	json_object_put(o);
	return is_risky;
}

/* A search through one room, newest messages first. */
struct search {
	const char *url;	/* as it stands in a message's JSON */
	int64_t since_ms;
	uint64_t found[STEP_MESSAGES];
	size_t count;
	bool is_past;		/* older than since_ms: enough */
};

static int search_entry(const struct history_entry *e, void *arg)
{
	struct search *s = arg;

	if (e->time_ms < s->since_ms)
		s->is_past = true;
	else if (!e->is_recalled && memmem(e->text, e->len, s->url, strlen(s->url)) != NULL)
		s->found[s->count++] = e->id;
	return 0;
}

static void recall(struct verdicts *v, const char *room, uint64_t id)
{
	char text[LOG_TEXT_SIZE];

	if (operate_recall_wait(v->server, room, id) != ERR_NONE)
		return;
	atomic_fetch_add(&v->recalled, 1);
	log_info("media-recalled", "room=%s id=%llu", log_text(text, room, strlen(room)), (unsigned long long)id);
}

static void search_room(struct verdicts *v, const char *room, const char *url, int64_t now_ms)
{
	struct search s = { .url = url, .since_ms = now_ms - VERDICTS_REACH_MS };
	uint64_t first, last;

	if (history_bounds(v->past, room, &first, &last) < 0 || last == 0)
		return;
	while (last >= first && last > 0 && !s.is_past) {
		uint64_t from = last - first >= STEP_MESSAGES ? last - STEP_MESSAGES + 1 : first;

		s.count = 0;
		if (history_each(v->past, room, from, last, search_entry, &s) < 0)
			return;
		for (size_t i = 0; i < s.count; i++)
			recall(v, room, s.found[i]);
		last = from - 1;
	}
}

static int add_room(const char *room, uint64_t first, uint64_t last, void *arg)
{
	(void)first;
	(void)last;
	return buf_add(arg, room, strlen(room) + 1);
}

/* The URL as JSON text spells it, without the quotes. */
static void search_all(struct verdicts *v, const struct buf *url, int64_t now_ms)
{
	struct buf rooms = BUF_LIMIT(ROOMS_BYTES), quoted = BUF_INIT;

	if (json_quote(&quoted, url->data, url->len) == 0 && quoted.len > 2 &&
	    history_each_room(v->past, add_room, &rooms) == 0) {
		buf_cut(&quoted, quoted.len - 1);
		for (size_t at = 0; at < rooms.len; at += strlen(rooms.data + at) + 1)
			search_room(v, rooms.data + at, buf_str(&quoted) + 1, now_ms);
	}
	buf_free(&rooms);
	buf_free(&quoted);
}

static void remember(struct verdicts *v)
{
	uint8_t value[8];
	struct change c = {
		.verb = HISTORY_SET, .table = TABLE_MARKS, .key = mark_key, .key_len = sizeof(mark_key) - 1,
		.value = value, .value_len = sizeof(value),
	};
	struct buf answer = BUF_INIT;

	for (int i = 0; i < 8; i++)
		value[i] = (uint8_t)(v->after >> (56 - 8 * i));
	if (operate_change_wait(v->server, &c, &answer) < 0)
		log_warn("verdicts-not-kept", "event=%llu", (unsigned long long)v->after);
	buf_free(&answer);
}

static void look(void *owner)
{
	struct verdicts *v = owner;
	struct buf json = BUF_INIT, url = BUF_INIT;
	struct store *store = server_store(v->server);
	uint64_t number, version;
	bool is_new = false;

	if (store == NULL)
		return;
	version = store_version(store);
	if (v->has_looked && version == v->version)
		return;
	while (store_event_next(store, v->after, &number, &json) == 0) {
		v->after = number;
		is_new = true;
		if (verdict_read(json.data, json.len, &url))
			search_all(v, &url, clock_wall_ms());
		buf_reset(&json);
		buf_reset(&url);
	}
	if (is_new)
		remember(v);
	v->version = version;
	v->has_looked = true;
	buf_free(&json);
	buf_free(&url);
}

struct verdicts *verdicts_new(struct server *s)
{
	struct verdicts *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->server = s;
	if (history_reader_new(s->history, &v->past) < 0)
		goto fail;
	(void)history_get_number(v->past, TABLE_MARKS, mark_key, sizeof(mark_key) - 1, &v->after);
	v->lane = lane_new(&(struct lane_options){
		.name = "verdicts", .max = 1, .tick_ms = VERDICTS_TICK_MS, .tick = look, .owner = v,
	});
	if (v->lane != NULL)
		return v;
fail:
	verdicts_free(v);
	return NULL;
}

void verdicts_stop(struct verdicts *v)
{
	if (v != NULL)
		lane_stop(v->lane);
}

void verdicts_free(struct verdicts *v)
{
	if (v == NULL)
		return;
	lane_free(v->lane);
	if (v->past != NULL)
		history_reader_free(v->past);
	free(v);
}

uint64_t verdicts_recalled(const struct verdicts *v)
{
	return v == NULL ? 0 : atomic_load(&v->recalled);
}
