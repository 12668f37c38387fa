/* request.h - what a client wants, whichever dialect it said it in.
 * Threads: the connection's worker. */
#ifndef WXCHAT_REQUEST_H
#define WXCHAT_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "history.h"
#include "mailbox.h"
#include "post.h"
#include "store.h"

struct conn;
struct worker;

enum request_kind {
	REQUEST_MESSAGE, REQUEST_JOIN, REQUEST_LEAVE, REQUEST_HISTORY, REQUEST_MEMBERS, REQUEST_RECALL, REQUEST_TYPING,
	REQUEST_READ, REQUEST_PING, REQUEST_CONSENT, REQUEST_MUTE, REQUEST_UNMUTE, REQUEST_KICK,
	REQUEST_CATCH_UP	/* no client's: the next piece of a replay (catchup.h) */
};

/* A request on its way to the room's home and, as an answer, back.  Sent as mail; the home owns it. */
struct ask {
	struct mail mail;
	enum request_kind kind;
	struct conn_ref from;		/* worker NO_WORKER: from the operator */
	uint32_t tag;			/* the dialect's own; comes back with the answer */
	char room[ROOM_NAME_MAX + 1];
	char cid[CID_MAX + 1];
	char epoch[EPOCH_LEN + 1];
	struct uid uid;			/* who asks */
	struct uid whom;		/* MUTE, KICK: whom it is about; MEMBERS: the only one asked for, or nobody */
	bool has_since, is_again, is_operator, is_checked;	/* is_again: JOIN of a room that it is in */
	uint64_t number;		/* since, before, or a message's id; CATCH_UP: the first one wanted */
	uint64_t next;			/* out, JOIN and CATCH_UP: where the replay goes on; 0: it is at its end */
	uint32_t limit;			/* HISTORY: messages; MUTE: seconds, 0 for ever */
	char *text;			/* MESSAGE: fields up to and with avatarUrl, then a comma; owned */
	size_t text_len;
	char *words;			/* MESSAGE: its `content` when that is text, for the content check; owned or NULL */
	/* When set, called once in the home's thread instead of answering a connection: the operator's requests. */
	void (*done)(struct ask *ask, const char *json, size_t len);
	void *context;
};

struct ask *ask_new(enum request_kind kind);
void ask_free(struct ask *ask);

/* Carries out what the JSON text says: a message when it has no `op`. */
void request_take(struct conn *c, const char *text, size_t len, uint32_t tag);

/* Refuses to the connection alone; it stays. */
void request_refuse(struct conn *c, enum error e, const char *message, const char *cid, uint32_t tag);

/* A refusal for an object that should never have been sent; too many of them end the connection. */
void request_bad(struct conn *c, const char *message, const char *cid, uint32_t tag);

/* A message of that room has been told to this worker: if one of its connections sent it, that one may go on. */
void request_told(struct worker *w, const char *room, const struct post *p);

/* What the home answers to one connection: texts in order, and the place in the room that they may open or end. */
struct reply {
	struct mail mail;
	struct conn_ref to;
	uint32_t tag;
	enum request_kind kind;
	bool is_entry;			/* JOIN: the user counts as one connection more in the room */
	struct uid uid;			/* whose */
	enum error error;		/* ERR_NONE, or why it was refused */
	uint64_t from, next;		/* of the ask: number and next */
	char room[ROOM_NAME_MAX + 1];
	uint32_t count;
	struct post *posts[];		/* the answer first; what is replayed behind it */
};

/* In the connection's worker. */
void request_replied(struct mail *mail, void *worker);

/* The same for an ask that comes back because there was no memory to answer it: its connection ends. */
void request_lost(struct mail *mail, void *worker);

/* A message of text alone, as the tunnel's speak says it. */
void request_text(struct conn *c, const char *word, size_t len, uint32_t tag);

/* Binary data for the connection's first room. */
void request_binary(struct conn *c, const char *data, size_t len);

/* Joins the room of the URL, with its since and epoch (NULL when not given). */
void request_join(struct conn *c, const char *room, const char *since, const char *epoch);

#endif
