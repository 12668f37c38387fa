/* catchup.c - which connections hear of a room's messages from the history, and how far they are.  Reads no history itself. */
#include "catchup.h"

#include <errno.h>
#include <stdlib.h>

#include "conn.h"
#include "request_internal.h"
#include "room.h"

struct catchup {
	struct catchup *more;		/* of the same connection */
	struct room *room;
	uint64_t next;			/* the first message that it has not got */
	bool is_asked;			/* the next piece is on its way */
};

static struct catchup *catchup_find(const struct conn *c, const struct room *r)
{
	struct catchup *k;

	for (k = c->catching_up; k; k = k->more)
		if (k->room == r)
			return k;
	return NULL;
}

bool catchup_is(const struct conn *c, const struct room *r)
{
	return catchup_find(c, r) != NULL;
}

int catchup_begin(struct conn *c, struct room *r, uint64_t next)
{
	struct catchup *k = catchup_find(c, r);

	if (!k) {
		if (!(k = calloc(1, sizeof(*k))))
			return -ENOMEM;
		k->room = r;
		k->more = c->catching_up;
		c->catching_up = k;
		c->is_catching_up = true;
	}
	k->next = next;
	k->is_asked = false;
	conn_touch(c);
	return 0;
}

void catchup_drop(struct conn *c, const struct room *r)
{
	struct catchup **link, *k;

	for (link = &c->catching_up; (k = *link); link = &k->more)
		if (k->room == r) {
			*link = k->more;
			free(k);
			break;
		}
	c->is_catching_up = c->catching_up != NULL;
}

void catchup_free(struct conn *c)
{
	while (c->catching_up)
		catchup_drop(c, c->catching_up->room);
}

void catchup_go_on(struct conn *c)
{
	struct catchup *k;
	struct ask *ask;

	for (k = c->catching_up; k; k = k->more)
		if (k->is_asked)
			return;		/* what waits is one piece, in however many rooms it catches up */
	if (!(k = c->catching_up))
		return;
	if (!(ask = ask_new(REQUEST_CATCH_UP))) {
		conn_end(c);	/* it comes again, and asks for what it missed */
		return;
	}
	ask_address(ask, k->room->name, "");
	ask->number = k->next;
	k->is_asked = true;
	request_send(c, ask, 0);
}

/* The other rooms' turn comes first. */
static void catchup_rotate(struct conn *c, struct catchup *k)
{
	struct catchup **link;

	for (link = &c->catching_up; *link != k; link = &(*link)->more)
		;
	*link = k->more;
	while (*link)
		link = &(*link)->more;
	*link = k;
	k->more = NULL;
}

void catchup_take(struct conn *c, const struct reply *reply)
{
	struct room *r = room_find(c->worker, reply->room);
	struct catchup *k = r ? catchup_find(c, r) : NULL;
	uint32_t i;

	/* It has left the room, or begun anew from somewhere else; the other rooms have waited for this answer. */
	if (!k || !k->is_asked || k->next != reply->from) {
		if (c->is_catching_up)
			conn_touch(c);
		return;
	}
	if (reply->error != ERR_NONE) {
		conn_close(c, CLOSE_INTERNAL);
		return;
	}
	k->is_asked = false;
	k->next = reply->next;
	if (reply->next)
		catchup_rotate(c, k);
	else
		catchup_drop(c, r);
	for (i = 0; i < reply->count; i++)
		conn_tell(c, reply->posts[i]);
	if (c->is_catching_up)
		conn_touch(c);		/* a dialect may know nothing of what was told */
}
