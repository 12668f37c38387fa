/* admin_rooms.c - the API's calls that look at rooms, and the recall. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "admin_api.h"
#include "admin_gather.h"
#include "admin_metrics.h"
#include "operate.h"
#include "request.h"

/* --- rooms --- */

static void rooms_told(struct call *call)
{
	struct buf json = BUF_INIT;
	const struct room_line *lines;
	size_t count;
	int r;

	if (!gather_take(call, &lines, &count))
		return;
	r = buf_addf(&json, "{\"ok\":true,\"count\":%zu,\"rooms\":[", count);
	for (size_t i = 0; i < count && i < API_ROOMS_MAX && r == 0; i++) {
		if ((r = buf_addf(&json, "%s{\"room\":", i > 0 ? "," : "")) == 0 &&
		    (r = json_quote(&json, lines[i].name, strlen(lines[i].name))) == 0)
			r = buf_addf(&json, ",\"users\":%" PRIu32 ",\"connections\":%" PRIu32 ",\"id\":%" PRIu64 "}",
				     lines[i].users, lines[i].connections, lines[i].last);
	}
	if (r == 0)
		r = buf_adds(&json, "]}");
	gather_free(call->gather);
	if (r == 0) {
		call_reply(call, &json);
	} else {
		buf_free(&json);
		call_fail(call, ERR_STORE, strerror(-r));
	}
}

/* Rooms that the history knows, whoever is there: for exports. */
static int kept_room(const char *room, uint64_t first, uint64_t last, void *arg)
{
	struct buf *json = arg;
	int r;

	if ((r = buf_adds(json, json->data[json->len - 1] == '[' ? "{\"room\":" : ",{\"room\":")) < 0 ||
	    (r = json_quote(json, room, strlen(room))) < 0)
		return r;
	return buf_addf(json, ",\"first\":%" PRIu64 ",\"id\":%" PRIu64 "}", first, last);
}

static void kept_rooms(struct call *call)
{
	struct buf json = BUF_INIT;
	int r;

	if ((r = buf_adds(&json, "{\"ok\":true,\"rooms\":[")) < 0 ||
	    (r = history_each_room(call->api->past, "", kept_room, &json)) < 0 || (r = buf_adds(&json, "]}")) < 0) {
		buf_free(&json);
		call_fail(call, ERR_STORE, strerror(-r));
	} else {
		call_reply(call, &json);
	}
}

static void rooms(struct call *call)
{
	if (json_truthy(call->body, "kept"))
		kept_rooms(call);
	else
		gather_rooms(call, rooms_told);
}

static void members(struct call *call)
{
	if (call_room(call, true))
		call_ask(call, operate_new(REQUEST_MEMBERS, call->room, NULL, NULL), call_relay);
}

/* --- history: read here, page by page, so that no worker is kept from its chat --- */

enum { PAGE_EXTRA = 512 };	/* what an answer says of a message beside its text, and more than it says of a recalled one */

struct page {
	struct buf *json;
	unsigned count;
	const char *room;
};

/* How long its messages are, from the first one on. */
struct sizes {
	uint64_t from;
	size_t len[API_HISTORY_MAX];
};

static int size_entry(const struct history_entry *e, void *arg)
{
	struct sizes *s = arg;

	s->len[e->id - s->from] = e->len + PAGE_EXTRA;
	return 0;
}

/* Leaves as many of them as fit into one answer, one at least: the first, or the last. */
static int page_fit(struct history_reader *past, const char *room, uint64_t *from, uint64_t *to, bool is_last)
{
	struct sizes sizes = { .from = *from };
	uint64_t count = *to - *from + 1, fitting = 0;
	size_t left = API_HISTORY_BYTES;
	int r = history_each(past, room, *from, *to, size_entry, &sizes);

	for (; r == 0 && fitting < count; fitting++) {
		size_t len = sizes.len[is_last ? count - 1 - fitting : fitting];

		if (len > left && fitting > 0)
			break;
		left -= len < left ? len : left;
	}
	if (r == 0 && is_last)
		*from = *to - fitting + 1;
	else if (r == 0)
		*to = *from + fitting - 1;
	return r;
}

static int page_entry(const struct history_entry *e, void *arg)
{
	struct page *p = arg;
	int r;

	if ((r = buf_addf(p->json, "%s{\"id\":%" PRIu64, p->count++ > 0 ? "," : "", e->id)) < 0)
		return r;
	if (!e->is_recalled)
		return (r = buf_add(p->json, ",", 1)) < 0 ? r : buf_add(p->json, e->text, e->len);
	if ((r = buf_adds(p->json, ",\"room\":")) < 0 || (r = json_quote(p->json, p->room, strlen(p->room))) < 0)
		return r;
	return buf_addf(p->json, ",\"time\":%" PRId64 ",\"uid\":\"%s\",\"recalled\":true}", e->time_ms, e->uid);
}

static void history(struct call *call)
{
	struct buf json = BUF_INIT;
	struct page page = { .json = &json, .room = call->room };
	int64_t before, behind, limit;
	uint64_t first = 0, last = 0, from, to;
	bool is_after, is_more;
	int r;

	if (!call_room(call, true) || !call_number(call, "before", 0, INT64_MAX, &before) ||
	    !call_number(call, "after", 0, INT64_MAX, &behind) ||
	    !call_number(call, "limit", 0, API_HISTORY_MAX, &limit))
		return;
	limit = limit == 0 ? 50 : limit;
	if ((r = history_bounds(call->api->past, call->room, &first, &last)) < 0)
		goto fail;
	is_after = json_object_object_get_ex(call->body, "after", NULL);
	if (is_after) {
		from = (uint64_t)behind + 1 > first ? (uint64_t)behind + 1 : first;
		to = from <= last && last - from >= (uint64_t)limit ? from + (uint64_t)limit - 1 : last;
	} else {
		to = before > 0 && (uint64_t)before <= last ? (uint64_t)before - 1 : last;
		from = to >= first && to - first >= (uint64_t)limit ? to - (uint64_t)limit + 1 : first;
	}
	if (to >= from && to > 0 && (r = page_fit(call->api->past, call->room, &from, &to, !is_after)) < 0)
		goto fail;
	is_more = is_after ? from <= last && to < last : to >= first && from > first;
	if ((r = buf_adds(&json, "{\"ok\":true,\"room\":")) < 0 ||
	    (r = json_quote(&json, call->room, strlen(call->room))) < 0 || (r = buf_adds(&json, ",\"messages\":[")) < 0)
		goto fail;
	if (to >= from && to > 0 &&
	    (r = history_each(call->api->past, call->room, from, to, page_entry, &page)) < 0)
		goto fail;
	if ((r = buf_addf(&json, "],\"more\":%s}", is_more ? "true" : "false")) < 0)
		goto fail;
	call_reply(call, &json);
	return;
fail:
	buf_free(&json);
	call_fail(call, ERR_STORE, strerror(-r));
}

static void recall(struct call *call)
{
	struct ask *ask;
	int64_t id;

	if (!call_room(call, true) || !call_number(call, "id", 1, INT64_MAX, &id))
		return;
	if (id == 0) {
		call_fail(call, ERR_BAD_REQUEST, "id: the number of the message");
		return;
	}
	if ((ask = operate_new(REQUEST_RECALL, call->room, NULL, NULL)) != NULL)
		ask->number = (uint64_t)id;
	call_ask(call, ask, call_relay);
}

/* --- figures --- */

static void stats(struct call *call)
{
	struct buf json = BUF_INIT;
	struct figures f;

	if (figures_take(&f, call->api->server, false) < 0 || figures_json(&f, &json) < 0) {
		buf_free(&json);
		call_fail(call, ERR_STORE, "out of memory");
	} else {
		call_reply(call, &json);
	}
	figures_free(&f);
}

const struct route api_rooms_routes[] = {
	{ "rooms", false, rooms }, { "members", false, members }, { "history", false, history },
	{ "recall", true, recall }, { "stats", false, stats },
	{ NULL, false, NULL },
};
