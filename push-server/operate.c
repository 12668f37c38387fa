/* operate.c - builds the operator's asks and, for threads that may, waits for what comes back. */
#include "operate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "home.h"
#include "json.h"
#include "server.h"

/* Shared by who waits and who answers; the last one frees it, because a wait may end before its answer. */
struct wait {
	atomic_uint refs;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	bool is_ready;		/* under lock, as the answer */
	struct buf answer;
};

struct ask *operate_new(enum request_kind kind, const char *room, operate_done *done, void *context)
{
	struct ask *ask = ask_new(kind);

	if (ask == NULL)
		return NULL;
	ask->from.worker = NO_WORKER;
	ask->is_operator = true;
	ask->is_checked = true;
	memcpy(ask->room, room, strnlen(room, ROOM_NAME_MAX));
	ask->done = done;
	ask->context = context;
	return ask;
}

static int request_fill(struct history_request *q, const struct change *change)
{
	int r;

	q->verb = change->verb;
	q->table = change->table;
	q->amount = change->amount;
	q->time_ms = clock_wall_ms();
	if ((r = buf_add(&q->key, change->key, change->key_len)) < 0)
		return r;
	return change->value_len == 0 ? 0 : buf_add(&q->value, change->value, change->value_len);
}

int operate_change(struct server *s, const struct change *change, operate_done *done, void *context)
{
	struct history_request *q = calloc(1, sizeof(*q));
	struct ask *ask = operate_new(REQUEST_PING, "", done, context);
	int r = -ENOMEM;

	if (q != NULL && ask != NULL && (r = request_fill(q, change)) == 0) {
		q->context = ask;
		r = history_submit(s->history, q);
	}
	if (r == 0)
		return 0;
	if (q != NULL) {
		buf_free(&q->key);
		buf_free(&q->value);
	}
	free(q);
	ask_free(ask);
	return r;
}

static struct wait *wait_new(void)
{
	struct wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	atomic_init(&w->refs, 2);
	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->ready);
	return w;
}

static void wait_free(struct wait *w)
{
	buf_free(&w->answer);
	pthread_cond_destroy(&w->ready);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static void wait_unref(struct wait *w)
{
	if (atomic_fetch_sub(&w->refs, 1) == 1)
		wait_free(w);
}

int operate_take(struct buf *answer, const char *json, size_t len)
{
	int r = len > 0 && json[0] != '{' ? buf_add(answer, "{", 1) : 0;

	return r < 0 ? r : buf_add(answer, json, len);
}

static void on_answer(struct ask *ask, const char *json, size_t len)
{
	struct wait *w = ask->context;

	pthread_mutex_lock(&w->lock);
	(void)operate_take(&w->answer, json, len);
	w->is_ready = true;
	pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
	wait_unref(w);
}

static int wait_take(struct wait *w, struct buf *answer)
{
	const struct timespec until = clock_timespec(clock_mono_ms() + OPERATE_WAIT_MS);
	int r = 0;

	pthread_mutex_lock(&w->lock);
	while (!w->is_ready && r == 0)
		r = -pthread_cond_timedwait(&w->ready, &w->lock, &until);
	if (w->is_ready) {
		struct buf got = w->answer;

		w->answer = *answer;
		*answer = got;
		r = 0;
	}
	pthread_mutex_unlock(&w->lock);
	wait_unref(w);
	return r;
}

int operate_ask_wait(struct server *s, struct ask *ask, struct buf *answer)
{
	struct wait *w = wait_new();

	if (w == NULL) {
		ask_free(ask);
		return -ENOMEM;
	}
	ask->done = on_answer;
	ask->context = w;
	home_ask_from_any(s, ask);
	return wait_take(w, answer);
}

int operate_change_wait(struct server *s, const struct change *change, struct buf *answer)
{
	struct wait *w = wait_new();
	int r;

	if (w == NULL)
		return -ENOMEM;
	if ((r = operate_change(s, change, on_answer, w)) < 0) {
		wait_free(w);	/* nobody else has heard of it */
		return r;
	}
	return wait_take(w, answer);
}

enum error operate_refusal(const char *json, size_t len, struct buf *message)
{
	struct json_object *o = json_parse(json, len);
	const char *event, *reason = "", *words;
	enum error e = ERR_STORE;
	size_t n;

	if (o == NULL)
		return ERR_STORE;
	event = json_text(o, "event", &n);
	if (event == NULL || strcmp(event, "refused") != 0) {
		json_object_put(o);
		return ERR_NONE;
	}
	if (json_text(o, "reason", &n) != NULL)
		reason = json_text(o, "reason", &n);
	for (enum error i = ERR_NONE + 1; i < ERR_COUNT; i++)
		if (strcmp(error_name(i), reason) == 0)
			e = i;
	if (message != NULL && (words = json_text(o, "message", &n)) != NULL)
		(void)buf_add(message, words, n);
	json_object_put(o);
	return e;
}

enum error operate_recall_wait(struct server *s, const char *room, uint64_t id)
{
	struct ask *ask = operate_new(REQUEST_RECALL, room, NULL, NULL);
	struct buf answer = BUF_INIT;
	enum error e = ERR_STORE;

	if (ask == NULL)
		return ERR_STORE;
	ask->number = id;
	if (operate_ask_wait(s, ask, &answer) == 0)
		e = operate_refusal(answer.data, answer.len, NULL);
	buf_free(&answer);
	return e;
}
