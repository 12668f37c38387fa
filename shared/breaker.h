/* breaker.h - not waiting for a server that is known to be dead.
 * Closed: calls go through; after a first failure they wait only a short while.  Open, after several failures in
 * a row: calls are refused at once.  Half open, after a pause: one call probes with full patience; its success
 * closes, its failure opens for twice as long.
 * Threads:  any; nothing waits. */
#ifndef WXCHAT_BREAKER_H
#define WXCHAT_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	BREAKER_FAILURES = 5,		/* in a row until it opens */
	BREAKER_SHORT_MS = 2000,	/* patience after a failure */
	BREAKER_PAUSE_MS = 2000,	/* open for so long at first */
	BREAKER_PAUSE_MAX_MS = 16000
};

struct breaker {
	pthread_mutex_t lock;
	unsigned failures;		/* in a row */
	int64_t opened_ms, pause_ms;
	bool is_open, is_probing;
	int reason;			/* of the last failure */
};

/* What a call that may go ahead was told; handed back with its outcome. */
struct breaker_pass {
	unsigned patience_ms;		/* how long it may wait; 0: it may not go ahead */
	int reason;			/* then: why the last call failed */
	bool is_probe;
};

void breaker_init(struct breaker *b);
void breaker_fini(struct breaker *b);

/* patience_ms is at most timeout_ms.  Whoever may go ahead calls breaker_leave or
 * breaker_return once. */
struct breaker_pass breaker_enter(struct breaker *b, unsigned timeout_ms, int64_t now_ms);

/* reason 0: it answered, whatever it said.  Otherwise the server is not there: a caller's code, told to those
 * who are refused. */
void breaker_leave(struct breaker *b, const struct breaker_pass *pass, int reason, int64_t now_ms);

/* Instead: nothing was asked in the end. */
void breaker_return(struct breaker *b, const struct breaker_pass *pass);

#endif
