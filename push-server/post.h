/* post.h - one thing that a room's members are told: a message, an event or a piece of binary data.
 * Built once, handed to every worker that has members, changed by nobody.
 * Threads: any; references are atomic. */
#ifndef WXCHAT_POST_H
#define WXCHAT_POST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uid.h"

enum post_kind {
	POST_MESSAGE,	/* text: the object behind `{"type":"…",` up to its closing brace */
	POST_EVENT,	/* text: a whole object */
	POST_BINARY	/* text: bytes */
};

/* A connection, named so that it can be asked for after it is gone. */
struct conn_ref {
	uint32_t slot, generation;
	uint16_t worker;
};
enum { NO_WORKER = 0xffff };	/* as conn_ref.worker: nobody's connection */

struct relay;	/* what a sender of binary data has on its way; see relay.h */

struct post {
	atomic_uint refs;
	uint8_t kind;
	bool is_wanted_only;	/* for connections that asked for events=all */
	bool has_uid;
	bool is_for_uid;	/* EVENT: told to that user alone, instead of to all others */
	struct uid uid;		/* MESSAGE: the sender.  EVENT: a user who is not told, being its subject */
	struct uid *spared;	/* EVENT: more of those; owned */
	uint32_t spared_count;
	struct conn_ref sender;	/* the connection that sent it */
	uint32_t tag;		/* its dialect's number for the request */
	uint32_t num;		/* members when it was said; 0 when it does not tell */
	uint64_t id;
	struct relay *relay;
	size_t len;
	char text[];
};

/* Whether it is for connections of that user: anything is but some events. */
bool post_is_for_user(const struct post *p, const struct uid *uid);

/* One reference; text is copied when not NULL, else len bytes to be filled in.  NULL when memory is short. */
struct post *post_new(enum post_kind kind, const char *text, size_t len);
struct post *post_ref(struct post *p);
void post_unref(struct post *p);

#endif
