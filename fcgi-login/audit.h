/* audit.h - what the operator can see afterwards: a line for each login, refusal, logout, upload and revocation, and
 * counters that go to the store in batches.
 * Threads: any. */
#ifndef WXCHAT_AUDIT_H
#define WXCHAT_AUDIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "store.h"

struct audit {
	atomic_ullong counts[COUNT_KINDS];	/* since the last flush */
};

void audit_init(struct audit *a);

void audit_count(struct audit *a, enum counter which, uint64_t n);

/* Adds what has been counted to the store's counters; nothing to do costs nothing.  What the store refused is
 * kept for the next time. */
void audit_flush(struct audit *a, struct store *store);

/* One line: EVENT uid=… address=… result=… ms=….  uid "" when nobody is known; result one word. */
void audit_line(const char *event, const char *uid, const char *address, const char *result, int64_t took_us);

#endif
