/* reply.c - what the rooms' homes answer, on its way to the connections that asked. */
#include <stdlib.h>

#include "catchup.h"
#include "conn.h"
#include "home.h"
#include "people.h"
#include "request_internal.h"
#include "room.h"
#include "worker.h"

void request_told(struct worker *w, const char *room, const struct post *p)
{
	struct place *place;
	struct room *r;
	struct conn *c;

	if (p->kind != POST_MESSAGE || p->sender.worker != w->index || !(c = worker_conn(w, p->sender)))
		return;
	/* As a member it hears its own copy with the others; who has left meanwhile is owed one all the same. */
	r = room_find(w, room);
	place = r ? room_place(r, c) : NULL;
	conn_answer(c, p, p->tag, place && place_is_granted(place));
	request_ended(c, REQUEST_MESSAGE);
}

static void reply_tell(struct conn *c, const struct reply *reply)
{
	uint32_t i;

	if (reply->count)
		conn_answer(c, reply->posts[0], reply->tag, false);
	for (i = 1; i < reply->count; i++)
		conn_tell(c, reply->posts[i]);
}

/* Enters the room, if it is still wished.  *is_kicked: it may not stay. */
static bool reply_enter(struct conn *c, const struct reply *reply, bool *is_kicked)
{
	struct room *r = room_find(c->worker, reply->room);
	struct place *place = r ? room_place(r, c) : NULL;

	if (!place || place_is_granted(place))
		return false;
	*is_kicked = place->index == PLACE_KICKED;
	if (reply->posts[0]->num)
		r->num = reply->posts[0]->num;
	if (room_join(r, c) < 0) {
		conn_end(c);
		return false;
	}
	return true;
}

static void reply_refuse_entry(struct conn *c, const struct reply *reply)
{
	struct room *r = room_find(c->worker, reply->room);
	struct place *place = r ? room_place(r, c) : NULL;

	if (place && !place_is_granted(place))
		room_leave(r, c);
	else if (place && reply->error == ERR_FORBIDDEN)
		home_leave(c, r, true);		/* it was in, and may be no more */
}

static void reply_take(struct conn *c, const struct reply *reply)
{
	struct room *r = room_find(c->worker, reply->room);
	struct place *place;

	/* What the room heard before this answer was given goes before it. */
	if (r)
		room_flush(r);
	if (c->state != CONN_OPEN)
		return;
	if (reply->kind == REQUEST_CATCH_UP) {
		catchup_take(c, reply);
		return;
	}
	if (reply->kind == REQUEST_JOIN && reply->error != ERR_NONE)
		reply_refuse_entry(c, reply);
	reply_tell(c, reply);
	/* It may have left again meanwhile, and been told so before; if it is on its way back in, that answer has its own replay. */
	place = r ? room_place(r, c) : NULL;
	if (reply->kind == REQUEST_JOIN && reply->next && place && place_is_granted(place) &&
	    catchup_begin(c, r, reply->next) < 0)
		conn_end(c);
}

void request_lost(struct mail *mail, void *worker)
{
	struct ask *ask = (struct ask *)mail;
	struct conn *c = worker_conn(worker, ask->from);

	if (c)
		conn_end(c);
	ask_free(ask);
}

void request_replied(struct mail *mail, void *worker)
{
	struct reply *reply = (struct reply *)mail;
	struct conn *c = worker_conn(worker, reply->to);
	bool is_open = c && c->state == CONN_OPEN, is_kicked = false;
	uint32_t i;

	/* Of a place that was given up before it was granted only this worker knows. */
	if (reply->is_entry && !(is_open && reply_enter(c, reply, &is_kicked)))
		home_tell_leave(worker, reply->room, &reply->uid, is_open);
	if (is_open) {
		reply_take(c, reply);
		request_ended(c, reply->kind);
	}
	if (is_kicked)
		people_put_out(c, reply->room);
	for (i = 0; i < reply->count; i++)
		post_unref(reply->posts[i]);
	free(reply);
}
