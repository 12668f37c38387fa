/* breaker.c - not waiting for a server that is known to be dead.  Knows no server and no clock. */
#include "breaker.h"

void breaker_init(struct breaker *b)
{
	*b = (struct breaker){ .pause_ms = BREAKER_PAUSE_MS };
	pthread_mutex_init(&b->lock, NULL);
}

void breaker_fini(struct breaker *b)
{
	pthread_mutex_destroy(&b->lock);
}

struct breaker_pass breaker_enter(struct breaker *b, unsigned timeout_ms, int64_t now_ms)
{
	struct breaker_pass pass = { .patience_ms = timeout_ms };

	pthread_mutex_lock(&b->lock);
	if (!b->is_open) {
		if (b->failures > 0 && timeout_ms > BREAKER_SHORT_MS)
			pass.patience_ms = BREAKER_SHORT_MS;
	} else if (!b->is_probing && now_ms - b->opened_ms >= b->pause_ms) {
		b->is_probing = pass.is_probe = true;
	} else {
		pass.patience_ms = 0;
		pass.reason = b->reason;
	}
	pthread_mutex_unlock(&b->lock);
	return pass;
}

void breaker_leave(struct breaker *b, const struct breaker_pass *pass, int reason, int64_t now_ms)
{
	pthread_mutex_lock(&b->lock);
	if (pass->is_probe)
		b->is_probing = false;
	if (reason == 0) {
		b->failures = 0;
		b->is_open = false;
		b->pause_ms = BREAKER_PAUSE_MS;
	} else {
		b->reason = reason;
		if (!b->is_open) {
			if (++b->failures >= BREAKER_FAILURES) {
				b->is_open = true;
				b->opened_ms = now_ms;
			}
		} else if (pass->is_probe) {	/* calls that began before it opened say nothing new */
			b->opened_ms = now_ms;
			b->pause_ms = b->pause_ms * 2 < BREAKER_PAUSE_MAX_MS ? b->pause_ms * 2 : BREAKER_PAUSE_MAX_MS;
		}
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
