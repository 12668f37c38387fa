/* admin_rooms.c - the API's calls about rooms and what is said in them. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_api.h"
#include "admin_metrics.h"
#include "config.h"
#include "home.h"
#include "operate.h"
#include "request.h"
#include "server.h"
#include "worker.h"

/* A room as its home knows it. */
struct room_line {
	char name[ROOM_NAME_MAX + 1];
	uint32_t users, connections;
	uint64_t last;
};

/* Rooms of all workers, gathered by one mail to each; then, for a broadcast, walked. */
struct gather {
	struct call *call;
	atomic_uint left;		/* workers that have not answered */
	struct gather_part {
		struct mail mail;
		struct gather *gather;
		struct room_line *lines;
		size_t count;
		bool has_failed;
	} *parts;
	unsigned part_count;
	struct room_line *lines;	/* of all, once gathered */
	size_t count;
	/* broadcast */
	struct buf fields;		/* of the message, `"a":1,` */
	char cid[CID_MAX + 1];
	size_t at, under_way, sent, failed;
	char error[40];			/* of the first failure */
};

static void gather_free(struct gather *g)
{
	for (unsigned i = 0; g->parts != NULL && i < g->part_count; i++)
		free(g->parts[i].lines);
	free(g->parts);
	free(g->lines);
	buf_free(&g->fields);
	free(g);
}

/* In a worker's thread: copies what its homes know. */
static void gather_run(struct mail *mail, void *owner)
{
	struct gather_part *part = (struct gather_part *)mail;
	struct gather *g = part->gather;
	struct worker *w = owner;
	struct map_entry *at = NULL;
	uint32_t pos = 0;

	part->lines = calloc(w->homes.count + 1u, sizeof(*part->lines));
	part->has_failed = part->lines == NULL;
	while (!part->has_failed && part->count < w->homes.count && map_next(&w->homes, &pos, &at) != NULL) {
		const struct home *h = (const struct home *)at;
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
		mailbox_post(g->call->api->mailbox, &g->call->mail);
}

static int by_users(const void *a, const void *b)
{
	const struct room_line *x = a, *y = b;

	if (x->users != y->users)
		return x->users < y->users ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Puts the parts together; false (and the call ended) when memory is short. */
static bool gathered(struct call *call)
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
	for (unsigned i = 0; i < g->part_count; i++) {
		if (g->parts[i].count > 0)
			memcpy(g->lines + g->count, g->parts[i].lines, g->parts[i].count * sizeof(*g->lines));
		g->count += g->parts[i].count;
	}
	qsort(g->lines, g->count, sizeof(*g->lines), by_users);
	return true;
}

static struct gather *gather_new(struct call *call)
{
	struct server *s = call->api->server;
	struct gather *g = calloc(1, sizeof(*g));

	if (g == NULL || (g->parts = calloc(s->worker_count, sizeof(*g->parts))) == NULL) {
		free(g);
		call_fail(call, ERR_STORE, "out of memory");
		return NULL;
	}
	g->call = call;
	g->part_count = s->worker_count;
	call->gather = g;
	return g;
}

static void gather_start(struct gather *g, void (*then)(struct call *call))
{
	struct server *s = g->call->api->server;

	g->call->then = then;
	atomic_init(&g->left, g->part_count);
	for (unsigned i = 0; i < g->part_count; i++) {
		g->parts[i].mail.run = gather_run;
		g->parts[i].gather = g;
		worker_post(&s->workers[i], &g->parts[i].mail);
	}
}

/* --- rooms --- */

static void rooms_told(struct call *call)
{
	struct gather *g = call->gather;
	struct buf json = BUF_INIT;
	size_t shown;
	int r;

	if (!gathered(call))
		return;
	shown = g->count < API_ROOMS_MAX ? g->count : API_ROOMS_MAX;
	r = buf_addf(&json, "{\"ok\":true,\"count\":%zu,\"rooms\":[", g->count);
	for (size_t i = 0; i < shown && r == 0; i++) {
		const struct room_line *line = &g->lines[i];

		if ((r = buf_addf(&json, "%s{\"room\":", i > 0 ? "," : "")) == 0 &&
		    (r = json_quote(&json, line->name, strlen(line->name))) == 0)
			r = buf_addf(&json, ",\"users\":%" PRIu32 ",\"connections\":%" PRIu32 ",\"id\":%" PRIu64 "}",
				     line->users, line->connections, line->last);
	}
	if (r == 0)
		r = buf_adds(&json, "]}");
	gather_free(g);
	if (r == 0) {
		call_reply(call, &json);
	} else {
		buf_free(&json);
		call_fail(call, ERR_STORE, strerror(-r));
	}
}

static void rooms(struct call *call)
{
	struct gather *g = gather_new(call);

	if (g != NULL)
		gather_start(g, rooms_told);
}

static void members(struct call *call)
{
	if (call_room(call, true))
		call_ask(call, operate_new(REQUEST_MEMBERS, call->room, NULL, NULL), call_relay);
}

/* --- history: read here, page by page, so that no worker is kept from its chat --- */

struct page {
	struct buf *json;
	unsigned count;
	const char *room;
};

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
	int64_t before, limit;
	uint64_t first = 0, last = 0, from;
	int r;

	if (!call_room(call, true) || !call_number(call, "before", 0, INT64_MAX, &before) ||
	    !call_number(call, "limit", 0, API_HISTORY_MAX, &limit))
		return;
	limit = limit == 0 ? 50 : limit;
	if ((r = history_bounds(call->api->past, call->room, &first, &last)) < 0)
		goto fail;
	if (before > 0 && (uint64_t)before <= last)
		last = (uint64_t)before - 1;
	from = last >= first && last - first >= (uint64_t)limit ? last - (uint64_t)limit + 1 : first;
	if ((r = buf_adds(&json, "{\"ok\":true,\"room\":")) < 0 ||
	    (r = json_quote(&json, call->room, strlen(call->room))) < 0 || (r = buf_adds(&json, ",\"messages\":[")) < 0)
		goto fail;
	if (last >= from && last > 0 &&
	    (r = history_each(call->api->past, call->room, from, last, page_entry, &page)) < 0)
		goto fail;
	if ((r = buf_addf(&json, "],\"more\":%s}", last >= first && from > first ? "true" : "false")) < 0)
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

/* --- publish and broadcast --- */

/* The message's own fields, as `"a":1,"b":2,`; those that the server gives are left out.  Ends the call if not good. */
static bool message_fields(struct call *call, struct buf *fields)
{
	static const char *const given[] = {
		"type", "id", "room", "number", "time", "uid", "nickName", "avatarUrl", "op", "cid", "error", "recalled",
	};
	struct json_object *message = json_member(call->body, "message");
	struct buf object = BUF_INIT;
	const char *text;
	size_t n = 0;
	int r;

	if (message == NULL && (text = json_text(call->body, "text", &n)) != NULL) {
		r = buf_adds(fields, "\"text\":true,\"content\":");
		if (r < 0 || (r = json_quote(fields, text, n)) < 0 || (r = buf_add(fields, ",", 1)) < 0)
			call_fail(call, ERR_STORE, strerror(-r));
		return r == 0;
	}
	if (message == NULL) {
		call_fail(call, ERR_BAD_REQUEST, "message: an object such as {\"text\":true,\"content\":\"hello\"}");
		return false;
	}
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		json_object_object_del(message, given[i]);
	if (json_object_object_length(message) == 0) {
		call_fail(call, ERR_BAD_REQUEST, "message: it is empty");
		return false;
	}
	r = json_add(&object, message);
	if (r == 0 && object.len > (size_t)call->api->server->config->push.max_message_kb << 10)
		r = -EMSGSIZE;
	if (r == 0)
		r = buf_add(fields, object.data + 1, object.len - 2);
	if (r == 0)
		r = buf_add(fields, ",", 1);
	buf_free(&object);
	if (r < 0)
		call_fail(call, r == -EMSGSIZE ? ERR_TOO_LARGE : ERR_STORE, NULL);
	return r == 0;
}

/* A text of the request's, or what is known of the user, or a default. */
static int add_who(struct buf *out, struct call *call, const char *field, const char *known, const char *otherwise)
{
	size_t n = 0;
	const char *text = json_text(call->body, field, &n);
	int r;

	if (text == NULL || n > AVATAR_MAX)
		n = strlen(text = known[0] != '\0' ? known : otherwise);
	if ((r = buf_addf(out, "\"%s\":", field)) < 0 || (r = json_quote(out, text, n)) < 0)
		return r;
	return buf_add(out, ",", 1);
}

/* What the server says of a message, in the order in which clients' messages have it. */
static int add_server_fields(struct buf *out, struct call *call, const char *room, const char *cid)
{
	struct member who = { .nick = "" };
	char uid[UID_LEN + 1];
	int r;

	uid_text(&call->uid, uid);
	if (store_member(call->api->users, uid, &who) < 0)
		who.nick[0] = who.avatar[0] = '\0';
	if (cid[0] != '\0' && ((r = buf_adds(out, "\"cid\":")) < 0 || (r = json_quote(out, cid, strlen(cid))) < 0 ||
			       (r = buf_add(out, ",", 1)) < 0))
		return r;
	if ((r = buf_adds(out, "\"room\":")) < 0 || (r = json_quote(out, room, strlen(room))) < 0 ||
	    (r = buf_addf(out, ",\"uid\":\"%s\",", uid)) < 0 ||
	    (r = add_who(out, call, "nickName", who.nick, "系统")) < 0)
		return r;
	return add_who(out, call, "avatarUrl", who.avatar, "");
}

/* NULL when memory is short. */
static struct ask *message_ask(struct call *call, const char *room, const struct buf *fields, const char *cid)
{
	struct ask *ask = operate_new(REQUEST_MESSAGE, room, NULL, NULL);
	struct buf text = BUF_INIT;

	if (ask == NULL)
		return NULL;
	if (buf_add(&text, fields->data, fields->len) < 0 || add_server_fields(&text, call, room, cid) < 0) {
		buf_free(&text);
		ask_free(ask);
		return NULL;
	}
	ask->uid = call->uid;
	memcpy(ask->cid, cid, strlen(cid) + 1);
	ask->text = text.data;
	ask->text_len = text.len;
	return ask;
}

/* cid and, if named, uid.  Ends the call if they are not good. */
static bool message_who(struct call *call, char cid[static CID_MAX + 1])
{
	size_t n = 0;
	const char *text = json_text(call->body, "cid", &n);

	cid[0] = '\0';
	if (n > CID_MAX) {
		call_fail(call, ERR_BAD_REQUEST, "cid: 64 bytes at most");
		return false;
	}
	if (text != NULL)
		memcpy(cid, text, n + 1);
	return !json_object_object_get_ex(call->body, "uid", NULL) || call_uid(call);
}

static void publish(struct call *call)
{
	struct buf fields = BUF_INIT;
	char cid[CID_MAX + 1];

	if (!call_room(call, true) || !message_who(call, cid))
		return;
	if (message_fields(call, &fields))
		call_ask(call, message_ask(call, call->room, &fields, cid), call_relay);
	buf_free(&fields);
}

static void broadcast_go_on(struct call *call);

/* One room has answered.  Its mail is its own, because many are under way. */
struct part {
	struct mail mail;
	struct call *call;
	enum error error;
};

static void part_done(struct mail *mail, void *owner)
{
	struct part *part = (struct part *)mail;
	struct call *call = part->call;
	struct gather *g = call->gather;

	(void)owner;
	g->under_way--;
	if (part->error == ERR_NONE) {
		g->sent++;
	} else if (g->failed++ == 0) {
		snprintf(g->error, sizeof(g->error), "%s", error_name(part->error));
	}
	free(part);
	broadcast_go_on(call);
}

static void part_answered(struct ask *ask, const char *json, size_t len)
{
	struct part *part = ask->context;
	struct buf whole = BUF_INIT;

	part->error = operate_take(&whole, json, len) < 0 ? ERR_STORE : operate_refusal(whole.data, whole.len, NULL);
	buf_free(&whole);
	mailbox_post(part->call->api->mailbox, &part->mail);
}

static void broadcast_end(struct call *call)
{
	struct gather *g = call->gather;
	struct buf json = BUF_INIT;

	(void)buf_addf(&json, "{\"ok\":true,\"rooms\":%zu,\"failed\":%zu", g->sent, g->failed);
	if (g->failed > 0)
		(void)buf_addf(&json, ",\"failure\":\"%s\"", g->error);
	(void)buf_adds(&json, "}");
	gather_free(g);
	call_reply(call, &json);
}

static void broadcast_go_on(struct call *call)
{
	struct gather *g = call->gather;

	while (g->at < g->count && g->under_way < API_BROADCAST_WINDOW) {
		struct part *part = calloc(1, sizeof(*part));
		struct ask *ask = part == NULL ? NULL
					       : message_ask(call, g->lines[g->at].name, &g->fields, g->cid);

		g->at++;
		if (ask == NULL) {
			free(part);
			if (g->failed++ == 0)
				snprintf(g->error, sizeof(g->error), "%s", error_name(ERR_STORE));
			continue;
		}
		part->mail.run = part_done;
		part->call = call;
		ask->done = part_answered;
		ask->context = part;
		g->under_way++;
		home_ask_from_any(call->api->server, ask);
	}
	if (g->at == g->count && g->under_way == 0)
		broadcast_end(call);
}

static void broadcast_gathered(struct call *call)
{
	if (gathered(call))
		broadcast_go_on(call);
}

static void broadcast(struct call *call)
{
	char cid[CID_MAX + 1];
	struct gather *g;

	if (!message_who(call, cid) || (g = gather_new(call)) == NULL)
		return;
	memcpy(g->cid, cid, sizeof(cid));
	if (message_fields(call, &g->fields))
		gather_start(g, broadcast_gathered);
	else
		gather_free(g);
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
	{ "recall", true, recall }, { "publish", true, publish }, { "broadcast", true, broadcast },
	{ "stats", false, stats },
	{ NULL, false, NULL },
};
