/* webhook_report.c - reports events in batches, from a thread of its own, again and again while the backend is away.
 * Producers only add to a list under a lock. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "clock.h"
#include "crypto.h"
#include "log.h"
#include "webhook.h"

enum { BATCH_ID_BYTES = 12 };

struct report {
	STAILQ_ENTRY(report) link;
	size_t len;
	char json[];
};
STAILQ_HEAD(report_list, report);

struct webhook {
	const struct config *config;
	struct http *http;		/* the thread's */
	bool wants[HOOK_EVENTS];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct report_list list;	/* under lock, as all below */
	unsigned waiting;
	size_t waiting_bytes;
	bool stopping, has_thread;
	uint64_t events, dropped, calls, failed;
};

bool webhook_wants(const struct webhook *w, enum hook_event kind)
{
	return w != NULL && w->wants[kind];
}

void webhook_post(struct webhook *w, enum hook_event kind, const char *room, const struct uid *uid, uint64_t id,
		  int64_t time_ms, const char *text, size_t len)
{
	struct buf json = BUF_INIT;
	struct report *report = NULL;
	bool is_taken = false;

	if (webhook_event(&json, kind, room, uid, id, time_ms, text, len) == 0 &&
	    (report = malloc(sizeof(*report) + json.len)) != NULL) {
		report->len = json.len;
		memcpy(report->json, json.data, json.len);
	}
	pthread_mutex_lock(&w->lock);
	w->events++;
	if (report != NULL && !w->stopping && w->waiting < (uint64_t)w->config->webhook.queue &&
	    w->waiting_bytes + report->len <= WEBHOOK_QUEUE_BYTES) {
		STAILQ_INSERT_TAIL(&w->list, report, link);
		w->waiting_bytes += report->len;
		is_taken = true;
		if (w->waiting++ == 0)
			pthread_cond_signal(&w->more);
	} else {
		w->dropped++;
	}
	pthread_mutex_unlock(&w->lock);
	if (!is_taken)
		free(report);
	buf_free(&json);
}

/* Waits under the lock until the moment, or until stopping. */
static void webhook_pause(struct webhook *w, unsigned ms)
{
	const struct timespec until = clock_timespec(clock_mono_ms() + ms);

	while (!w->stopping && pthread_cond_timedwait(&w->more, &w->lock, &until) != ETIMEDOUT)
		;
}

/* Moves what goes into one report to batch; false when nothing waits and the thread is to end. */
static bool webhook_gather(struct webhook *w, struct report_list *batch, unsigned *count)
{
	struct report *report;
	size_t bytes = 0;
	bool is_over;

	*count = 0;
	pthread_mutex_lock(&w->lock);
	while (w->waiting == 0 && !w->stopping)
		pthread_cond_wait(&w->more, &w->lock);
	if (w->waiting < WEBHOOK_BATCH_MAX)
		webhook_pause(w, WEBHOOK_GATHER_MS);
	while ((report = STAILQ_FIRST(&w->list)) != NULL && *count < WEBHOOK_BATCH_MAX &&
	       (*count == 0 || bytes + report->len <= WEBHOOK_BATCH_BYTES)) {
		STAILQ_REMOVE_HEAD(&w->list, link);
		STAILQ_INSERT_TAIL(batch, report, link);
		w->waiting--;
		w->waiting_bytes -= report->len;
		bytes += report->len;
		++*count;
	}
	is_over = *count == 0 && w->stopping;
	pthread_mutex_unlock(&w->lock);
	return !is_over;
}

static int batch_body(struct buf *body, struct report_list *batch)
{
	uint8_t id[BATCH_ID_BYTES];
	char name[2 * BATCH_ID_BYTES + 1];
	struct report *report;
	bool is_first = true;
	int r;

	if ((r = crypto_random(id, sizeof(id))) < 0)
		return r;
	hex_encode(id, sizeof(id), name);
	if ((r = buf_addf(body, "{\"type\":\"events\",\"batch\":\"%s\",\"events\":[", name)) < 0)
		return r;
	STAILQ_FOREACH(report, batch, link) {
		if ((!is_first && (r = buf_add(body, ",", 1)) < 0) ||
		    (r = buf_add(body, report->json, report->len)) < 0)
			return r;
		is_first = false;
	}
	return buf_adds(body, "]}");
}

/* True once the backend has taken it. */
static bool batch_try(struct webhook *w, const struct buf *body)
{
	struct http_answer answer = { .body = BUF_INIT };
	int r = webhook_send(w->http, w->config, (unsigned)w->config->webhook.timeout_ms, body->data, body->len, &answer);

	pthread_mutex_lock(&w->lock);
	w->calls++;
	w->failed += r < 0;
	pthread_mutex_unlock(&w->lock);
	if (r < 0)
		log_warn("webhook-failed", "status=%ld error=%s", answer.status, strerror(-r));
	buf_free(&answer.body);
	return r == 0;
}

/* False when it was given up at a stop: the rest is then not worth the wait. */
static bool batch_report(struct webhook *w, struct report_list *batch, unsigned count)
{
	struct buf body = BUF_INIT;
	bool is_taken = false, stopping = false;

	if (batch_body(&body, batch) == 0) {
		for (unsigned i = 0; i < WEBHOOK_TRIES && !is_taken && !stopping; i++) {
			is_taken = batch_try(w, &body);
			pthread_mutex_lock(&w->lock);
			if (!is_taken && i + 1 < WEBHOOK_TRIES)
				webhook_pause(w, 1000u << i);
			stopping = w->stopping;
			pthread_mutex_unlock(&w->lock);
		}
		if (!is_taken && stopping)
			is_taken = batch_try(w, &body);
	}
	if (!is_taken) {
		log_error("webhook-dropped", "events=%u", count);
		pthread_mutex_lock(&w->lock);
		w->dropped += count;
		pthread_mutex_unlock(&w->lock);
	}
	buf_free(&body);
	return is_taken || !stopping;
}

static void batch_free(struct report_list *batch)
{
	struct report *report;

	while ((report = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, link);
		free(report);
	}
}

static void *webhook_run(void *arg)
{
	struct webhook *w = arg;
	struct report_list batch;
	bool goes_on = true;
	unsigned count;

	pthread_setname_np(pthread_self(), "webhook");
	STAILQ_INIT(&batch);
	while (goes_on && webhook_gather(w, &batch, &count)) {
		goes_on = batch_report(w, &batch, count);
		batch_free(&batch);
	}
	return NULL;
}

struct webhook *webhook_new(const struct config *config)
{
	struct webhook *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->config = config;
	STAILQ_INIT(&w->list);
	for (enum hook_event i = 0; i < HOOK_EVENTS; i++)
		w->wants[i] = config_list_has(config->webhook.events, webhook_event_name(i));
	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->more);
	w->http = http_new(&(struct http_options){ .ca_file = NULL });
	w->has_thread = w->http != NULL && pthread_create(&w->thread, NULL, webhook_run, w) == 0;
	if (!w->has_thread) {
		webhook_free(w);
		return NULL;
	}
	return w;
}

void webhook_free(struct webhook *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	batch_free(&w->list);
	http_free(w->http);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void webhook_stats(struct webhook *w, struct hooks_stats *out)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	out->webhook_calls += w->calls;
	out->webhook_failed += w->failed;
	out->webhook_events = w->events;
	out->webhook_dropped = w->dropped;
	out->webhook_waiting = w->waiting;
	pthread_mutex_unlock(&w->lock);
}
