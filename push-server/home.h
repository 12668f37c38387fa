/* home.h - a room's one home: it knows who is there over all workers, has messages stored, and tells the workers that
 * have members.  Joining and reading the past are one step here, so nothing slips between replay and live.
 * Threads: the worker's whose homes these are; home_ask_from_any is for every thread. */
#ifndef WXCHAT_HOME_H
#define WXCHAT_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "history.h"
#include "map.h"
#include "presence.h"
#include "request.h"
#include "store.h"

struct server;
struct worker;

/* A user whose coming or going has not been told yet. */
struct arrival {
	struct uid uid;
	bool is_leave;
};

struct home {
	struct map_entry entry;		/* first: by name */
	struct worker *worker;
	struct presence presence;
	uint64_t last;			/* the newest message that was told */
	uint32_t asks;			/* messages that wait for the history or a check */
	uint32_t *members;		/* connections, by worker */
	struct arrival *arrivals;	/* to be told, at most one event a second */
	uint32_t arrival_count, arrival_size;
	uint32_t told_ms;		/* when presence was last told */
	bool has_told;
	uint32_t members_all;		/* connections, on all workers */
	char name[ROOM_NAME_MAX + 1];
};

/* Carries an ask to the room's home; takes it.  From a worker's own thread. */
void home_ask(struct worker *from, struct ask *ask);

/* The same from any other thread: the operator's. */
void home_ask_from_any(struct server *server, struct ask *ask);

/* The connection's place in the room is gone.  is_asked: the client wished it, so it is told at once. */
void home_tell_leave(struct worker *from, const char *room, const struct uid *uid, bool is_asked);

/* The room's members on all workers hear p, if the user p->uid is one of them; by way of the home, so in one order for
 * all.  Takes a reference of its own. */
struct post;
void home_tell(struct worker *from, const char *room, struct post *p);

/* Takes the connection's place in the room away, and tells the home.  (A place that was asked for and not granted yet
 * is given back when the grant arrives: see request_replied.)  r may be gone afterwards. */
struct conn;
struct room;
void home_leave(struct conn *c, struct room *r, bool is_asked);

/* The history has done these, all of them for homes of this worker. */
void home_stored(struct worker *w, struct history_batch *batch);

/* The content check and webhooks are through with a message: it goes on to the history, or not.  Any thread. */
void home_checked(struct server *server, struct ask *ask, enum error verdict, const char *message);

/* The tick: those gone past their grace time, presence that waited for its second, rooms that emptied. */
void home_tick(struct worker *w);

/* The end of the worker. */
void home_free(struct home *h);

/* Is this a room's name?  1 to ROOM_NAME_MAX bytes of UTF-8 without control characters. */
bool home_name_valid(const char *name, size_t len);

#endif
