/* breaker.h - not waiting for a server that is known to be dead.
 * Closed: calls go through, with all their patience.  Open, after several failures in a row: one call at a time goes
 * through and finds out whether the server is back; the others are refused at once.  The first answer closes it.  There is no
 * pause between such probes, so that who asks alone gets through as soon as the server is there.  Every other probe has
 * little patience, which makes a dead server cost less; those between have all of it, or a slow one would be shut out for good.
 * Threads:  any; nothing waits. */
#ifndef WXCHAT_BREAKER_H
#define WXCHAT_BREAKER_H

#include <pthread.h>
#include <stdbool.h>

enum {
	BREAKER_FAILURES = 5,		/* in a row until it opens */
	BREAKER_SHORT_MS = 2000		/* patience of every other probe */
};

struct breaker {
	pthread_mutex_t lock;
	unsigned failures;		/* in a row, up to BREAKER_FAILURES: then it is open */
	bool is_probing, was_short;	/* was_short: of the last probe, its patience */
};

/* What a call that may go ahead was told; handed back with its outcome. */
struct breaker_pass {
	unsigned patience_ms;		/* how long it may wait; 0: it may not go ahead */
	bool is_probe;
};

void breaker_init(struct breaker *b);
void breaker_fini(struct breaker *b);

/* patience_ms is at most timeout_ms.  Whoever may go ahead calls breaker_leave or
 * breaker_return once. */
struct breaker_pass breaker_enter(struct breaker *b, unsigned timeout_ms);

/* has_answered: whatever it said.  Otherwise the server is not there. */
void breaker_leave(struct breaker *b, const struct breaker_pass *pass, bool has_answered);

/* Instead: nothing was asked in the end. */
void breaker_return(struct breaker *b, const struct breaker_pass *pass);

#endif
