/* sandbox.h - the pretended WeChat as a whole: the parts it is made of, its clock, its limits.
 * Threads:  one; everything belongs to the event loop in main.c.
 * Waiting:  nothing waits; what takes time ends in a callback of the loop.
 * Memory:   running out ends the program with one line.  It is a tool for tests; all that
 *           a peer can make it keep is bounded by the limits below. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct reply;

enum {
	SANDBOX_MAX_PEOPLE = 1 << 20,	/* past it wx.login fails */
	SANDBOX_MAX_CODES = 1 << 19,	/* past it the oldest code is forgotten */
	SANDBOX_MAX_FAULTS = 256,	/* past it a new one is refused */
	SANDBOX_MAX_CONSENTS = 64,	/* templates a person; past it wx.* fails */
	SANDBOX_MAX_LOG = 1000,		/* requests kept for GET /sandbox/log */
	SANDBOX_MAX_SENT = 1000,	/* of each kind, for GET /sandbox/sent */
	SANDBOX_MAX_BODY = 1 << 16,	/* bytes of a request; past it 413 */
	SANDBOX_MAX_JOBS = 1000		/* pushes and downloads under way; past it dropped */
};

struct sandbox {
	struct event_base *base;
	const char *app_id;
	const char *app_secret;
	const char *public_url;		/* where phones reach /sandbox; NULL: their Host */
	int64_t clock_shift_ms;		/* how far POST /sandbox/clock has moved the clock */
	struct people *people;
	struct codes *codes;
	struct tokens *tokens;
	struct faults *faults;
	struct journal *journal;
	struct push *push;
	struct media *media;
	LIST_HEAD(, reply) replies;	/* those that wait: for their time, or for ever */
};

/* Unix time in ms by the sandbox's own clock. */
int64_t sandbox_now(const struct sandbox *sb);

/* malloc, strdup and asprintf that end the program when memory does. */
void *mem_new(size_t size);	/* zeroed */
char *mem_copy(const char *text);
__attribute__((format(printf, 1, 2))) char *mem_format(const char *format, ...);

#endif
