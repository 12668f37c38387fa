/* home.c - who is in a room over all workers, and telling them. */
#include "home.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "conn.h"
#include "home_internal.h"
#include "hooks.h"
#include "room.h"
#include "server.h"
#include "utf8.h"
#include "words.h"

bool home_name_valid(const char *name, size_t len)
{
	size_t i;

	if (len == 0 || len > ROOM_NAME_MAX || strlen(name) != len)
		return false;
	for (i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return utf8_valid(name, len);
}

struct home *home_get(struct worker *w, const char *name, bool make)
{
	struct home *h = (struct home *)map_find(&w->homes, name);
	uint64_t first;

	if (h || !make)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->members = calloc(w->server->worker_count, sizeof(*h->members));
	h->worker = w;
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->entry.name = h->name;
	if (!h->members || history_bounds(w->past, name, &first, &h->last) < 0 || map_add(&w->homes, &h->entry) < 0) {
		free(h->members);
		free(h);
		return NULL;
	}
	metric_set(&w->metrics.homes, w->homes.count);
	return h;
}

void home_free(struct home *h)
{
	map_remove(&h->worker->homes, &h->entry);
	metric_set(&h->worker->metrics.homes, h->worker->homes.count);
	presence_fini(&h->presence);
	free(h->arrivals);
	free(h->members);
	free(h);
}

void home_free_if_idle(struct home *h)
{
	if (h->members_all == 0 && h->presence.users == 0 && h->asks == 0 && h->arrival_count == 0)
		home_free(h);
}

void home_who(struct worker *w, const struct uid *uid, struct member *out)
{
	char text[UID_LEN + 1];

	uid_text(uid, text);
	memset(out, 0, sizeof(*out));
	memcpy(out->uid, text, sizeof(text));
	if (worker_sessions(w))
		(void)store_member(w->sessions, text, out);	/* unknown: no name, no picture */
}

/* --- telling --- */

struct post *home_words(struct buf *words, int r, uint32_t num, const char *more, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, more);
	vsnprintf(text, sizeof(text), more, ap);
	va_end(ap);
	if (r == 0)
		r = buf_adds(words, text);
	if (r == 0)
		r = buf_adds(words, "}");
	return words_post(words, r, num);
}

void home_tell_all(struct home *h, struct post *p, unsigned also)
{
	struct worker *w = h->worker;
	unsigned i;

	for (i = 0; i < w->server->worker_count; i++)
		if ((h->members[i] || i == also) && room_tell_worker(w, i, h->name, p) < 0)
			log_error("no-memory", "what=telling worker=%u", i);
}

struct tell_mail {
	struct mail mail;
	struct post *post;
	char name[];
};

static void tell_run(struct mail *mail, void *worker)
{
	struct tell_mail *m = (struct tell_mail *)mail;
	struct home *h = home_get(worker, m->name, false);
	const struct presence_user *from = h ? presence_find(&h->presence, &m->post->uid) : NULL;

	/* Whose entry was refused, or who was put out, is not heard, however early it spoke. */
	if (from && from->connections)
		home_tell_all(h, m->post, NO_WORKER);
	post_unref(m->post);
	free(m);
}

void home_tell(struct worker *from, const char *room, struct post *p)
{
	size_t len = strlen(room) + 1;
	struct tell_mail *m = worker_mail_new(from, sizeof(*m) + len);

	if (!m)
		return;
	m->mail.run = tell_run;
	m->post = post_ref(p);
	memcpy(m->name, room, len);
	worker_send(from, worker_home_of(from, room), &m->mail);
}

/* --- coming and going --- */

enum { ARRIVALS_MAX = 2 * PRESENCE_NAMED_MAX };

/* The arrivals of one kind, in the order in which they came. */
struct arrivals {
	bool is_leave, is_named;
	uint32_t count;
	struct uid uids[ARRIVALS_MAX];
	struct buf words;			/* {…},{…}: who they are, where names are told */
	size_t starts[ARRIVALS_MAX];		/* of each in words */
};

static int arrivals_gather(struct home *h, struct arrivals *all)
{
	struct member who;
	uint32_t i;
	int r = 0;

	for (i = 0; i < h->arrival_count && r == 0; i++) {
		if (h->arrivals[i].is_leave != all->is_leave)
			continue;
		all->uids[all->count] = h->arrivals[i].uid;
		if (all->is_named && all->count)
			r = buf_adds(&all->words, ",");
		all->starts[all->count++] = all->words.len;
		if (!all->is_named || r < 0)
			continue;
		home_who(h->worker, &h->arrivals[i].uid, &who);
		r = words_user(&all->words, &who, 0);
	}
	return r;
}

/* The event that tells those from number `from` on: `,"user":{…}` or, for several, `,"user":{last},"users":[…]`. */
static struct post *arrivals_post(struct home *h, const struct arrivals *all, uint32_t from)
{
	size_t last = all->starts[all->count - 1], first = all->starts[from];
	struct buf words = BUF_INIT;
	int r = words_event(&words, all->is_leave ? "leave" : "join", h->name, h->presence.users, NULL);

	if (r == 0 && all->is_named && (r = buf_adds(&words, ",\"user\":")) == 0)
		r = buf_add(&words, all->words.data + last, all->words.len - last);
	if (r == 0 && all->is_named && first < last && (r = buf_adds(&words, ",\"users\":[")) == 0 &&
	    (r = buf_add(&words, all->words.data + first, all->words.len - first)) == 0)
		r = buf_adds(&words, "]");
	return home_words(&words, r, h->presence.users, "%s", "");
}

/* Each of several who have come hears of those behind it by an event of its own, instead of that of all. */
static void joins_tell_each(struct home *h, const struct arrivals *all, struct post *to_all)
{
	struct post *p;
	uint32_t i;

	to_all->spared = malloc(all->count * sizeof(*to_all->spared));
	if (!to_all->spared)
		return;		/* then they hear of themselves as well */
	memcpy(to_all->spared, all->uids, all->count * sizeof(*to_all->spared));
	to_all->spared_count = all->count;
	for (i = 0; i + 1 < all->count; i++) {
		if (!(p = arrivals_post(h, all, i + 1)))
			continue;
		p->has_uid = p->is_for_uid = true;
		p->uid = all->uids[i];
		home_tell_all(h, p, NO_WORKER);
		post_unref(p);
	}
}

/* One event for all the arrivals of one kind, the kind of the oldest.  Others are told, not oneself. */
static void home_tell_arrivals(struct home *h)
{
	struct arrivals all = { .is_leave = h->arrivals[0].is_leave, .is_named = h->presence.users <= PRESENCE_NAMED_MAX };
	struct post *p = arrivals_gather(h, &all) == 0 ? arrivals_post(h, &all, 0) : NULL;
	uint32_t kept = 0, i;

	if (p) {
		p->has_uid = true;
		p->uid = all.uids[all.count - 1];
		if (!all.is_leave && all.is_named && all.count > 1)
			joins_tell_each(h, &all, p);
		home_tell_all(h, p, NO_WORKER);
		post_unref(p);
	}
	buf_free(&all.words);
	for (i = 0; i < h->arrival_count; i++)
		if (h->arrivals[i].is_leave != all.is_leave)
			h->arrivals[kept++] = h->arrivals[i];
	h->arrival_count = kept;
	h->told_ms = worker_now();
	h->has_told = true;
}

static bool home_may_tell(const struct home *h)
{
	return !h->has_told || worker_now() - h->told_ms >= PRESENCE_INTERVAL_MS;
}

/* Whoever came and went between two events has, for the others, done neither. */
static bool arrival_cancel(struct home *h, const struct uid *uid, bool is_leave)
{
	uint32_t i;

	for (i = 0; i < h->arrival_count; i++) {
		if (h->arrivals[i].is_leave == is_leave || !uid_equal(&h->arrivals[i].uid, uid))
			continue;
		memmove(&h->arrivals[i], &h->arrivals[i + 1], (--h->arrival_count - i) * sizeof(*h->arrivals));
		return true;
	}
	return false;
}

static void arrival_add(struct home *h, const struct uid *uid, bool is_leave)
{
	/* Above the mark only numbers are told, for which one of each kind is enough. */
	if (h->arrival_count >= ARRIVALS_MAX)
		return;
	if (h->arrival_count == h->arrival_size) {
		uint32_t size = h->arrival_size ? h->arrival_size * 2 : 4;
		struct arrival *more = realloc(h->arrivals, size * sizeof(*more));

		if (!more)
			return;		/* the number is told with the next event all the same */
		h->arrivals = more;
		h->arrival_size = size;
	}
	h->arrivals[h->arrival_count++] = (struct arrival){ *uid, is_leave };
}

void home_arrived(struct home *h, const struct uid *uid, bool is_leave)
{
	struct hooks *hooks = h->worker->server->hooks;
	enum hook_event kind = is_leave ? HOOK_LEAVE : HOOK_JOIN;
	int64_t now_ms = clock_wall_ms();

	if (hooks_wants(hooks, HOOK_OCCUPIED) && !is_leave && h->presence.users == 1)
		hooks_event(hooks, HOOK_OCCUPIED, h->name, NULL, 0, now_ms, NULL, 0);
	if (hooks_wants(hooks, kind))
		hooks_event(hooks, kind, h->name, uid, 0, now_ms, NULL, 0);
	if (hooks_wants(hooks, HOOK_VACATED) && is_leave && h->presence.users == 0)
		hooks_event(hooks, HOOK_VACATED, h->name, NULL, 0, now_ms, NULL, 0);
	if (h->members_all == 0) {	/* nobody to tell, and nothing of that second to wait for */
		h->arrival_count = 0;
		return;
	}
	if (!arrival_cancel(h, uid, is_leave))
		arrival_add(h, uid, is_leave);
	if (h->arrival_count && home_may_tell(h))
		home_tell_arrivals(h);
}

static uint32_t now_s(void)
{
	uint32_t s = (uint32_t)(clock_mono_ms() / 1000);

	return s ? s : 1;	/* 0 marks nobody's going */
}

void home_left(struct home *h, unsigned worker, const struct uid *uid, bool is_asked)
{
	if (h->members[worker] == 0)
		return;
	h->members[worker]--;
	h->members_all--;
	if (presence_leave(&h->presence, uid, now_s()) &&
	    (is_asked || h->worker->server->config->push.leave_grace_s == 0) && presence_forget(&h->presence, uid))
		home_arrived(h, uid, true);
	home_free_if_idle(h);
}

struct leave_mail {
	struct mail mail;
	struct uid uid;
	uint16_t worker;
	bool is_asked;
	char name[];
};

static void leave_run(struct mail *mail, void *worker)
{
	struct leave_mail *m = (struct leave_mail *)mail;
	struct home *h = home_get(worker, m->name, false);

	if (h)
		home_left(h, m->worker, &m->uid, m->is_asked);
	free(m);
}

void home_tell_leave(struct worker *from, const char *room, const struct uid *uid, bool is_asked)
{
	size_t len = strlen(room) + 1;
	struct leave_mail *m = worker_mail_new(from, sizeof(*m) + len);

	if (!m) {
		log_error("no-memory", "what=leave");
		return;
	}
	m->mail.run = leave_run;
	m->uid = *uid;
	m->worker = from->index;
	m->is_asked = is_asked;
	memcpy(m->name, room, len);
	worker_send(from, worker_home_of(from, room), &m->mail);
}

void home_leave(struct conn *c, struct room *r, bool is_asked)
{
	bool is_member = place_is_granted(room_place(r, c));
	char name[ROOM_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s", r->name);
	room_leave(r, c);
	if (is_member)
		home_tell_leave(c->worker, name, &c->uid, is_asked);
}

void home_tick(struct worker *w)
{
	uint32_t grace_s = (uint32_t)w->server->config->push.leave_grace_s, pos = 0;
	struct map_entry *e, *at = NULL;
	struct uid uid;

	while ((e = map_next(&w->homes, &pos, &at))) {
		struct home *h = (struct home *)e;

		uint32_t user_pos = 0;

		while (presence_expire(&h->presence, &user_pos, now_s() - grace_s, &uid))
			home_arrived(h, &uid, true);
		if (h->arrival_count && home_may_tell(h))
			home_tell_arrivals(h);
		home_free_if_idle(h);
	}
}

/* --- answering --- */

/* Does this answer let a connection into the room? */
static bool home_is_entry(const struct ask *ask, enum error e)
{
	return ask->kind == REQUEST_JOIN && !ask->is_again && e == ERR_NONE;
}

/* False when memory is short: nothing was sent. */
static bool answer_mail(struct worker *w, struct ask *ask, enum error e, struct post **posts, uint32_t count)
{
	bool is_whole = count == 0 || posts[0];
	struct reply *reply = is_whole ? calloc(1, sizeof(*reply) + count * sizeof(struct post *)) : NULL;
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (!reply)
			post_unref(posts[i]);
		else if (posts[i])
			reply->posts[reply->count++] = posts[i];
	}
	if (!reply)
		return false;
	reply->mail.run = request_replied;
	reply->to = ask->from;
	reply->tag = ask->tag;
	reply->kind = ask->kind;
	reply->error = e;
	reply->is_entry = home_is_entry(ask, e);
	reply->uid = ask->uid;
	reply->from = ask->number;
	reply->next = ask->next;
	snprintf(reply->room, sizeof(reply->room), "%s", ask->room);
	worker_send(w, ask->from.worker, &reply->mail);
	return true;
}

/* There is no memory for an answer: what was granted is taken back, and the ask itself goes back to end the connection,
 * whose client comes again. */
static void answer_lost(struct worker *w, struct ask *ask, enum error e)
{
	struct home *h = home_get(w, ask->room, false);

	log_error("no-memory", "what=answer");
	if (h && home_is_entry(ask, e))
		home_left(h, ask->from.worker, &ask->uid, true);
	ask->mail.run = request_lost;
	worker_send(w, ask->from.worker, &ask->mail);
}

void home_answer(struct worker *w, struct ask *ask, enum error e, struct post **posts, uint32_t count)
{
	static const char nothing[] = "{\"type\":\"system\",\"event\":\"refused\",\"reason\":\"ERR_STORE\",\"num\":0}";
	uint32_t i;

	if (ask->done)
		ask->done(ask, count && posts[0] ? posts[0]->text : nothing,
			  count && posts[0] ? posts[0]->len : sizeof(nothing) - 1);
	if (ask->from.worker == NO_WORKER) {
		for (i = 0; i < count; i++)
			post_unref(posts[i]);
	} else if (!answer_mail(w, ask, e, posts, count)) {
		answer_lost(w, ask, e);
		return;
	}
	ask_free(ask);
}

void home_refuse(struct worker *w, struct ask *ask, enum error e, const char *message)
{
	struct home *h = home_get(w, ask->room, false);
	struct buf words = BUF_INIT;
	struct post *p;
	int r = words_refused(&words, e, message, ask->room, h ? h->presence.users : 0, ask->cid);

	p = words_post(&words, r, 0);
	home_answer(w, ask, e, &p, 1);
}
