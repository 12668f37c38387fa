/* audit.c - counters and one line an event.  Knows no secrets, because nobody passes any. */
#include "audit.h"

#include "log.h"

void audit_init(struct audit *a)
{
	for (int i = 0; i < COUNT_KINDS; i++)
		atomic_init(&a->counts[i], 0);
}

void audit_count(struct audit *a, enum counter which, uint64_t n)
{
	atomic_fetch_add_explicit(&a->counts[which], n, memory_order_relaxed);
}

void audit_flush(struct audit *a, struct store *store)
{
	uint64_t add[COUNT_KINDS];
	uint64_t any = 0;
	int r;

	for (int i = 0; i < COUNT_KINDS; i++)
		any |= add[i] = atomic_exchange_explicit(&a->counts[i], 0, memory_order_relaxed);
	if (!any)
		return;
	r = store_counters_add(store, add);
	if (r == 0)
		return;
	log_warn("counters-kept", "error=%d", -r);
	for (int i = 0; i < COUNT_KINDS; i++)
		audit_count(a, (enum counter)i, add[i]);
}

void audit_line(const char *event, const char *uid, const char *address, const char *result, int64_t took_us)
{
	log_info(event, "uid=%s address=%s result=%s ms=%lld.%03lld", *uid ? uid : "-",
		 *address ? address : "-", result, (long long)(took_us / 1000), (long long)(took_us % 1000));
}
