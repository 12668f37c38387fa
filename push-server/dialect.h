/* dialect.h - a dialect is a codec between a room's events and a connection's frames.  Three implementations; nothing
 * outside them knows which one a connection speaks.
 * Threads: the connection's worker. */
#ifndef WXCHAT_DIALECT_H
#define WXCHAT_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "frame.h"
#include "post.h"

struct conn;
struct worker;
struct slice;

enum dialect_kind { DIALECT_JSON, DIALECT_TUNNEL, DIALECT_SOCKETIO, DIALECT_COUNT };

struct dialect {
	const char *name;

	/* Right behind the 101: what the protocol says first.  query is the URL's; has_session: it has been found good, and the
	 * dialect is to join the room (now or when its protocol says so). */
	void (*greet)(struct conn *c, const char *query, size_t len, bool has_session);

	/* Credentials may come later, in a message of the dialect's own. */
	bool may_show_later;

	/* The heartbeat goes out every ping_s even to a client that talks all the time. */
	bool needs_heartbeat;

	/* One text or binary message from the client. */
	void (*take)(struct conn *c, enum frame_opcode opcode, char *data, size_t len);

	/* Appends the payload of the message that tells p; is_own: to a connection of the sender.  Returns its opcode; 0 when
	 * this dialect has no word for p; a negative errno.  The same for every connection of the dialect. */
	int (*encode)(struct worker *w, const struct post *p, bool is_own, struct buf *out);

	/* Appends the payload that answers the request of that tag with p (dialect's own number, 0 for none).  Returns as encode.
	 * is_copy: the connection has p already as its own copy of a message. */
	int (*answer)(struct worker *w, const struct post *p, uint32_t tag, bool is_copy, struct buf *out);

	/* Appends the payload that tells a dead session: json is the error object.  Returns as encode. */
	int (*dismiss)(const struct conn *c, const char *json, size_t len, struct buf *out);

	/* Beside the protocol's own ping: an application heartbeat's payload; 0 for none. */
	int (*heartbeat)(struct buf *out);
};

const struct dialect *dialect_of(enum dialect_kind kind);

/* Joins the room that the query names, or the default one, with its since and epoch. */
void dialect_join(struct conn *c, const char *query, size_t len);

/* Appends the whole object of a message or an event. */
int dialect_object(const struct post *p, bool is_own, struct buf *out);

extern const struct dialect dialect_json, dialect_tunnel, dialect_socketio;

#endif
