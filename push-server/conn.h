/* conn.h - one connection: its socket, what it is in the middle of, and what waits to be sent.
 * Threads:  its worker's, from accept to free.
 * Lifetime: conn_end marks it; it is freed at the end of the turn.  Others keep a struct conn_ref. */
#ifndef WXCHAT_CONN_H
#define WXCHAT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "credentials.h"
#include "dialect.h"
#include "error.h"
#include "frame.h"
#include "ipaddr.h"
#include "post.h"
#include "uid.h"

struct catchup;
struct handshake;
struct input;
struct output;
struct room;
struct tls;
struct worker;

enum conn_state {
	CONN_TLS,		/* TLS handshake */
	CONN_HANDSHAKE,		/* reading the HTTP request */
	CONN_ECHO,		/* the echo endpoint: open, without a session */
	CONN_GREETED,		/* open, the session still to be shown (Socket.IO's auth) */
	CONN_OPEN,		/* with a session */
	CONN_CLOSING,		/* a close frame is queued or sent; data is read and dropped */
	CONN_ENDING,		/* our half is shut down; waiting for the peer's end */
	CONN_DEAD		/* to be freed at the end of the turn */
};

enum conn_pause {
	PAUSE_PENDING = 1,	/* PENDING_MAX messages wait for the history */
	PAUSE_OUTPUT = 2,	/* its own answers wait to be taken */
	PAUSE_RELAY = 4		/* its binary data waits for others */
};

/* A place in a room's list of members, so that leaving is quick. */
struct place {
	struct room *room;
	uint32_t index;		/* in the list; before the home has answered, one of these */
};
enum {
	PLACE_KICKED = UINT32_MAX - 1,	/* whom a moderator has put out meanwhile: it goes as soon as it is in */
	PLACE_JOINING
};

static inline bool place_is_granted(const struct place *p)
{
	return p->index < PLACE_KICKED;
}

struct conn {
	/* What telling a room looks at, together in a cache line. */
	struct worker *worker;
	struct output *out;	/* while bytes wait */
	struct tls *tls;
	int fd;
	struct uid uid;
	uint16_t more_count;
	uint8_t state, pauses, dialect;
	uint8_t window_bits;	/* what the peer can inflate; 0 without compression */
	bool wants_all : 1;	/* events=all */
	bool is_catching_up : 1;	/* catching_up is not NULL */
	bool is_dirty : 1, is_writing : 1, is_reading : 1;
	bool closed_by_peer : 1, is_counted : 1, is_address_counted : 1;
	uint8_t rate_strikes, bad_strikes;
	uint16_t pending;	/* messages that wait for the history */

	struct conn *next;	/* in one of the worker's lists */
	struct input *in;	/* while a message is incomplete */
	struct relay *relay;	/* once it has sent binary data */
	char *wish;		/* the URL's query, until a dialect that joins later has read it */
	struct place place;	/* its first room */
	struct place *more;	/* the others */
	struct catchup *catching_up;	/* replays that are under way */
	int64_t rate_due_us;	/* when the next message would be exactly on rate */
	uint8_t session[SESSION_ID_LEN];
	uint8_t address[IPADDR_LEN];
	uint32_t slot, generation;
	uint32_t seen_ms;	/* last sign of life */
	uint32_t ping_ms;	/* last ping sent */
	uint32_t deadline_ms;	/* of the handshake or the closing */
	uint32_t expires_s;	/* Unix time */
	uint32_t revision;	/* of the user's profile when last seen */
	uint32_t strike_ms;	/* when the present minute of strikes began */
};

/* Takes fd; peer is its address (IPv4 mapped, all zero for unix sockets).  NULL when memory is short: fd is closed. */
struct conn *conn_new(struct worker *w, int fd, const uint8_t peer[static 16], bool with_tls);

/* Its socket can be read or written: for watch.c. */
void conn_on_ready(struct conn *c, bool reads, bool writes);

/* Frees at once: for the worker's end-of-turn alone. */
void conn_free(struct conn *c);

/* Queues bytes; they leave at the end of the turn.  Takes a reference of its own.  For what rooms say: a reader too
 * slow for queue_kb is closed with 4408. */
void conn_send(struct conn *c, struct chunk *chunk);

/* The fast way for a room's broadcast at the end of a turn: to the kernel at once if nothing waits before it. */
void conn_send_now(struct conn *c, struct chunk *chunk);

/* Queues one message with that payload, compressed if that pays. */
void conn_message(struct conn *c, enum frame_opcode opcode, const char *payload, size_t len);

/* Queues bytes as they are: the handshake's answer.  conn_finish ends the connection once they are out. */
void conn_send_raw(struct conn *c, struct chunk *chunk);
void conn_finish(struct conn *c);

/* Tells one post to this connection alone, in its dialect. */
void conn_tell(struct conn *c, const struct post *p);
void conn_answer(struct conn *c, const struct post *p, uint32_t tag, bool is_copy);

/* The error object, then the close: for ERR_INVALID_SESSION and ERR_BANNED alone. */
void conn_dismiss(struct conn *c, enum error e);

/* Starts the closing handshake. */
void conn_close(struct conn *c, enum close_code code);

/* The end, now: no close frame. */
void conn_end(struct conn *c);

/* Writes what is queued, and asks for more of a replay when little waits; for the end of the turn. */
void conn_flush(struct conn *c);

/* It is flushed at the end of this turn, whether or not anything is queued. */
void conn_flush_later(struct conn *c);

/* The same, unless the kernel is known to take nothing now. */
void conn_touch(struct conn *c);

void conn_pause(struct conn *c, enum conn_pause why);
void conn_resume(struct conn *c, enum conn_pause why);

/* The tick's look at one connection: deadlines, pings, silence, and with look_up its session. */
void conn_sweep(struct conn *c, uint32_t now_ms, int64_t wall_ms, bool look_up);

/* Makes it a connection with this session, ready to join rooms. */
struct member;
void conn_authorise(struct conn *c, const uint8_t session[static SESSION_ID_LEN], const struct member *who);

struct conn_ref conn_name(const struct conn *c);
void conn_address_text(const struct conn *c, char out[static IPADDR_TEXT]);

static inline bool conn_is_open(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_GREETED || c->state == CONN_ECHO;
}

#endif
