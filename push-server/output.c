/* output.c - a short queue of (chunk, offset). */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bounds.h"
#include "tls.h"

struct piece {
	struct chunk *chunk;
	uint32_t offset;
	bool is_told;
};

struct output {
	size_t bytes, told;
	size_t begun;		/* of these, what TLS has taken into a record that it could not send: the next write is of them */
	uint32_t since_ms;
	uint32_t taken;		/* bytes since then */
	uint32_t first, count, size;	/* of a ring of pieces */
	struct piece *pieces;
	struct piece few[4];
};

size_t output_bytes(const struct output *o)
{
	return o ? o->bytes : 0;
}

size_t output_told(const struct output *o)
{
	return o ? o->told : 0;
}

uint32_t output_pieces(const struct output *o)
{
	return o ? o->count : 0;
}

uint32_t output_since(const struct output *o)
{
	return o->since_ms;
}

static struct piece *output_piece(struct output *o, uint32_t i)
{
	return &o->pieces[(o->first + i) & (o->size - 1)];
}

static int output_grow(struct output *o)
{
	struct piece *pieces = malloc(2 * o->size * sizeof(*pieces));
	uint32_t i;

	if (!pieces)
		return -ENOMEM;
	for (i = 0; i < o->count; i++)
		pieces[i] = *output_piece(o, i);
	if (o->pieces != o->few)
		free(o->pieces);
	o->pieces = pieces;
	o->size *= 2;
	o->first = 0;
	return 0;
}

int output_add(struct output **at, struct chunk *chunk, uint32_t skip, bool is_told, uint32_t now_ms)
{
	struct output *o = *at;

	if (!o) {
		o = malloc(sizeof(*o));
		if (!o)
			return -ENOMEM;
		memset(o, 0, sizeof(*o));
		o->pieces = o->few;
		o->size = sizeof(o->few) / sizeof(o->few[0]);
		o->since_ms = now_ms;
		*at = o;
	}
	if (o->count == o->size) {
		int r = output_grow(o);

		if (r < 0)
			return r;
	}
	*output_piece(o, o->count++) = (struct piece){ chunk_ref(chunk), skip, is_told };
	o->bytes += chunk->len - skip;
	o->told += is_told ? chunk->len - skip : 0;
	return 0;
}

/* n bytes have left. */
static void output_sent(struct output *o, size_t n)
{
	o->bytes -= n;
	while (n > 0 || (o->count && output_piece(o, 0)->offset == output_piece(o, 0)->chunk->len)) {
		struct piece *p = output_piece(o, 0);
		size_t rest = p->chunk->len - p->offset;

		if (p->is_told)
			o->told -= n < rest ? n : rest;
		if (n < rest) {
			p->offset += (uint32_t)n;
			return;
		}
		n -= rest;
		chunk_unref(p->chunk);
		o->first = (o->first + 1) & (o->size - 1);
		o->count--;
	}
}

static ssize_t output_write_plain(struct output *o, int fd)
{
	struct iovec iov[IOV_MAX_USED];
	struct msghdr message = { .msg_iov = iov };
	ssize_t n;
	uint32_t i;

	for (i = 0; i < o->count && i < IOV_MAX_USED; i++) {
		struct piece *p = output_piece(o, i);

		iov[i].iov_base = p->chunk->bytes + p->offset;
		iov[i].iov_len = p->chunk->len - p->offset;
	}
	message.msg_iovlen = i;
	n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

/* One TLS record holds several small pieces. */
static ssize_t output_write_tls(struct output *o, struct tls *tls)
{
	uint8_t record[16384];
	size_t len = 0;
	ssize_t n;
	uint32_t i;

	for (i = 0; i < o->count && len < sizeof(record); i++) {
		struct piece *p = output_piece(o, i);
		size_t rest = p->chunk->len - p->offset;

		if (rest > sizeof(record) - len)
			rest = sizeof(record) - len;
		memcpy(record + len, p->chunk->bytes + p->offset, rest);
		len += rest;
	}
	n = tls_write(tls, record, len);
	o->begun = n == 0 ? len : 0;
	return n;
}

ssize_t output_write(struct output **at, int fd, struct tls *tls, uint32_t now_ms)
{
	struct output *o = *at;
	ssize_t sum = 0, n;

	while (o && o->bytes > 0) {
		size_t before = o->bytes;

		n = tls ? output_write_tls(o, tls) : output_write_plain(o, fd);
		if (n < 0 && sum == 0)
			return n;
		if (n <= 0)	/* behind bytes that count, an error comes again with the next ones */
			break;
		o->taken += (uint32_t)n;
		if (o->taken >= STALLED_BYTES) {
			o->since_ms = now_ms;
			o->taken = 0;
		}
		output_sent(o, (size_t)n);
		sum += n;
		/* A short write says that the socket is full; only a long queue is worth another call. */
		if (!tls && o->bytes > 0 && (size_t)n < before && o->count < IOV_MAX_USED)
			break;
	}
	if (o && o->bytes == 0) {
		output_free(o);
		*at = NULL;
	}
	return sum;
}

void output_cut(struct output *o)
{
	uint32_t keep = o->count && output_piece(o, 0)->offset > 0 ? 1 : 0;
	size_t kept = keep ? output_piece(o, 0)->chunk->len - output_piece(o, 0)->offset : 0;

	for (; kept < o->begun; keep++)
		kept += output_piece(o, keep)->chunk->len - output_piece(o, keep)->offset;
	while (o->count > keep) {
		struct piece *p = output_piece(o, --o->count);

		o->bytes -= p->chunk->len - p->offset;
		o->told -= p->is_told ? p->chunk->len - p->offset : 0;
		chunk_unref(p->chunk);
	}
}

void output_free(struct output *o)
{
	uint32_t i;

	if (!o)
		return;
	for (i = 0; i < o->count; i++)
		chunk_unref(output_piece(o, i)->chunk);
	if (o->pieces != o->few)
		free(o->pieces);
	free(o);
}
