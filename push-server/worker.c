/* worker.c - the loop, its turns and its one timer. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chunk.h"
#include "clock.h"
#include "config.h"
#include "conn.h"
#include "deflate.h"
#include "home.h"
#include "listener.h"
#include "room.h"
#include "server.h"

/* --- slots: a free one holds the number of the next free one, made odd --- */

enum { NO_SLOT = 0x7fffffff, DEFLATER_KEPT_MS = 10000 };

static bool slot_is_free(const struct conn *c)
{
	return (uintptr_t)c & 1;
}

static struct conn *slot_link(uint32_t next)
{
	return (struct conn *)((uintptr_t)next << 1 | 1);
}

struct conn *worker_slot(const struct worker *w, uint32_t slot)
{
	struct conn *c = w->slots[slot];

	return slot_is_free(c) ? NULL : c;
}

struct conn *worker_conn(struct worker *w, struct conn_ref ref)
{
	struct conn *c = ref.slot < w->slot_count ? worker_slot(w, ref.slot) : NULL;

	return c && c->generation == ref.generation && c->state != CONN_DEAD ? c : NULL;
}

bool worker_add_conn(struct worker *w, struct conn *c)
{
	uint32_t i;

	if (w->slot_free == NO_SLOT) {
		uint32_t size = w->slot_count ? w->slot_count * 2 : 64;
		struct conn **slots = realloc(w->slots, size * sizeof(struct conn *));

		if (!slots)
			return false;
		for (i = w->slot_count; i < size; i++)
			slots[i] = slot_link(i + 1 < size ? i + 1 : NO_SLOT);
		w->slot_free = w->slot_count;
		w->slots = slots;
		w->slot_count = size;
	}
	c->slot = w->slot_free;
	c->generation = ++w->generation;
	w->slot_free = (uint32_t)((uintptr_t)w->slots[c->slot] >> 1);
	w->slots[c->slot] = c;
	metric_set(&w->metrics.connections, ++w->conn_count);
	return true;
}

void worker_drop_conn(struct worker *w, struct conn *c)
{
	w->slots[c->slot] = slot_link(w->slot_free);
	w->slot_free = c->slot;
	metric_set(&w->metrics.connections, --w->conn_count);
}

/* --- small services --- */

uint32_t worker_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

unsigned worker_home_of(const struct worker *w, const char *room)
{
	return (unsigned)(map_hash(room) % w->server->worker_count);
}

struct store_reader *worker_sessions(struct worker *w)
{
	return server_reader(w->server, &w->sessions);
}

struct deflater *worker_deflater(struct worker *w)
{
	if (!w->deflater)
		w->deflater = deflater_new((int)w->server->config->push.deflate_level);
	w->deflater_used_ms = worker_now();
	return w->deflater;
}

static bool frame_pays(const struct worker *w, enum frame_opcode opcode, size_t len, unsigned window_bits)
{
	return window_bits && (opcode == FRAME_TEXT || opcode == FRAME_BINARY) &&
	       len >= (size_t)w->server->config->push.deflate_min && deflate_fits(window_bits, len);
}

int worker_add_frame(struct worker *w, struct buf *out, enum frame_opcode opcode, const char *payload, size_t len,
		     unsigned window_bits)
{
	uint8_t head[FRAME_HEAD_MAX];
	bool is_compressed = false;
	int r;

	if (frame_pays(w, opcode, len, window_bits) && worker_deflater(w)) {
		buf_reset(&w->deflated);
		if (deflate_message(w->deflater, payload, len, &w->deflated) == 0 && w->deflated.len < len) {
			payload = w->deflated.data;
			len = w->deflated.len;
			is_compressed = true;
			metric_add(&w->metrics.compressed, 1);
		}
	}
	r = buf_add(out, head, frame_write_head(head, opcode, is_compressed, len));
	return r == 0 ? buf_add(out, payload, len) : r;
}

struct chunk *worker_frame(struct worker *w, enum frame_opcode opcode, const char *payload, size_t len,
			   unsigned window_bits)
{
	struct chunk *chunk;

	buf_reset(&w->gathered);
	if (worker_add_frame(w, &w->gathered, opcode, payload, len, window_bits) < 0)
		return NULL;
	chunk = chunk_new(w->gathered.len);
	if (chunk)
		memcpy(chunk->bytes, w->gathered.data, w->gathered.len);
	return chunk;
}

void worker_post(struct worker *w, struct mail *mail)
{
	mailbox_post(&w->mailbox, mail);
}

static bool reserve_fill(struct worker *w)
{
	while (w->reserve_count < RESERVE_BLOCKS && (w->reserve[w->reserve_count] = malloc(RESERVE_BYTES)))
		w->reserve_count++;
	return w->reserve_count == RESERVE_BLOCKS;
}

void *worker_mail_new(struct worker *w, size_t size)
{
	void *mail = malloc(size);

	if (!mail && size <= RESERVE_BYTES && w->reserve_count > 0)
		mail = w->reserve[--w->reserve_count];
	return mail;
}

void worker_send(struct worker *w, unsigned to, struct mail *mail)
{
	STAILQ_INSERT_TAIL(&w->outbox[to], mail, link);
	w->outbox_count[to]++;
}

/* --- the end of a turn --- */

/* Mail to oneself needs no mailbox. */
static void turn_own_mail(struct worker *w)
{
	struct mail_list *own = &w->outbox[w->index];
	struct mail *mail;

	while ((mail = STAILQ_FIRST(own))) {
		STAILQ_REMOVE_HEAD(own, link);
		mail->run(mail, w);
	}
	w->outbox_count[w->index] = 0;
}

static void turn_flush(struct worker *w)
{
	while (w->dirty_rooms) {
		struct room *r = w->dirty_rooms;

		w->dirty_rooms = r->next_dirty;
		room_end_turn(r);
	}
	while (w->dirty_conns) {
		struct conn *c = w->dirty_conns;

		w->dirty_conns = c->next;
		c->is_dirty = false;
		if (c->state == CONN_DEAD) {
			c->next = w->dead_conns;
			w->dead_conns = c;
		} else {
			conn_flush(c);
		}
	}
}

/* Mail to the others. */
static void turn_post(struct worker *w)
{
	unsigned i;

	for (i = 0; i < w->server->worker_count; i++) {
		if (STAILQ_EMPTY(&w->outbox[i]))
			continue;
		mailbox_post_list(&w->server->workers[i].mailbox, &w->outbox[i], w->outbox_count[i]);
		w->outbox_count[i] = 0;
	}
}

/* The mail goes before the writing: who hears that something happened, and asks another worker, asks one that knows it. */
static void worker_end_turn(struct worker *w)
{
	do {
		turn_own_mail(w);
		turn_post(w);
		turn_flush(w);
	} while (!STAILQ_EMPTY(&w->outbox[w->index]) || w->dirty_rooms || w->dirty_conns);
	turn_post(w);	/* what the writing brought about: ends, pieces of replays */
	while (w->dead_conns) {
		struct conn *c = w->dead_conns;

		w->dead_conns = c->next;
		conn_free(c);
	}
	reserve_fill(w);
	metric_add(&w->metrics.turns, 1);
}

/* --- the tick --- */

/* Looks at a part of the connections, so that every one is looked at once in SWEEP_TICKS. */
static void worker_sweep(struct worker *w)
{
	uint32_t now = worker_now(), left = w->slot_count / SWEEP_TICKS + 1;
	int64_t wall = clock_wall_ms();
	struct conn *c;

	for (; left && w->slot_count; left--) {
		if (w->sweep_at >= w->slot_count) {
			struct store *store = w->server->store;
			uint64_t version = store ? store_version(store) : 0;

			w->sweep_at = 0;
			w->sweep_all = version != w->sweep_version;
			w->sweep_version = version;
		}
		if ((c = worker_slot(w, w->sweep_at++)))
			conn_sweep(c, now, wall, w->sweep_all);
	}
}

/* Closes each connection at a moment of its own within the drain time.  Who has been accepted but has not said yet what
 * it wants is still listened to. */
static void worker_drain(struct worker *w)
{
	uint32_t drain_ms = (uint32_t)w->server->config->push.drain_s * 1000, slot;
	uint32_t elapsed = worker_now() - w->drain_from_ms;
	struct conn *c;

	for (slot = 0; slot < w->slot_count; slot++) {
		if (!(c = worker_slot(w, slot)))
			continue;
		if (conn_is_open(c) && elapsed >= (uint32_t)((uint64_t)(c->generation * 2654435761u) * drain_ms >> 32))
			conn_close(c, CLOSE_RESTART);
		else if ((c->state == CONN_TLS || c->state == CONN_HANDSHAKE) && elapsed >= drain_ms + DRAIN_HANDSHAKE_MS)
			conn_end(c);
	}
}

static void worker_measure_lag(struct worker *w)
{
	int64_t now = clock_mono_us(), late = now - w->tick_due_us;

	w->tick_due_us = now + TICK_MS * 1000;
	if (late < 0)
		late = 0;
	metric_set(&w->metrics.lag_us, (uint64_t)late);
	if (w->ticks % 600 == 0 || (uint64_t)late > metric_get(&w->metrics.lag_max_us))
		metric_set(&w->metrics.lag_max_us, (uint64_t)late);
}

static void worker_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	w->ticks++;
	worker_measure_lag(w);
	worker_sweep(w);
	listener_tick(w);
	if (w->ticks % 2 == 0)
		home_tick(w);
	if (w->stopping)
		worker_drain(w);
	if (w->deflater && worker_now() - w->deflater_used_ms > DEFLATER_KEPT_MS) {
		deflater_free(w->deflater);
		w->deflater = NULL;
		buf_free(&w->deflated);
		buf_free(&w->inflated);
	}
	if (w->scratch.size > READ_BYTES)
		buf_free(&w->scratch);
	if (w->gathered.size > READ_BYTES)
		buf_free(&w->gathered);
}

/* --- the thread --- */

static void worker_on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	mailbox_read(&w->mailbox, w);
}

int worker_init(struct worker *w, struct server *server, unsigned index)
{
	struct timeval tick = { 0, TICK_MS * 1000 };
	struct event_config *config = event_config_new();
	unsigned i;
	int r;

	memset(w, 0, sizeof(*w));
	w->server = server;
	w->index = (uint16_t)index;
	w->slot_free = NO_SLOT;
	if (!config)
		return -ENOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	w->base = event_base_new_with_config(config);
	event_config_free(config);
	w->outbox = calloc(server->worker_count, sizeof(*w->outbox));
	w->outbox_count = calloc(server->worker_count, sizeof(*w->outbox_count));
	w->read_buf = malloc(READ_BYTES);
	if (!w->base || !w->outbox || !w->outbox_count || !w->read_buf || !reserve_fill(w))
		return -ENOMEM;
	for (i = 0; i < server->worker_count; i++)
		STAILQ_INIT(&w->outbox[i]);
	if ((r = watch_init(w)) < 0 || (r = mailbox_init(&w->mailbox)) < 0 || (r = history_reader_new(server->history, &w->past)) < 0)
		return r;
	event_assign(&w->mail_event, w->base, w->mailbox.wake_fd, EV_READ | EV_PERSIST, worker_on_mail, w);
	event_assign(&w->tick_event, w->base, -1, EV_PERSIST, worker_on_tick, w);
	if (event_add(&w->mail_event, NULL) < 0 || event_add(&w->tick_event, &tick) < 0)
		return -ENOMEM;
	w->tick_due_us = clock_mono_us() + TICK_MS * 1000;
	return 0;
}

void *worker_run(void *worker)
{
	struct worker *w = worker;

	pthread_setname_np(pthread_self(), "worker");
	while (!w->done) {
		event_base_loop(w->base, EVLOOP_ONCE);
		worker_end_turn(w);
	}
	return NULL;
}

void worker_quiet(struct worker *w)
{
	uint32_t slot;

	for (slot = 0; slot < w->slot_count; slot++)
		if (worker_slot(w, slot))
			conn_end(worker_slot(w, slot));
	worker_end_turn(w);
}

bool worker_read_mail(struct worker *w)
{
	bool has_mail = mailbox_waiting(&w->mailbox) > 0;

	mailbox_read(&w->mailbox, w);
	worker_end_turn(w);
	return has_mail;
}

void worker_fini(struct worker *w)
{
	struct map_entry *e, *at = NULL;
	uint32_t pos = 0;

	while ((e = map_next(&w->homes, &pos, &at)))
		home_free((struct home *)e);
	map_fini(&w->homes);
	map_fini(&w->rooms);
	watch_fini(w);
	event_del(&w->mail_event);
	event_del(&w->tick_event);
	event_base_free(w->base);
	mailbox_fini(&w->mailbox);
	store_reader_free(w->sessions);
	history_reader_free(w->past);
	deflater_free(w->deflater);
	buf_free(&w->scratch);
	buf_free(&w->gathered);
	buf_free(&w->inflated);
	buf_free(&w->deflated);
	while (w->reserve_count)
		free(w->reserve[--w->reserve_count]);
	free(w->slots);
	free(w->outbox);
	free(w->outbox_count);
	free(w->read_buf);
}
