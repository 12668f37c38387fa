/* conn_read.c - what a connection reads: TLS, the handshake's bytes, frames, and messages handed to its dialect. */
#include "conn_internal.h"

#include <errno.h>
#include <sys/socket.h>

#include "deflate.h"
#include "input.h"
#include "server.h"
#include "tls.h"
#include "upgrade.h"
#include "utf8.h"
#include "worker.h"

static int on_control(void *arg, enum frame_opcode opcode, uint8_t *data, size_t len)
{
	struct conn *c = arg;
	int code;

	if (opcode == FRAME_CLOSE) {
		code = close_read(data, len);
		if (c->state == CONN_CLOSING) {		/* the answer to ours */
			c->closed_by_peer = true;
			if (!c->out)
				conn_shut(c);
			return INPUT_STOP;
		}
		if (code < 0)
			return code;
		conn_answer_close(c, (enum close_code)code);
		return INPUT_STOP;
	}
	if (!conn_is_open(c))
		return 0;
	if (opcode == FRAME_PING) {
		conn_control(c, FRAME_PONG, data, len);
		conn_check_own_output(c);
	}
	return c->state == CONN_DEAD || c->pauses ? INPUT_STOP : 0;
}

/* Inflates and checks what compressed messages hold.  0 or minus a close code. */
static int conn_inflate(struct conn *c, enum frame_opcode opcode, uint8_t **data, size_t *len)
{
	struct worker *w = c->worker;
	struct deflater *d = worker_deflater(w);
	int r;

	if (!d)
		return -CLOSE_INTERNAL;
	buf_free(&w->inflated);
	w->inflated.max = (size_t)conn_config(c)->push.max_message_kb * 1024 + 1;
	r = inflate_message(d, *data, *len, w->inflated.max - 1, &w->inflated);
	if (r < 0)
		return r == -EMSGSIZE ? -CLOSE_TOO_BIG : r == -ENOMEM ? -CLOSE_INTERNAL : -CLOSE_BAD_DATA;
	metric_add(&w->metrics.inflated, 1);
	*data = (uint8_t *)w->inflated.data;
	*len = w->inflated.len;
	return opcode == FRAME_TEXT && !utf8_valid(*data, *len) ? -CLOSE_BAD_DATA : 0;
}

static int on_message(void *arg, enum frame_opcode opcode, bool is_compressed, uint8_t *data, size_t len)
{
	struct conn *c = arg;
	int r;

	if (!conn_is_open(c))
		return 0;
	if (is_compressed && (r = conn_inflate(c, opcode, &data, &len)) < 0)
		return r;
	metric_add(&c->worker->metrics.messages_in, 1);
	if (c->state == CONN_ECHO)
		conn_message(c, opcode, (char *)data, len);
	else if (c->worker->refusing)
		conn_close(c, CLOSE_RESTART);
	else
		dialect_of(c->dialect)->take(c, opcode, (char *)data, len);
	if (is_compressed)
		buf_free(&c->worker->inflated);
	return c->state == CONN_DEAD || c->pauses ? INPUT_STOP : 0;
}

static void conn_handler(const struct conn *c, struct input_handler *h)
{
	uint64_t max = (uint64_t)conn_config(c)->push.max_message_kb * 1024;

	if (c->state == CONN_GREETED && max > HANDSHAKE_MAX_BYTES)
		max = HANDSHAKE_MAX_BYTES;
	h->on_message = on_message;
	h->on_control = on_control;
	h->max_message = max;
	/* Incompressible data grows: by five bytes a block, and blocks are short where memory is (zlib's deflateBound). */
	h->max_compressed = c->window_bits ? max + max / 8 + max / 64 + 64 : 0;
}

/* Takes frames from bytes[0..len). */
static void conn_take_frames(struct conn *c, uint8_t *bytes, size_t len)
{
	struct input_handler h;
	int64_t n;

	conn_handler(c, &h);
	n = input_feed(&c->in, &h, c, bytes, len);
	if (n < 0) {
		conn_fail(c, (enum close_code)-n);
	} else if ((size_t)n < len && conn_is_open(c) && input_hold(&c->in, bytes + n, len - (size_t)n) < 0) {
		conn_end(c);
	}
}

static void conn_take_held(struct conn *c)
{
	struct input_handler h;
	int r;

	conn_handler(c, &h);
	r = input_feed_held(&c->in, &h, c);
	if (r < 0)
		conn_fail(c, (enum close_code)-r);
}

static void conn_take(struct conn *c, uint8_t *bytes, size_t len)
{
	switch (c->state) {
	case CONN_HANDSHAKE: {
		size_t used = upgrade_take(c, (char *)bytes, len);

		/* Frames may come glued behind the handshake. */
		if (used < len && conn_takes_frames(c))
			conn_take_frames(c, bytes + used, len - used);
		break;
	}
	default:
		if (conn_takes_frames(c))
			conn_take_frames(c, bytes, len);
		break;		/* otherwise: what comes behind the end is nobody's */
	}
}

static ssize_t conn_recv(struct conn *c, uint8_t *out, size_t size)
{
	ssize_t n;

	if (c->tls)
		return tls_read(c->tls, out, size);
	n = recv(c->fd, out, size, 0);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -ECONNRESET;
}

static void conn_read(struct conn *c)
{
	struct worker *w = c->worker;
	unsigned round;

	if (conn_takes_frames(c) && input_has_held(c->in)) {	/* resumed: first what came before */
		conn_take_held(c);
		if (c->pauses)
			return;
	}
	for (round = 0; round < READ_ROUNDS && c->state != CONN_DEAD && !c->pauses; round++) {
		ssize_t n = conn_recv(c, w->read_buf, READ_BYTES);

		if (n < 0) {
			conn_end(c);
			return;
		}
		if (n == 0)
			break;
		c->seen_ms = worker_now();
		metric_add(&w->metrics.bytes_in, (uint64_t)n);
		conn_take(c, w->read_buf, (size_t)n);
		if ((size_t)n < READ_BYTES && !(c->tls && c->state != CONN_DEAD && tls_has_more(c->tls)))
			break;
	}
	/* What TLS holds already does not make the socket readable. */
	if (c->state != CONN_DEAD && !c->pauses && c->tls && tls_has_more(c->tls))
		conn_again(c);
}

void conn_on_ready(struct conn *c, bool reads, bool writes)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_TLS) {
		int r = tls_handshake(c->tls);

		if (r < 0) {
			metric_add(&c->worker->metrics.handshakes_refused, 1);
			conn_end(c);
			return;
		}
		if (r == 1)
			c->state = CONN_HANDSHAKE;
		conn_watch(c);
		if (r == 0)
			return;
		reads = true;
	}
	if (writes && c->out)
		conn_flush_later(c);
	else if (writes && c->tls)
		reads = true;	/* TLS has something of its own to write: reading goes on with it */
	if (reads && c->state != CONN_DEAD && !c->pauses)
		conn_read(c);
	if (c->state != CONN_DEAD && c->tls)
		conn_watch(c);
}
