/* admin_metrics.h - figures of both programs: gathered once, then told as Prometheus text or as JSON.
 * Threads: any; figures_take reads what workers count without disturbing them. */
#ifndef WXCHAT_ADMIN_METRICS_H
#define WXCHAT_ADMIN_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "history.h"
#include "hooks.h"
#include "metrics.h"
#include "process.h"
#include "store.h"

struct server;

/* One worker's counts, as plain numbers. */
struct worker_figures {
#define METRIC_PLAIN(name, help) uint64_t name;
	METRICS(METRIC_PLAIN)
	GAUGES(METRIC_PLAIN)
#undef METRIC_PLAIN
	uint64_t fanout_bucket[FANOUT_BUCKETS];
};

struct figures {
	const char *version;
	int64_t now_ms, started_ms;
	unsigned worker_count;
	struct worker_figures *workers;		/* owned */
	struct history_stats history;
	struct hooks_stats hooks;
	struct process process;
	uint64_t bans, mutes;
	bool has_store;				/* the login program's figures could be read */
	uint64_t login[COUNT_KINDS], users, sessions, media_bytes;
};

/* with_fds: count descriptors, too (see process.h).  -ENOMEM. */
int figures_take(struct figures *f, struct server *s, bool with_fds);
void figures_free(struct figures *f);

/* The text format of Prometheus, version 0.0.4. */
int figures_metrics(const struct figures *f, struct buf *out);

/* One JSON object with the sums over workers, for the console. */
int figures_json(const struct figures *f, struct buf *out);

#endif
