/* worker.h - one thread with its event loop, its connections, its share of every room, and the rooms whose home it is.
 * Threads:  everything here belongs to the worker's thread but for worker_post and what is const after the start.
 * Turns:    callbacks queue; at the end of each turn of the loop mail to other threads leaves, then rooms are flushed, then
 *           connections, then the dead are freed.  So frames to one connection within a turn leave in one write, and whoever
 *           reads them and asks another thread finds it told. */
#ifndef WXCHAT_WORKER_H
#define WXCHAT_WORKER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "chunk.h"
#include "frame.h"
#include "history.h"
#include "bounds.h"
#include "log.h"
#include "mailbox.h"
#include "map.h"
#include "metrics.h"
#include "post.h"
#include "store.h"
#include "watch.h"

struct conn;
struct room;
struct server;
struct deflater;
struct listener;

struct worker {
	struct server *server;
	uint16_t index;
	pthread_t thread;
	struct event_base *base;
	struct mailbox mailbox;
	struct event mail_event, tick_event;
	struct watch watch;		/* the connections' sockets */
	struct listener *listeners;	/* array of listener_count */
	unsigned listener_count;
	struct mail_list *outbox;	/* per worker: what leaves at the end of the turn */
	unsigned *outbox_count;

	struct conn **slots;		/* by slot; NULL where free */
	uint32_t slot_count, slot_free, generation;
	uint32_t conn_count;
	uint32_t sweep_at;		/* the slot where the next sweep goes on */
	uint64_t sweep_version;		/* the store's version that the running round of sweeps stands for */
	bool sweep_all;			/* this round looks every session up */

	struct map rooms;		/* struct room: members on this worker */
	struct map homes;		/* struct home: rooms that live here */
	struct room *dirty_rooms;
	struct conn *dirty_conns;
	struct conn *dead_conns;

	struct store_reader *sessions;	/* by worker_sessions; there for whoever has a session */
	struct history_reader *past;
	struct deflater *deflater;	/* while in use */
	uint32_t deflater_used_ms;
	uint8_t *read_buf;		/* READ_BYTES */
	struct buf scratch, gathered, inflated, deflated;
	void *reserve[RESERVE_BLOCKS];	/* for worker_mail_new */
	unsigned reserve_count;
	struct log_limit log_limit;
	struct metrics metrics;
	int64_t tick_due_us;
	uint32_t ticks;
	bool stopping;			/* no new connections; the open ones are being closed */
	bool refusing;			/* a successor has taken over: messages are for it to take */
	uint32_t drain_from_ms;		/* when stopping began */
	bool done;			/* leave the loop */
};

/* What serves before threads start.  -errno. */
int worker_init(struct worker *w, struct server *server, unsigned index);

/* After its thread has ended, for each worker: worker_quiet ends its connections, worker_read_mail runs what others still
 * sent (false: nothing was there), worker_fini frees. */
void worker_quiet(struct worker *w);
bool worker_read_mail(struct worker *w);
void worker_fini(struct worker *w);

/* The thread's body. */
void *worker_run(void *worker);

/* Who is logged in; NULL until somebody has been. */
struct store_reader *worker_sessions(struct worker *w);

/* Any thread: runs mail in w's thread. */
void worker_post(struct worker *w, struct mail *mail);

/* w's thread: mail to another worker (or to itself), which leaves at the end of the turn. */
void worker_send(struct worker *w, unsigned to, struct mail *mail);

/* Memory for a small mail without which others would go on with a wrong idea: that a member is still there, that nothing was
 * said.  When there is none it comes from a few blocks that are kept for this; NULL only when these are used up as well. */
void *worker_mail_new(struct worker *w, size_t size);

/* The connection of that name, or NULL when it has gone. */
struct conn *worker_conn(struct worker *w, struct conn_ref ref);

/* Whoever is at that slot, or NULL; slots go from 0 to slot_count. */
struct conn *worker_slot(const struct worker *w, uint32_t slot);

/* Milliseconds, coarse and cheap; compare by subtraction (they wrap). */
uint32_t worker_now(void);

/* Gives the connection its slot and generation; false when memory is short.  drop takes them back. */
bool worker_add_conn(struct worker *w, struct conn *c);
void worker_drop_conn(struct worker *w, struct conn *c);

/* The worker's compressor; NULL when memory is short. */
struct deflater *worker_deflater(struct worker *w);

/* Appends one frame with this payload, compressed where the peer inflates (window_bits not 0) and it pays. */
int worker_add_frame(struct worker *w, struct buf *out, enum frame_opcode opcode, const char *payload, size_t len,
		     unsigned window_bits);
/* The same as a chunk with one reference; NULL when memory is short. */
struct chunk *worker_frame(struct worker *w, enum frame_opcode opcode, const char *payload, size_t len,
			   unsigned window_bits);

/* Which worker is the home of a room. */
unsigned worker_home_of(const struct worker *w, const char *room);

#endif
