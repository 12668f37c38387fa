/* conn.c - one connection's life: its socket, being told things, and the end.  How it begins is in upgrade.c, how it is
 * read in conn_read.c, what its messages mean in the dialects. */
#include "conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addresses.h"
#include "catchup.h"
#include "home.h"
#include "input.h"
#include "output.h"
#include "relay.h"
#include "room.h"
#include "server.h"
#include "text.h"
#include "tls.h"
#include "watch.h"
#include "worker.h"

const struct config *conn_config(const struct conn *c)
{
	return c->worker->server->config;
}

struct conn_ref conn_name(const struct conn *c)
{
	return (struct conn_ref){ c->slot, c->generation, c->worker->index };
}

void conn_address_text(const struct conn *c, char out[static IPADDR_TEXT])
{
	ipaddr_text(c->address, out);
}

/* Whether what it sends is still read as frames. */
bool conn_takes_frames(const struct conn *c)
{
	return conn_is_open(c) || (c->state == CONN_CLOSING && !c->closed_by_peer);
}

/* --- which events the loop watches --- */

void conn_again(struct conn *c)
{
	if (watch_again(c->worker, c) < 0)
		conn_end(c);
}

void conn_watch(struct conn *c)
{
	bool reads = c->pauses == 0 && c->state != CONN_DEAD;
	bool blocked_by_tls = reads && c->tls && tls_wants_write(c->tls);
	bool writes = (output_bytes(c->out) > 0 && !c->is_dirty) || blocked_by_tls;
	bool was_watched = c->is_reading || c->is_writing;

	if (reads == c->is_reading && writes == c->is_writing)
		return;
	c->is_reading = reads;
	c->is_writing = writes;
	if (watch_set(c->worker, c, c->fd, was_watched, reads, writes) < 0) {
		c->is_reading = c->is_writing = false;
		conn_end(c);
	} else if (reads && conn_takes_frames(c) && input_has_held(c->in)) {
		conn_again(c);		/* what is held makes no socket readable */
	}
}

struct conn *conn_new(struct worker *w, int fd, const uint8_t peer[static 16], bool with_tls)
{
	struct conn *c = calloc(1, sizeof(*c));
	uint32_t now = worker_now();

	if (!c || !worker_add_conn(w, c)) {
		free(c);
		close(fd);
		return NULL;
	}
	c->worker = w;
	c->fd = fd;
	c->state = with_tls ? CONN_TLS : CONN_HANDSHAKE;
	memcpy(c->address, peer, sizeof(c->address));
	c->seen_ms = c->ping_ms = now;
	c->deadline_ms = now + (uint32_t)conn_config(c)->push.handshake_s * 1000;
	if (with_tls)
		c->tls = tls_new(w->server->tls, fd);
	if ((with_tls && !c->tls) || watch_set(w, c, fd, false, true, false) < 0) {
		worker_drop_conn(w, c);
		tls_free(c->tls);
		free(c);
		close(fd);
		return NULL;
	}
	c->is_reading = true;
	return c;
}

void conn_free(struct conn *c)
{
	struct worker *w = c->worker;

	metric_set(&w->metrics.queued_bytes, metric_get(&w->metrics.queued_bytes) - output_bytes(c->out));
	close(c->fd);
	if (c->is_address_counted)
		addresses_give(w->server->addresses, c->address);
	worker_drop_conn(w, c);
	input_free(c->in);
	output_free(c->out);
	tls_free(c->tls);
	relay_unref(c->relay);
	catchup_free(c);
	text_wipe(c->wish);	/* credentials may stand in a query */
	free(c->more);
	free(c);
}

/* --- leaving --- */

static void conn_leave_rooms(struct conn *c)
{
	while (c->place.room) {
		home_leave(c, c->place.room, false);
	}
	if (c->is_counted) {
		c->is_counted = false;
		metric_set(&c->worker->metrics.authorised, metric_get(&c->worker->metrics.authorised) - 1);
	}
}

void conn_end(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_DEAD;
	conn_leave_rooms(c);
	if (c->is_reading || c->is_writing)
		watch_set(c->worker, c, c->fd, true, false, false);
	c->is_reading = c->is_writing = false;
	if (c->is_dirty)
		return;		/* the flush at the end of the turn moves it on to the dead */
	c->next = c->worker->dead_conns;
	c->worker->dead_conns = c;
}

/* Our half of the stream ends; the peer's end, or the deadline, ends the connection. */
void conn_shut(struct conn *c)
{
	if (c->tls)
		tls_end(c->tls);
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_ENDING;
	c->deadline_ms = worker_now() + CLOSE_WAIT_MS;
}

static void conn_count_close(struct conn *c, enum close_code code)
{
	struct metrics *m = &c->worker->metrics;

	switch (code) {
	case CLOSE_NO_SESSION:
		metric_add(&m->closed_session, 1);
		break;
	case CLOSE_BANNED:
		metric_add(&m->closed_banned, 1);
		break;
	case CLOSE_SLOW:
		metric_add(&m->closed_slow, 1);
		break;
	case CLOSE_RATE:
		metric_add(&m->closed_rate, 1);
		break;
	case CLOSE_PROTOCOL:
	case CLOSE_BAD_DATA:
	case CLOSE_TOO_BIG:
		metric_add(&m->closed_protocol, 1);
		break;
	default:
		break;
	}
}

void conn_flush_later(struct conn *c)
{
	struct worker *w = c->worker;

	if (c->is_dirty || c->state == CONN_DEAD)
		return;
	c->is_dirty = true;
	c->next = w->dirty_conns;
	w->dirty_conns = c;
}

void conn_touch(struct conn *c)
{
	if (!c->is_writing)
		conn_flush_later(c);
}

static void conn_queue(struct conn *c, struct chunk *chunk, uint32_t skip, bool is_told)
{
	struct worker *w = c->worker;

	if (output_add(&c->out, chunk, skip, is_told, worker_now()) < 0) {
		conn_end(c);
		return;
	}
	metric_set(&w->metrics.queued_bytes, metric_get(&w->metrics.queued_bytes) + chunk->len - skip);
	conn_touch(c);
}

/* Queues a control frame. */
void conn_control(struct conn *c, enum frame_opcode opcode, const void *payload, size_t len)
{
	struct chunk *chunk = chunk_new(2 + len);
	uint8_t head[FRAME_HEAD_MAX];

	if (!chunk) {
		conn_end(c);
		return;
	}
	frame_write_head(head, opcode, false, len);
	memcpy(chunk->bytes, head, 2);
	if (len)
		memcpy(chunk->bytes + 2, payload, len);
	conn_queue(c, chunk, 0, false);
	chunk_unref(chunk);
}

/* Of an open connection. */
static void conn_say_close(struct conn *c, enum close_code code, uint32_t wait_ms)
{
	uint8_t payload[2] = { (uint8_t)(code >> 8), (uint8_t)code };

	conn_leave_rooms(c);
	c->state = CONN_CLOSING;
	c->deadline_ms = worker_now() + wait_ms;
	c->pauses = 0;
	conn_control(c, FRAME_CLOSE, payload, code == CLOSE_NO_CODE ? 0 : 2);
	if (c->state != CONN_DEAD)
		conn_watch(c);
}

void conn_close(struct conn *c, enum close_code code)
{
	if (!conn_is_open(c)) {
		if (c->state == CONN_TLS || c->state == CONN_HANDSHAKE)
			conn_end(c);
		return;
	}
	conn_count_close(c, code);
	conn_say_close(c, code, code == CLOSE_SLOW ? SLOW_WAIT_MS : CLOSE_WAIT_MS);
}

void conn_answer_close(struct conn *c, enum close_code code)
{
	if (conn_is_open(c))
		conn_say_close(c, code, CLOSE_WAIT_MS);
	c->closed_by_peer = true;
}

/* The peer broke a rule: nothing more of it is wanted than its end. */
void conn_fail(struct conn *c, enum close_code code)
{
	if (conn_is_open(c))
		conn_close(c, code);
	c->closed_by_peer = true;
	if (c->state == CONN_CLOSING && !c->out)
		conn_shut(c);
}

void conn_dismiss(struct conn *c, enum error e)
{
	struct buf body = BUF_INIT, payload = BUF_INIT;
	int opcode;

	if (!conn_is_open(c))
		return;
	if (error_body(&body, e, true, NULL, NULL) == 0) {
		opcode = dialect_of(c->dialect)->dismiss(c, body.data, body.len, &payload);
		if (opcode > 0)
			conn_message(c, (enum frame_opcode)opcode, payload.data, payload.len);
	}
	buf_free(&body);
	buf_free(&payload);
	conn_close(c, e == ERR_BANNED ? CLOSE_BANNED : CLOSE_NO_SESSION);
}

/* --- sending --- */

static size_t conn_queue_max(const struct conn *c)
{
	return (size_t)conn_config(c)->push.queue_kb * 1024;
}

void conn_too_slow(struct conn *c)
{
	size_t before = output_bytes(c->out);

	output_cut(c->out);
	metric_set(&c->worker->metrics.queued_bytes,
		   metric_get(&c->worker->metrics.queued_bytes) - before + output_bytes(c->out));
	conn_close(c, CLOSE_SLOW);
}

void conn_send(struct conn *c, struct chunk *chunk)
{
	if (!conn_is_open(c))
		return;
	/* What it asked for itself, a long replay say, does not make it slow. */
	if (output_told(c->out) > 0 && output_told(c->out) + chunk->len > conn_queue_max(c)) {
		conn_too_slow(c);
		return;
	}
	conn_queue(c, chunk, 0, true);
}

void conn_send_raw(struct conn *c, struct chunk *chunk)
{
	conn_queue(c, chunk, 0, false);
}

void conn_finish(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_CLOSING;
	c->closed_by_peer = true;
	c->deadline_ms = worker_now() + CLOSE_WAIT_MS;
}

void conn_send_now(struct conn *c, struct chunk *chunk)
{
	ssize_t n;

	/* Whoever is in several rooms may be told by another one in this turn, too: then one write for both. */
	if (c->out || c->tls || c->more_count || c->state != CONN_OPEN) {
		conn_send(c, chunk);
		return;
	}
	n = send(c->fd, chunk->bytes, chunk->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)chunk->len)
		return;
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			conn_end(c);
			return;
		}
		n = 0;
	}
	conn_queue(c, chunk, (uint32_t)n, true);
}

/* A part of what a client's own answers may come to while it does not take them: little before its session is known. */
static bool conn_owes(const struct conn *c, unsigned parts)
{
	size_t most = conn_queue_max(c) / 2;

	if (c->state == CONN_GREETED && most > HANDSHAKE_MAX_BYTES)
		most = HANDSHAKE_MAX_BYTES;
	return output_bytes(c->out) > most / parts || output_pieces(c->out) > OWN_PIECES_MAX / parts;
}

/* What a client asked for itself must not pile up either: it is not read until it has taken its answers. */
void conn_check_own_output(struct conn *c)
{
	if (conn_is_open(c) && conn_owes(c, 1))
		conn_pause(c, PAUSE_OUTPUT);
}

void conn_message(struct conn *c, enum frame_opcode opcode, const char *payload, size_t len)
{
	struct worker *w = c->worker;
	struct chunk *chunk;

	if (!conn_is_open(c))
		return;
	chunk = worker_frame(w, opcode, payload, len, c->window_bits);
	if (!chunk) {
		conn_close(c, CLOSE_INTERNAL);
		return;
	}
	metric_add(&w->metrics.messages_out, 1);
	conn_queue(c, chunk, 0, false);
	chunk_unref(chunk);
	conn_check_own_output(c);
}

void conn_tell(struct conn *c, const struct post *p)
{
	bool is_own = p->has_uid && p->kind == POST_MESSAGE && uid_equal(&p->uid, &c->uid);
	struct buf *out = &c->worker->scratch;
	int opcode;

	buf_reset(out);
	opcode = dialect_of(c->dialect)->encode(c->worker, p, is_own, out);
	if (opcode > 0)
		conn_message(c, (enum frame_opcode)opcode, out->data, out->len);
}

void conn_answer(struct conn *c, const struct post *p, uint32_t tag, bool is_copy)
{
	struct buf *out = &c->worker->scratch;
	int opcode;

	buf_reset(out);
	opcode = dialect_of(c->dialect)->answer(c->worker, p, tag, is_copy, out);
	if (opcode > 0)
		conn_message(c, (enum frame_opcode)opcode, out->data, out->len);
}

void conn_flush(struct conn *c)
{
	struct metrics *m = &c->worker->metrics;
	ssize_t n;

	if (c->state == CONN_DEAD)
		return;
	if (c->out) {
		n = output_write(&c->out, c->fd, c->tls, worker_now());
		if (n < 0) {
			conn_end(c);
			return;
		}
		metric_add(&m->writes, 1);
		metric_add(&m->bytes_out, (uint64_t)n);
		metric_set(&m->queued_bytes, metric_get(&m->queued_bytes) - (uint64_t)n);
	}
	if (!c->out && c->state == CONN_CLOSING && c->closed_by_peer)
		conn_shut(c);
	if ((c->pauses & PAUSE_OUTPUT) && !conn_owes(c, 2))
		conn_resume(c, PAUSE_OUTPUT);
	if (c->is_catching_up && c->state == CONN_OPEN && !conn_owes(c, 2))
		catchup_go_on(c);
	if (c->state != CONN_DEAD)
		conn_watch(c);
}

void conn_pause(struct conn *c, enum conn_pause why)
{
	c->pauses |= (uint8_t)why;
	if (c->state != CONN_DEAD)
		conn_watch(c);
}

void conn_resume(struct conn *c, enum conn_pause why)
{
	if (!(c->pauses & why) || c->state == CONN_DEAD)
		return;
	c->pauses &= (uint8_t)~why;
	if (c->pauses == 0)
		conn_watch(c);
}
