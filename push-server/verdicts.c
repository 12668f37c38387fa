/* verdicts.c - follows the store's queue of events and recalls what shows a risky file. */
#include "verdicts.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "be.h"
#include "clock.h"
#include "history.h"
#include "json.h"
#include "lane.h"
#include "log.h"
#include "operate.h"
#include "server.h"

enum { STEP_MESSAGES = 200, STEP_ROOMS = 64 };

struct verdicts {
	struct server *server;
	struct lane *lane;
	struct history_reader *past;	/* the lane's, as all below */
	uint64_t after;			/* events up to this number are done with */
	uint64_t version;		/* of the store when the queue was found empty */
	bool has_looked;
	unsigned tries;			/* in vain, of the event behind after ... */
	int64_t again_ms;		/* ... which is left alone until then */
	atomic_bool stopping;		/* anybody's */
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
	bool has_failed;
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

/* Is it gone? */
static bool recall(struct verdicts *v, const char *room, uint64_t id)
{
	enum error e = atomic_load(&v->stopping) ? ERR_STORE : operate_recall_wait(v->server, room, id);
	char text[LOG_TEXT_SIZE];

	if (e == ERR_NONE) {
		atomic_fetch_add(&v->recalled, 1);
		log_info("media-recalled", "room=%s id=%llu", log_text(text, room, strlen(room)), (unsigned long long)id);
	}
	return e == ERR_NONE || e == ERR_NOT_FOUND;
}

/* 0, or why a message there may still show the file. */
static int search_room(struct verdicts *v, const char *room, const char *url, int64_t now_ms)
{
	struct search s = { .url = url, .since_ms = now_ms - VERDICTS_REACH_MS };
	uint64_t first = 0, last = 0;
	int r = history_bounds(v->past, room, &first, &last);

	while (r == 0 && last >= first && last > 0 && !s.is_past && !atomic_load(&v->stopping)) {
		uint64_t from = last - first >= STEP_MESSAGES ? last - STEP_MESSAGES + 1 : first;

		s.count = 0;
		r = history_each(v->past, room, from, last, search_entry, &s);
		for (size_t i = 0; i < s.count; i++)
			if (!recall(v, room, s.found[i]))
				s.has_failed = true;
		last = from - 1;
	}
	return r == 0 && s.has_failed ? -EIO : r;
}

/* Some rooms' names, copied out because the table is not to be held open while messages are recalled. */
struct names {
	char rooms[STEP_ROOMS][ROOM_NAME_MAX + 1];
	unsigned count;
};

static int name_add(const char *room, uint64_t first, uint64_t last, void *arg)
{
	struct names *names = arg;

	(void)first;
	(void)last;
	memcpy(names->rooms[names->count++], room, strlen(room) + 1);
	return names->count == STEP_ROOMS;
}

/* 0, or why a message somewhere may still show the file; what can be recalled is. */
static int search_all(struct verdicts *v, const struct buf *url, int64_t now_ms)
{
	char after[ROOM_NAME_MAX + 1] = "";
	struct buf quoted = BUF_INIT;
	struct names names;
	int r = json_quote(&quoted, url->data, url->len), one, failed = 0;

	if (r == 0)
		buf_cut(&quoted, quoted.len - 1);	/* as it stands inside a JSON text */
	while (r == 0) {
		names.count = 0;
		r = history_each_room(v->past, after, name_add, &names);
		for (unsigned i = 0; i < names.count && !atomic_load(&v->stopping); i++)
			if ((one = search_room(v, names.rooms[i], buf_str(&quoted) + 1, now_ms)) < 0)
				failed = one;
		if (names.count < STEP_ROOMS || atomic_load(&v->stopping))
			break;
		memcpy(after, names.rooms[names.count - 1], sizeof(after));
	}
	buf_free(&quoted);
	return r < 0 ? r : failed;
}

/* Is the event done with?  If not, it is tried again, but not for ever, because others wait behind it. */
static bool carry_out(struct verdicts *v, uint64_t number, const struct buf *url)
{
	int r = search_all(v, url, clock_wall_ms());

	if (atomic_load(&v->stopping))
		return false;		/* the search was cut short, and is made again after the start */
	if (r < 0 && ++v->tries < VERDICTS_TRIES) {
		if (v->tries == 1)
			log_warn("media-recall-delayed", "event=%llu error=%s", (unsigned long long)number, strerror(-r));
		v->again_ms = clock_mono_ms() + (VERDICTS_TICK_MS << (v->tries < 6 ? v->tries : 6));
		return false;
	}
	if (r < 0)
		log_error("media-not-recalled", "event=%llu error=%s tries=%u", (unsigned long long)number, strerror(-r),
			  v->tries);
	v->tries = 0;
	return true;
}

static void remember(struct verdicts *v)
{
	uint8_t value[8];
	struct change c = {
		.verb = HISTORY_SET, .table = TABLE_MARKS, .key = mark_key, .key_len = sizeof(mark_key) - 1,
		.value = value, .value_len = sizeof(value),
	};
	struct buf answer = BUF_INIT;

	be_put(value, v->after, sizeof(value));
	if (operate_change_wait(v->server, &c, &answer) < 0)
		log_warn("verdicts-not-kept", "event=%llu", (unsigned long long)v->after);
	buf_free(&answer);
}

/* The store is another one, or an older copy of it, when its last event comes before those that are done with. */
static bool is_set_back(struct verdicts *v, struct store *store)
{
	struct buf json = BUF_INIT;
	uint64_t number;
	bool is_so = v->after > 0 && store_event_next(store, v->after - 1, &number, &json) == -ENOENT;

	buf_free(&json);
	return is_so;
}

static void look(void *owner)
{
	struct verdicts *v = owner;
	struct buf json = BUF_INIT, url = BUF_INIT;
	struct store *store = server_store(v->server);
	uint64_t number, version, began = v->after;
	int r = 0;

	if (store == NULL || clock_mono_ms() < v->again_ms)
		return;
	version = store_version(store);
	if (v->has_looked && version == v->version)
		return;
	if (is_set_back(v, store)) {
		log_info("verdicts-begin-anew", "event=%llu", (unsigned long long)v->after);
		v->after = 0;
	}
	while (!atomic_load(&v->stopping) && (r = store_event_next(store, v->after, &number, &json)) == 0) {
		if (verdict_read(json.data, json.len, &url) && !carry_out(v, number, &url))
			break;
		v->after = number;
		buf_reset(&json);
		buf_reset(&url);
	}
	if (v->after != began)
		remember(v);
	v->version = version;
	v->has_looked = r == -ENOENT;
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
	if (v == NULL)
		return;
	atomic_store(&v->stopping, true);
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
