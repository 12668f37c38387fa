/* room.c - who hears whom on this worker, and how a turn's worth of it leaves. */
#include "room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catchup.h"
#include "clock.h"
#include "conn.h"
#include "deflate.h"
#include "request.h"
#include "worker.h"

enum { POSTS_LEAST = 4 };

/* --- members --- */

struct room *room_find(struct worker *w, const char *name)
{
	return (struct room *)map_find(&w->rooms, name);
}

struct room *room_get(struct worker *w, const char *name)
{
	struct room *r = room_find(w, name);

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->entry.name = r->name;
	r->worker = w;
	if (map_add(&w->rooms, &r->entry) < 0) {
		free(r);
		return NULL;
	}
	metric_set(&w->metrics.rooms, w->rooms.count);
	return r;
}

static void room_free_if_empty(struct room *r)
{
	struct worker *w = r->worker;

	if (r->count || r->joining || r->is_dirty)
		return;
	map_remove(&w->rooms, &r->entry);
	metric_set(&w->metrics.rooms, w->rooms.count);
	free(r->members);
	free(r->posts);
	free(r);
}

void room_hold(struct room *r)
{
	r->joining++;
}

void room_release(struct room *r)
{
	r->joining--;
	room_free_if_empty(r);
}

struct place *room_place(const struct room *r, struct conn *c)
{
	uint16_t i;

	if (c->place.room == r)
		return &c->place;
	for (i = 0; i < c->more_count; i++)
		if (c->more[i].room == r)
			return &c->more[i];
	return NULL;
}

int room_join(struct room *r, struct conn *c)
{
	struct place *place = room_place(r, c);

	room_flush(r);		/* what was said before is not for the newcomer */
	if (r->count == r->size) {
		uint32_t size = r->size ? r->size * 2 : 4;
		struct conn **members = realloc(r->members, size * sizeof(struct conn *));

		if (!members)
			return -ENOMEM;
		r->members = members;
		r->size = size;
	}
	if (!r->posts) {	/* here, where one newcomer alone is lost without them */
		r->posts = calloc(POSTS_LEAST, sizeof(struct post *));
		if (!r->posts)
			return -ENOMEM;
		r->post_size = POSTS_LEAST;
	}
	place->index = r->count;
	r->members[r->count++] = c;
	r->joining--;
	return 0;
}

void room_leave(struct room *r, struct conn *c)
{
	struct place *place = room_place(r, c);

	if (!place)
		return;
	if (!place_is_granted(place)) {
		r->joining--;
	} else {
		struct conn *last = r->members[--r->count];

		r->members[place->index] = last;
		room_place(r, last)->index = place->index;
	}
	if (c->is_catching_up)
		catchup_drop(c, r);
	/* The places stay in the order in which the rooms were joined. */
	if (place == &c->place) {
		if (c->more_count)
			c->place = c->more[0];
		else
			c->place = (struct place){ NULL, 0 };
		place = c->more;
	}
	if (c->more_count) {
		size_t behind = (size_t)(c->more + c->more_count - place) - 1;

		memmove(place, place + 1, behind * sizeof(*place));
		if (--c->more_count == 0) {
			free(c->more);
			c->more = NULL;
		}
	}
	room_free_if_empty(r);
}

/* --- telling --- */

void room_tell(struct room *r, struct post *p)
{
	if (p->num)
		r->num = p->num;
	if (r->count == 0)
		return;
	if (r->post_count && r->post_bytes + p->len > FLUSH_BYTES)
		room_flush(r);
	if (r->post_count == r->post_size) {
		uint32_t size = r->post_size ? 2 * r->post_size : POSTS_LEAST;
		struct post **posts = realloc(r->posts, size * sizeof(struct post *));

		if (posts) {
			r->posts = posts;
			r->post_size = size;
		} else {
			room_flush(r);		/* then in several writes */
		}
	}
	r->posts[r->post_count++] = post_ref(p);
	r->post_bytes += p->len;
	if (!r->is_dirty) {
		r->is_dirty = true;
		r->next_dirty = r->worker->dirty_rooms;
		r->worker->dirty_rooms = r;
	}
}

/* Connections that get the same bytes: what packs is compressed. */
enum { CLASSES = DIALECT_COUNT * 2 * 2 };

static unsigned conn_class(const struct conn *c, bool packs)
{
	return c->dialect * 4u + (packs ? 2u : 0) + (c->wants_all ? 1u : 0);
}

/* What some members get of a flush. */
struct copy {
	struct chunk *chunk;		/* NULL when that is nothing */
	size_t longest;			/* payload in it */
	unsigned messages;
	bool is_made;
	unsigned class;			/* with uid: of a user's own copy, for which of his connections it is */
	struct uid uid;
};

/* What a flush has put together so far. */
struct batch {
	struct room *room;
	struct copy common[CLASSES];	/* as everybody gets it who sent none of it */
	struct copy own[CLASSES];	/* as users get it who sent some of it: the latest ones, as many as one user needs */
	unsigned own_next;		/* whose place the next one takes */
	uint64_t senders;		/* one bit for each sender's hash: whose copy may differ */
};

static bool post_is_from(const struct post *p, const struct conn *c)
{
	return p->sender.worker == c->worker->index && p->sender.slot == c->slot && p->sender.generation == c->generation;
}

static bool post_is_for(const struct post *p, const struct conn *c, const struct room *r)
{
	if (p->kind == POST_MESSAGE && c->is_catching_up && catchup_is(c, r))
		return false;		/* it comes from the history */
	if (p->is_wanted_only && !c->wants_all)
		return false;
	if (!post_is_for_user(p, &c->uid))
		return false;
	return !(p->kind == POST_BINARY && post_is_from(p, c));
}

/* Appends p's frame to what is gathered, its payload left in scratch.  1; 0 when c's dialect has no word for p; -errno. */
static int post_gather(struct worker *w, const struct post *p, const struct conn *c, bool is_own, unsigned window_bits)
{
	int opcode, r;

	buf_reset(&w->scratch);
	opcode = dialect_of(c->dialect)->encode(w, p, is_own, &w->scratch);
	if (opcode <= 0)
		return opcode;
	r = worker_add_frame(w, &w->gathered, (enum frame_opcode)opcode, w->scratch.data, w->scratch.len, window_bits);
	return r < 0 ? r : 1;
}

/* Puts together what c gets, for that window instead of its own.  As anonymous: as one who sent none of it.  When memory is
 * short the copy is empty and not made, and c is closed. */
static void copy_build(struct copy *copy, const struct batch *b, struct conn *c, bool as_anonymous, unsigned window_bits)
{
	struct worker *w = b->room->worker;
	bool has_binary = false;
	uint32_t i;
	int r = 0;

	*copy = (struct copy){ .is_made = true };
	buf_reset(&w->gathered);
	for (i = 0; i < b->room->post_count && r >= 0; i++) {
		struct post *p = b->room->posts[i];
		bool is_same_user = !as_anonymous && p->has_uid && uid_equal(&p->uid, &c->uid);

		if (as_anonymous ? p->is_for_uid || (p->is_wanted_only && !c->wants_all) : !post_is_for(p, c, b->room))
			continue;
		r = post_gather(w, p, c, is_same_user && p->kind == POST_MESSAGE, window_bits);
		if (r <= 0)
			continue;
		if (w->scratch.len > copy->longest)
			copy->longest = w->scratch.len;
		has_binary |= p->kind == POST_BINARY;
		copy->messages++;
	}
	if (r >= 0 && copy->messages == 0)
		return;
	if (r < 0 || !(copy->chunk = chunk_new(w->gathered.len)) ||
	    (has_binary && chunk_hold(copy->chunk, b->room->posts, b->room->post_count) < 0)) {
		chunk_unref(copy->chunk);
		*copy = (struct copy){ .is_made = false };
		conn_close(c, CLOSE_INTERNAL);
		return;
	}
	memcpy(copy->chunk->bytes, w->gathered.data, w->gathered.len);
}

static void copy_send(const struct copy *copy, struct conn *c)
{
	if (!copy->chunk)
		return;
	metric_add(&c->worker->metrics.messages_out, copy->messages);
	conn_send_now(c, copy->chunk);
}

/* With whom a member shares its copy. */
enum share { SHARE_ALL, SHARE_USER, SHARE_NOBODY };

/* SHARE_USER: a connection of that user sent some of it, or he is the subject of an event in it. */
static enum share batch_share(const struct batch *b, const struct conn *c)
{
	enum share share = SHARE_ALL;
	uint32_t i;

	if (c->is_catching_up && catchup_is(c, b->room))
		return SHARE_NOBODY;
	if (!(b->senders & 1ull << (uid_hash(&c->uid) >> 58)))
		return SHARE_ALL;
	for (i = 0; i < b->room->post_count; i++) {
		const struct post *p = b->room->posts[i];

		if (p->kind == POST_BINARY) {	/* the same for all but the connection that sent it */
			if (post_is_from(p, c))
				return SHARE_NOBODY;
		} else if (uid_equal(&p->uid, &c->uid) || (!p->is_for_uid && !post_is_for_user(p, &c->uid))) {
			share = SHARE_USER;
		}
	}
	return share;
}

static const struct copy *batch_copy(struct batch *b, struct conn *c, bool is_own, bool packs)
{
	unsigned class = conn_class(c, packs), window_bits = packs ? DEFLATE_BITS : 0, i;
	struct copy *copy = &b->common[class];

	if (!is_own) {
		if (!copy->is_made)
			copy_build(copy, b, c, true, window_bits);
		return copy;
	}
	for (i = 0; i < CLASSES; i++) {
		copy = &b->own[i];
		if (copy->is_made && copy->class == class && uid_equal(&copy->uid, &c->uid))
			return copy;
	}
	copy = &b->own[b->own_next++ % CLASSES];
	chunk_unref(copy->chunk);
	copy_build(copy, b, c, false, window_bits);
	copy->class = class;
	copy->uid = c->uid;
	return copy;
}

static void batch_send(struct batch *b, struct conn *c)
{
	enum share share = batch_share(b, c);

	if (share == SHARE_NOBODY) {
		struct copy alone;

		copy_build(&alone, b, c, false, c->window_bits);
		copy_send(&alone, c);
		chunk_unref(alone.chunk);
	} else {
		bool packs = c->window_bits != 0;
		const struct copy *copy = batch_copy(b, c, share == SHARE_USER, packs);

		/* When its window is too small for any of it, none is compressed: two forms serve windows of all sizes. */
		if (packs && !deflate_fits(c->window_bits, copy->longest))
			copy = batch_copy(b, c, share == SHARE_USER, false);
		copy_send(copy, c);
	}
}

/* A member's struct is in nobody's cache by the time of the next message: it is fetched while others are sent to. */
enum { AHEAD = 3 };
static void member_prefetch(const struct conn *c)
{
	__builtin_prefetch(&c->worker);
	__builtin_prefetch(&c->pending);
}

static void fanout_measure(struct metrics *m, int64_t from_us)
{
	uint64_t us = (uint64_t)(clock_mono_us() - from_us);
	unsigned i = 0;

	while (i < FANOUT_BUCKETS - 1 && us > 50ull << i)
		i++;
	metric_add(&m->fanout_bucket[i], 1);
	metric_add(&m->fanout_us, us);
	metric_add(&m->fanouts, 1);
}

void room_flush(struct room *r)
{
	struct batch b = { .room = r };
	int64_t from_us;
	uint32_t i, count;

	if (r->post_count == 0)
		return;
	from_us = clock_mono_us();
	for (i = 0; i < r->post_count; i++) {
		const struct post *p = r->posts[i];

		if (p->has_uid || p->kind == POST_BINARY)
			b.senders |= 1ull << (uid_hash(&p->uid) >> 58);
		for (count = 0; count < p->spared_count; count++)
			b.senders |= 1ull << (uid_hash(&p->spared[count]) >> 58);
	}
	/* Backwards: a member whose sending fails leaves, and the last one takes the place. */
	for (i = r->count; i-- > 0;) {
		if (i >= r->count)
			continue;
		if (i >= AHEAD)
			member_prefetch(r->members[i - AHEAD]);
		batch_send(&b, r->members[i]);
	}
	for (i = 0; i < CLASSES; i++) {
		chunk_unref(b.common[i].chunk);
		chunk_unref(b.own[i].chunk);
	}
	for (i = 0, count = r->post_count; i < count; i++)
		post_unref(r->posts[i]);
	r->post_count = 0;
	r->post_bytes = 0;
	fanout_measure(&r->worker->metrics, from_us);
}

void room_end_turn(struct room *r)
{
	room_flush(r);
	r->is_dirty = false;
	room_free_if_empty(r);
}

struct room_mail {
	struct mail mail;
	struct post *post;
	char name[];
};

static void room_mail_run(struct mail *mail, void *worker)
{
	struct room_mail *m = (struct room_mail *)mail;
	struct room *r = room_find(worker, m->name);

	if (r) {
		room_hold(r);
		room_tell(r, m->post);
		room_release(r);
	}
	request_told(worker, m->name, m->post);
	post_unref(m->post);
	free(m);
}

int room_tell_worker(struct worker *from, unsigned to, const char *room, struct post *p)
{
	size_t len = strlen(room) + 1;
	struct room_mail *m = worker_mail_new(from, sizeof(*m) + len);

	if (!m)
		return -ENOMEM;
	m->mail.run = room_mail_run;
	m->post = post_ref(p);
	memcpy(m->name, room, len);
	worker_send(from, to, &m->mail);
	return 0;
}
