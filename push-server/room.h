/* room.h - who on this worker hears a room.  Members are borrowed pointers: conn.c takes each out of its rooms before
 * it is freed.  What a room is told within a turn of the loop is put together once and leaves as one write a member.
 * Threads: the worker's. */
#ifndef WXCHAT_ROOM_H
#define WXCHAT_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "history.h"
#include "map.h"
#include "post.h"

struct conn;
struct worker;

struct room {
	struct map_entry entry;		/* first: by name */
	struct worker *worker;
	struct conn **members;
	uint32_t count, size;
	uint32_t num;			/* users in the room on all workers, as last heard */
	uint32_t joining;		/* connections that wait for the home's answer */
	struct post **posts;		/* of this turn, each referenced */
	uint32_t post_count, post_size;
	size_t post_bytes;
	struct room *next_dirty;
	bool is_dirty;
	char name[ROOM_NAME_MAX + 1];
};

/* The room of that name on this worker; made if need be.  NULL when memory is short. */
struct room *room_get(struct worker *w, const char *name);
struct room *room_find(struct worker *w, const char *name);

/* The connection becomes a member from now on (its place exists already, as PLACE_JOINING). */
int room_join(struct room *r, struct conn *c);

/* Takes the connection's place away, whether joining or joined; the room goes with its last one.
 * Does not tell the home: home_tell_leave does. */
void room_leave(struct room *r, struct conn *c);

/* All members hear p at the end of this turn.  Takes a reference of its own. */
void room_tell(struct room *r, struct post *p);

/* Sends what this turn gathered. */
void room_flush(struct room *r);

/* The same for the end of the turn: the room is dirty no more, and goes if it is empty. */
void room_end_turn(struct room *r);

/* Keeps the room while its members are walked and some of them leave. */
void room_hold(struct room *r);
void room_release(struct room *r);

/* The place of c in r, or NULL. */
struct place *room_place(const struct room *r, struct conn *c);

/* Any worker's thread, on behalf of a home: p for the members of room on worker `to`. */
int room_tell_worker(struct worker *from, unsigned to, const char *room, struct post *p);

#endif
