/* home_join.c - joining a room, and hearing what one missed. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "home_internal.h"
#include "bounds.h"
#include "people.h"
#include "server.h"
#include "words.h"

/* What is replayed at once: the posts behind the welcome, as many as may wait for one connection. */
struct replay {
	struct post *posts[REPLAY_MAX + 2];	/* welcome, gap, messages */
	uint32_t count, messages;
	size_t left;				/* bytes that there still is a place for */
	uint64_t next;				/* the first message for which there is none; 0 */
	const char *room;
	bool is_short_of_memory;
};

struct post *home_message_post(const char *room, const struct history_entry *entry)
{
	struct buf text = BUF_INIT;
	struct post *p = NULL;
	int r;

	r = buf_addf(&text, "\"id\":%llu,", (unsigned long long)entry->id);
	if (r == 0 && !entry->is_recalled)
		r = buf_add(&text, entry->text, entry->len);
	if (r == 0 && entry->is_recalled && (r = buf_adds(&text, "\"recalled\":true")) == 0 &&
	    (r = words_text(&text, "room", room)) == 0)
		r = buf_addf(&text, ",\"uid\":\"%s\",\"number\":0,\"time\":%lld}", entry->uid, (long long)entry->time_ms);
	if (r == 0 && (p = post_new(POST_MESSAGE, text.data, text.len))) {
		p->id = entry->id;
		p->has_uid = uid_parse(entry->uid, strlen(entry->uid), &p->uid);
	}
	buf_free(&text);
	return p;
}

static int replay_add(const struct history_entry *entry, void *arg)
{
	struct replay *replay = arg;
	struct post *p;

	if (replay->messages == REPLAY_MAX || (replay->messages && entry->len > replay->left)) {
		replay->next = entry->id;
		return 1;
	}
	if (!(p = home_message_post(replay->room, entry))) {
		replay->is_short_of_memory = true;
		return 1;
	}
	replay->left -= p->len < replay->left ? p->len : replay->left;
	replay->messages++;
	replay->posts[replay->count++] = p;
	return 0;
}

/* Adds the messages from there on, from the frozen view that from was judged by: no message is pruned in between.
 * A quarter of what may wait for a connection at all, since the connection asks for the next piece while some of this one
 * still waits. */
static void replay_fill(struct replay *replay, struct home *h, uint64_t from)
{
	replay->left = (size_t)h->worker->server->config->push.queue_kb * 1024 / 4;
	if (from <= h->last && history_each(h->worker->past, h->name, from, h->last, replay_add, replay) < 0)
		replay->is_short_of_memory = true;
}

/* false when some of it could not be made: a promise of all of them would be false, and nothing is told. */
static bool replay_is_good(struct replay *replay)
{
	uint32_t i;

	for (i = 0; i < replay->count && !replay->is_short_of_memory; i++)
		replay->is_short_of_memory = !replay->posts[i];
	if (!replay->is_short_of_memory)
		return true;
	for (i = 0; i < replay->count; i++)
		post_unref(replay->posts[i]);
	return false;
}

/* Which messages the joining one gets: from, or last + 1 for none.  *is_whole: all that it missed. */
static uint64_t replay_from(struct home *h, const struct ask *ask, bool *is_whole)
{
	const char *epoch = history_epoch(h->worker->server->history);
	uint64_t first = 0, last = 0, from;

	*is_whole = false;
	if (!ask->has_since)
		return h->last + 1;
	if ((ask->epoch[0] && strcmp(ask->epoch, epoch) != 0) || ask->number > h->last)
		return h->last + 1;
	if (history_bounds(h->worker->past, h->name, &first, &last) < 0)
		return h->last + 1;
	from = ask->number + 1;
	*is_whole = true;
	if (from <= h->last && first > from) {
		*is_whole = false;
		from = first;
	}
	if (from <= h->last && h->last - from + 1 > REPLAY_MAX) {
		*is_whole = false;
		from = h->last + 1 - REPLAY_MAX;
	}
	return from > h->last ? h->last + 1 : from;
}

static struct post *join_welcome(struct home *h, const struct ask *ask, bool is_whole)
{
	struct worker *w = h->worker;
	char key[ROOM_NAME_MAX + 2 + UID_LEN + 1], uid[UID_LEN + 1];
	uint64_t read = 0, unread = 0;
	struct buf words = BUF_INIT;
	struct member who;
	size_t len = strlen(h->name) + 1;
	int r;

	home_who(w, &ask->uid, &who);
	uid_text(&ask->uid, uid);
	memcpy(key, h->name, len);
	memcpy(key + len, uid, UID_LEN);
	if (history_count(w->server->history, TABLE_READS) &&
	    history_get_number(w->past, TABLE_READS, key, len + UID_LEN, &read) == 0)
		unread = h->last > read ? h->last - read : 0;
	r = words_event(&words, "welcome", h->name, h->presence.users, ask->cid);
	if (r == 0)
		r = buf_addf(&words, ",\"id\":%llu,\"epoch\":\"%s\",\"recovered\":%s,\"user\":", (unsigned long long)h->last,
			     history_epoch(w->server->history), is_whole ? "true" : "false");
	if (r == 0)
		r = words_user(&words, &who, 0);
	if (r == 0 && read)
		r = buf_addf(&words, ",\"read\":%llu,\"unread\":%llu", (unsigned long long)read, (unsigned long long)unread);
	return home_words(&words, r, h->presence.users, "%s", "");
}

static struct post *join_gap(struct home *h, uint64_t since, uint64_t from)
{
	struct buf words = BUF_INIT;
	int r = words_event(&words, "gap", h->name, h->presence.users, NULL);

	return home_words(&words, r, h->presence.users, ",\"since\":%llu,\"first\":%llu,\"id\":%llu,\"epoch\":\"%s\"",
			  (unsigned long long)since, (unsigned long long)from, (unsigned long long)h->last,
			  history_epoch(h->worker->server->history));
}

/* The welcome, and as many of the messages that were asked for as there is place for. */
static bool join_fill(struct replay *replay, struct home *h, const struct ask *ask)
{
	bool is_whole;
	uint64_t from;

	if (history_freeze(h->worker->past) < 0)
		return false;
	from = replay_from(h, ask, &is_whole);
	replay->posts[replay->count++] = join_welcome(h, ask, is_whole);
	if (ask->has_since && !is_whole)
		replay->posts[replay->count++] = join_gap(h, ask->number, from);
	/* However often it asks anew, messages are read for it only as it takes them. */
	if (!ask->is_again)
		replay_fill(replay, h, from);
	else if (from <= h->last)
		replay->next = from;
	history_thaw(h->worker->past);
	return replay_is_good(replay);
}

void home_join(struct worker *w, struct ask *ask)
{
	struct replay replay = { .room = ask->room };
	bool is_new = false;
	struct home *h;
	int r;

	if (!people_may_enter(w, ask->room, &ask->uid)) {
		home_refuse(w, ask, ERR_FORBIDDEN, "this room is private: its owner enrols members");
		return;
	}
	h = home_get(w, ask->room, true);
	if (!h) {
		home_refuse(w, ask, ERR_STORE, NULL);
		return;
	}
	if (!ask->is_again) {
		r = presence_join(&h->presence, &ask->uid);
		if (r < 0) {
			home_refuse(w, ask, ERR_STORE, NULL);
			home_free_if_idle(h);
			return;
		}
		is_new = r == 1;
		if (is_new)
			home_arrived(h, &ask->uid, false);	/* before its own place counts: it is for the others */
		h->members[ask->from.worker]++;
		h->members_all++;
	}
	if (!join_fill(&replay, h, ask)) {
		if (!ask->is_again)
			home_left(h, ask->from.worker, &ask->uid, true);
		home_refuse(w, ask, ERR_STORE, NULL);
		return;
	}
	ask->next = replay.next;
	home_answer(w, ask, ERR_NONE, replay.posts, replay.count);
}

/* From number on; a gap when they were too old by the time they were asked for. */
static bool catch_up_fill(struct replay *replay, struct home *h, uint64_t number)
{
	struct history_reader *past = h->worker->past;
	uint64_t first = 0, last = 0;

	if (history_freeze(past) < 0)
		return false;
	if (history_bounds(past, h->name, &first, &last) < 0) {
		history_thaw(past);
		return false;
	}
	if (first > number)
		replay->posts[replay->count++] = join_gap(h, number - 1, first);
	replay_fill(replay, h, first > number ? first : number);
	history_thaw(past);
	return replay_is_good(replay);
}

void home_catch_up(struct worker *w, struct ask *ask)
{
	struct replay replay = { .room = ask->room };
	struct home *h = home_get(w, ask->room, false);

	if (!h || !catch_up_fill(&replay, h, ask->number)) {
		home_refuse(w, ask, ERR_STORE, NULL);
		return;
	}
	ask->next = replay.next;
	home_answer(w, ask, ERR_NONE, replay.posts, replay.count);
}
