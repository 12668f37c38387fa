/* admin_metrics.c - gathers figures and writes them down.  Knows no HTTP. */
#include "admin_metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "server.h"
#include "worker.h"

/* --- gathering --- */

static void worker_take(struct worker_figures *to, const struct metrics *from)
{
#define METRIC_TAKE(name, help) to->name = metric_get(&from->name);
	METRICS(METRIC_TAKE)
	GAUGES(METRIC_TAKE)
#undef METRIC_TAKE
	for (int i = 0; i < FANOUT_BUCKETS; i++)
		to->fanout_bucket[i] = metric_get(&from->fanout_bucket[i]);
}

int figures_take(struct figures *f, struct server *s, bool with_fds)
{
	*f = (struct figures){ .version = WXCHAT_VERSION, .now_ms = clock_wall_ms(), .started_ms = s->started_ms };
	if ((f->workers = calloc(s->worker_count, sizeof(*f->workers))) == NULL)
		return -ENOMEM;
	f->worker_count = s->worker_count;
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_take(&f->workers[i], &s->workers[i].metrics);
	history_stats(s->history, &f->history);
	f->bans = history_count(s->history, TABLE_BANS);
	f->mutes = history_count(s->history, TABLE_MUTES);
	hooks_stats(s->hooks, &f->hooks);
	process_read(&f->process);
	if (with_fds)
		process_count_fds(&f->process);
	f->has_store = s->store != NULL && store_counters(s->store, f->login) == 0 &&
		       store_totals(s->store, &f->users, &f->sessions, &f->media_bytes) == 0;
	return 0;
}

void figures_free(struct figures *f)
{
	free(f->workers);
	f->workers = NULL;
}

/* --- Prometheus --- */

static int head(struct buf *out, const char *name, const char *type, const char *help)
{
	return buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One value without labels.  The unit is in the name, so times are in seconds. */
static int one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	int r = head(out, name, type, help);

	return r < 0 ? r : buf_addf(out, "%s %" PRIu64 "\n", name, value);
}

static int one_seconds(struct buf *out, const char *name, const char *type, const char *help, uint64_t us)
{
	int r = head(out, name, type, help);

	return r < 0 ? r : buf_addf(out, "%s %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000, us % 1000000);
}

/* One family with a line for each worker; offset is into struct worker_figures.  Names that end in "_us" are told
 * in seconds. */
static int family(const struct figures *f, struct buf *out, const char *name, const char *type, const char *help,
		  size_t offset)
{
	size_t len = strlen(name);
	bool is_time = len > 3 && strcmp(name + len - 3, "_us") == 0, is_counter = strcmp(type, "counter") == 0;
	char full[96];
	int r;

	snprintf(full, sizeof(full), "wxchat_push_%.*s%s%s", (int)(is_time ? len - 3 : len), name,
		 is_time ? "_seconds" : "", is_counter ? "_total" : "");
	if ((r = head(out, full, type, help)) < 0)
		return r;
	for (unsigned i = 0; i < f->worker_count && r == 0; i++) {
		uint64_t v = *(const uint64_t *)((const char *)&f->workers[i] + offset);

		r = is_time ? buf_addf(out, "%s{worker=\"%u\"} %" PRIu64 ".%06" PRIu64 "\n", full, i, v / 1000000,
				       v % 1000000)
			    : buf_addf(out, "%s{worker=\"%u\"} %" PRIu64 "\n", full, i, v);
	}
	return r;
}

static int worker_families(const struct figures *f, struct buf *out)
{
	static const struct {
		const char *name, *type, *help;
		size_t offset;
	} families[] = {
#define METRIC_COUNTER(name, help) { #name, "counter", help, offsetof(struct worker_figures, name) },
#define METRIC_GAUGE(name, help) { #name, "gauge", help, offsetof(struct worker_figures, name) },
		METRICS(METRIC_COUNTER)
		GAUGES(METRIC_GAUGE)
#undef METRIC_COUNTER
#undef METRIC_GAUGE
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && r == 0; i++) {
		/* These two are the sum and the count of the histogram. */
		if (families[i].offset == offsetof(struct worker_figures, fanout_us) ||
		    families[i].offset == offsetof(struct worker_figures, fanouts))
			continue;
		r = family(f, out, families[i].name, families[i].type, families[i].help, families[i].offset);
	}
	return r;
}

static int histogram(const struct figures *f, struct buf *out)
{
	static const char name[] = "wxchat_push_fanout_duration_seconds";
	uint64_t below = 0, sum_us = 0;
	int r = head(out, name, "histogram", "time that one room's fan-out took on one worker");

	for (int b = 0; b < FANOUT_BUCKETS && r == 0; b++) {
		uint64_t bound_us = (uint64_t)50 << b;

		for (unsigned i = 0; i < f->worker_count; i++)
			below += f->workers[i].fanout_bucket[b];
		if (b + 1 < FANOUT_BUCKETS)
			r = buf_addf(out, "%s_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64 "\n", name,
				     bound_us / 1000000, bound_us % 1000000, below);
		else
			r = buf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, below);
	}
	for (unsigned i = 0; i < f->worker_count; i++)
		sum_us += f->workers[i].fanout_us;
	if (r == 0)
		r = buf_addf(out, "%s_sum %" PRIu64 ".%06" PRIu64 "\n%s_count %" PRIu64 "\n", name, sum_us / 1000000,
			     sum_us % 1000000, name, below);
	return r;
}

static int history_figures(const struct figures *f, struct buf *out)
{
	const struct history_stats *h = &f->history;
	int r;

	if ((r = one(out, "wxchat_history_batches_total", "counter", "transactions committed", h->batches)) < 0 ||
	    (r = one(out, "wxchat_history_appended_total", "counter", "messages stored", h->appended)) < 0 ||
	    (r = one(out, "wxchat_history_duplicates_total", "counter", "messages that were stored before",
		     h->duplicates)) < 0 ||
	    (r = one(out, "wxchat_history_failed_total", "counter", "changes that could not be stored",
		     h->failed)) < 0 ||
	    (r = one(out, "wxchat_history_pruned_total", "counter", "messages removed by age or number",
		     h->pruned)) < 0 ||
	    (r = one(out, "wxchat_history_erased_total", "counter", "messages recalled", h->erased)) < 0 ||
	    (r = one(out, "wxchat_history_waiting_bytes", "gauge", "bytes that wait for the disk",
		     h->waiting_bytes)) < 0 ||
	    (r = one_seconds(out, "wxchat_history_commit_seconds_total", "counter", "time spent in commits",
			     h->commit_us)) < 0 ||
	    (r = one(out, "wxchat_bans", "gauge", "bans kept", f->bans)) < 0)
		return r;
	return one(out, "wxchat_mutes", "gauge", "mutes kept", f->mutes);
}

static int hook_figures(const struct figures *f, struct buf *out)
{
	const struct hooks_stats *h = &f->hooks;
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} all[] = {
		{ "wxchat_checks_passed_total", "counter", "messages that passed the content check", h->checks_passed },
		{ "wxchat_checks_refused_total", "counter", "messages found risky", h->checks_refused },
		{ "wxchat_checks_failed_total", "counter", "messages that could not be checked", h->checks_failed },
		{ "wxchat_checks_recalled_total", "counter", "messages recalled after the check", h->checks_recalled },
		{ "wxchat_checks_waiting", "gauge", "messages that wait to be judged", h->checks_waiting },
		{ "wxchat_webhook_calls_total", "counter", "calls to the webhook", h->webhook_calls },
		{ "wxchat_webhook_failed_total", "counter", "calls to the webhook that failed", h->webhook_failed },
		{ "wxchat_webhook_events_total", "counter", "events to be reported", h->webhook_events },
		{ "wxchat_webhook_dropped_total", "counter", "events given up", h->webhook_dropped },
		{ "wxchat_webhook_waiting", "gauge", "events that wait to be reported", h->webhook_waiting },
		{ "wxchat_notices_sent_total", "counter", "subscribe messages sent", h->notices_sent },
		{ "wxchat_notices_refused_total", "counter", "subscribe messages without consent", h->notices_refused },
		{ "wxchat_notices_failed_total", "counter", "subscribe messages that failed", h->notices_failed },
		{ "wxchat_notices_waiting", "gauge", "messages of which the absent may have to be told", h->notices_waiting },
		{ "wxchat_media_recalled_total", "counter", "messages recalled for a risky file", h->media_recalled },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && r == 0; i++)
		r = one(out, all[i].name, all[i].type, all[i].help, all[i].value);
	return r;
}

static int login_figures(const struct figures *f, struct buf *out)
{
	static const char name[] = "wxchat_login_events_total";
	int r;

	if (!f->has_store)
		return 0;
	if ((r = head(out, name, "counter", "what the login program did, by kind")) < 0)
		return r;
	for (int i = 0; i < COUNT_KINDS && r == 0; i++)
		r = buf_addf(out, "%s{kind=\"%s\"} %" PRIu64 "\n", name, store_counter_name((enum counter)i),
			     f->login[i]);
	if (r < 0 || (r = one(out, "wxchat_users", "gauge", "users known", f->users)) < 0 ||
	    (r = one(out, "wxchat_sessions", "gauge", "sessions kept", f->sessions)) < 0)
		return r;
	return one(out, "wxchat_media_bytes", "gauge", "bytes of uploads kept", f->media_bytes);
}

static int process_figures(const struct figures *f, struct buf *out)
{
	const struct process *p = &f->process;
	int r;

	if ((r = one_seconds(out, "process_cpu_seconds_total", "counter", "CPU time of the process", p->cpu_us)) < 0 ||
	    (r = one(out, "process_resident_memory_bytes", "gauge", "memory in RAM", p->resident_bytes)) < 0 ||
	    (r = one(out, "wxchat_push_private_memory_bytes", "gauge", "memory of its own in RAM",
		     p->private_bytes)) < 0 ||
	    (r = one(out, "process_virtual_memory_bytes", "gauge", "address space", p->virtual_bytes)) < 0 ||
	    (r = one(out, "process_open_fds", "gauge", "descriptors open", p->open_fds)) < 0 ||
	    (r = one(out, "process_max_fds", "gauge", "descriptors allowed", p->max_fds)) < 0 ||
	    (r = one(out, "process_threads", "gauge", "threads", p->threads)) < 0)
		return r;
	return one_seconds(out, "process_start_time_seconds", "gauge", "when it was started, Unix time",
			   (uint64_t)f->started_ms * 1000);
}

int figures_metrics(const struct figures *f, struct buf *out)
{
	int r;

	if ((r = head(out, "wxchat_build_info", "gauge", "the version in a label")) < 0 ||
	    (r = buf_addf(out, "wxchat_build_info{version=\"%s\"} 1\n", f->version)) < 0 ||
	    (r = worker_families(f, out)) < 0 || (r = histogram(f, out)) < 0 || (r = history_figures(f, out)) < 0 ||
	    (r = hook_figures(f, out)) < 0 || (r = login_figures(f, out)) < 0)
		return r;
	return process_figures(f, out);
}

/* --- JSON --- */

static uint64_t total(const struct figures *f, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < f->worker_count; i++)
		sum += *(const uint64_t *)((const char *)&f->workers[i] + offset);
	return sum;
}

static uint64_t greatest(const struct figures *f, size_t offset)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < f->worker_count; i++) {
		uint64_t v = *(const uint64_t *)((const char *)&f->workers[i] + offset);

		most = v > most ? v : most;
	}
	return most;
}

int figures_json(const struct figures *f, struct buf *out)
{
	static const struct {
		const char *name;
		size_t offset;
	} sums[] = {
#define METRIC_SUM(name, help) { #name, offsetof(struct worker_figures, name) },
		METRICS(METRIC_SUM)
		GAUGES(METRIC_SUM)
#undef METRIC_SUM
	};
	int r = buf_addf(out,
			 "{\"ok\":true,\"version\":\"%s\",\"time\":%" PRId64 ",\"uptime_s\":%" PRId64
			 ",\"workers\":%u",
			 f->version, f->now_ms, (f->now_ms - f->started_ms) / 1000, f->worker_count);

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]) && r == 0; i++) {
		/* Lateness is no sum: the worst worker's counts. */
		bool is_lag = sums[i].offset == offsetof(struct worker_figures, lag_us) ||
			      sums[i].offset == offsetof(struct worker_figures, lag_max_us);

		r = buf_addf(out, ",\"%s\":%" PRIu64, sums[i].name,
			     is_lag ? greatest(f, sums[i].offset) : total(f, sums[i].offset));
	}
	if (r < 0 ||
	    (r = buf_addf(out,
			  ",\"history\":{\"appended\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"waiting_bytes\":%" PRIu64
			  ",\"batches\":%" PRIu64 ",\"commit_us\":%" PRIu64 "}",
			  f->history.appended, f->history.failed, f->history.waiting_bytes, f->history.batches,
			  f->history.commit_us)) < 0 ||
	    (r = buf_addf(out,
			  ",\"process\":{\"cpu_us\":%" PRIu64 ",\"resident_bytes\":%" PRIu64
			  ",\"private_bytes\":%" PRIu64 ",\"threads\":%" PRIu64 ",\"max_fds\":%" PRIu64 "}",
			  f->process.cpu_us, f->process.resident_bytes, f->process.private_bytes, f->process.threads,
			  f->process.max_fds)) < 0 ||
	    (r = buf_addf(out, ",\"bans\":%" PRIu64 ",\"mutes\":%" PRIu64, f->bans, f->mutes)) < 0)
		return r;
	if (f->has_store &&
	    (r = buf_addf(out, ",\"users\":%" PRIu64 ",\"sessions\":%" PRIu64 ",\"media_bytes\":%" PRIu64, f->users,
			  f->sessions, f->media_bytes)) < 0)
		return r;
	return buf_add(out, "}", 1);
}
