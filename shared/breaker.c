/* breaker.c - not waiting for a server that is known to be dead.  Knows no server and no clock. */
#include "breaker.h"

void breaker_init(struct breaker *b)
{
	*b = (struct breaker){ .failures = 0 };
	pthread_mutex_init(&b->lock, NULL);
}

void breaker_fini(struct breaker *b)
{
	pthread_mutex_destroy(&b->lock);
}

struct breaker_pass breaker_enter(struct breaker *b, unsigned timeout_ms)
{
	struct breaker_pass pass = { .patience_ms = timeout_ms };

	pthread_mutex_lock(&b->lock);
	if (b->failures >= BREAKER_FAILURES) {
		if (b->is_probing)
			pass.patience_ms = 0;
		else if (!b->was_short && timeout_ms > BREAKER_SHORT_MS)
			pass.patience_ms = BREAKER_SHORT_MS;
		pass.is_probe = !b->is_probing;
		b->is_probing = true;
	}
	pthread_mutex_unlock(&b->lock);
	return pass;
}

void breaker_leave(struct breaker *b, const struct breaker_pass *pass, bool has_answered)
{
	pthread_mutex_lock(&b->lock);
	if (pass->is_probe) {
		b->is_probing = false;
		b->was_short = !b->was_short;
	}
	if (has_answered) {
		b->failures = 0;
		b->was_short = false;
	} else if (b->failures < BREAKER_FAILURES) {
		b->failures++;
	}
	pthread_mutex_unlock(&b->lock);
}

void breaker_return(struct breaker *b, const struct breaker_pass *pass)
{
	pthread_mutex_lock(&b->lock);
	if (pass->is_probe)
		b->is_probing = false;
	pthread_mutex_unlock(&b->lock);
}
