/* bounds.h - the bounds of the push server that are not configuration, together with their units and what
 * happens when one is reached. */
#ifndef WXCHAT_BOUNDS_H
#define WXCHAT_BOUNDS_H

enum {
	HANDSHAKE_MAX_BYTES = 8192,	/* request line and headers; past it 431 */
	HANDSHAKE_MAX_HEADERS = 64,	/* past it 431 */
	HANDSHAKE_MAX_FORWARDED = 8,	/* lines of X-Forwarded-For; past it 400 */
	READ_BYTES = 64 << 10,		/* one read, into a buffer that all of a worker's connections share */
	READ_ROUNDS = 4,		/* reads of one connection in one loop turn; then the next one's turn */
	PENDING_MAX = 32,		/* messages of one connection that wait for the history; then it is not read */
	REPLAY_MAX = 500,		/* messages replayed to one joining connection; past it a gap is told */
	HISTORY_LIMIT_MAX = 100,	/* messages in one answer to the history operation */
	HISTORY_BYTES = 16 << 20,	/* bytes in it, and never more than queue_kb; past it fewer messages, but one */
	MEMBERS_LISTED_MAX = 500,	/* members in one answer to the members operation */
	PRESENCE_NAMED_MAX = 50,	/* members above which join and leave tell only the number */
	PRESENCE_INTERVAL_MS = 1000,	/* least time between two join/leave events of one room */
	MEMBERS_MAX = 64,		/* members of one object that are looked at without building a tree */
	RATE_STRIKES_MAX = 100,		/* messages refused for their rate within a minute; then 4429 */
	BAD_REQUESTS_MAX = 100,		/* malformed messages within a minute; then 4429 */
	CLOSE_WAIT_MS = 3000,		/* for the peer's half of the closing handshake and our last bytes */
	DRAIN_HANDSHAKE_MS = 1000,	/* past drain_s, for handshakes that had begun when a stop was asked for */
	SLOW_WAIT_MS = 30000,		/* the same for a slow reader, who is to learn why when it reads again; little waits for it */
	STALLED_MS = 20000,		/* a reader that in so long takes neither all that waits ... */
	STALLED_BYTES = 16 << 10,	/* ... nor so much of it is a slow one: 4408 */
	RESERVE_BLOCKS = 64,		/* of a worker, for when memory is short; used up, members are lost to their rooms */
	RESERVE_BYTES = 192,		/* in each */
	FLUSH_BYTES = 32 << 20,		/* that a room is told in one write; more in several */
	ACCEPTS_PER_TURN = 64,
	ACCEPT_PAUSE_MS = 100,		/* after running out of descriptors */
	BACKLOG = 4096,
	TICK_MS = 100,			/* the worker's one timer */
	SWEEP_TICKS = 8,		/* ticks in which every connection is looked at once */
	MAIL_HIGH = 4096,		/* mails waiting at one worker past which the history holds back new messages */
	OWN_PIECES_MAX = 1024,		/* answers that wait for one client; then it is not read */
	RELAY_HIGH_BYTES = 256 << 10,	/* binary bytes of one sender on their way; past it the sender is not read */
	RELAY_SHARES = 8,		/* and never more than this part of queue_kb, so that several senders fit into one reader's queue */
	IOV_MAX_USED = 64
};

#endif
