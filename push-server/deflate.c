/* deflate.c - zlib, one message at a time. */
#include "deflate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct deflater {
	z_stream out, in;
	bool has_out, has_in;
	int level;
};

enum { MEM_LEVEL = 8 };

/* RFC 7692 7.2.1: the tail that a sender leaves out. */
static const uint8_t tail[4] = { 0x00, 0x00, 0xff, 0xff };

struct deflater *deflater_new(int level)
{
	struct deflater *d = calloc(1, sizeof(*d));

	if (d)
		d->level = level;
	return d;
}

void deflater_free(struct deflater *d)
{
	if (!d)
		return;
	if (d->has_out)
		deflateEnd(&d->out);
	if (d->has_in)
		inflateEnd(&d->in);
	free(d);
}

int deflate_message(struct deflater *d, const void *in, size_t len, struct buf *out)
{
	size_t start = out->len, room;
	int r;

	if (len > UINT_MAX)
		return -EMSGSIZE;
	if (!d->has_out) {
		if (deflateInit2(&d->out, d->level, Z_DEFLATED, -DEFLATE_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
			return -ENOMEM;
		d->has_out = true;
	} else {
		deflateReset(&d->out);
	}
	room = deflateBound(&d->out, (uLong)len) + 16;
	if ((r = buf_reserve(out, room)) < 0)
		return r;
	d->out.next_in = (Bytef *)in;
	d->out.avail_in = (uInt)len;
	d->out.next_out = (Bytef *)out->data + start;
	d->out.avail_out = (uInt)room;
	if (deflate(&d->out, Z_SYNC_FLUSH) != Z_OK || d->out.avail_in || d->out.avail_out == 0)
		return -ENOMEM;
	out->len = start + room - d->out.avail_out;
	if (out->len - start >= sizeof(tail) && memcmp(out->data + out->len - 4, tail, 4) == 0)
		out->len -= 4;
	return 0;
}

/* Runs inflate over one piece; bytes past limit are an error.  Returns 1 when the piece ended with a final block, 0 when
 * there may be more. */
static int inflate_piece(struct deflater *d, const void *in, size_t len, size_t limit, struct buf *out)
{
	d->in.next_in = (Bytef *)in;
	d->in.avail_in = (uInt)len;
	for (;;) {
		size_t room = limit + 1 - out->len;
		int r, z;

		if (room > 16384)
			room = 16384;
		if ((r = buf_reserve(out, room)) < 0)
			return r;
		d->in.next_out = (Bytef *)out->data + out->len;
		d->in.avail_out = (uInt)room;
		z = inflate(&d->in, Z_SYNC_FLUSH);
		out->len += room - d->in.avail_out;
		if (out->len > limit)
			return -EMSGSIZE;
		if (z == Z_STREAM_END) {	/* RFC 7692 7.2.3.4: what follows a final block begins anew */
			if (inflateReset(&d->in) != Z_OK)
				return -EBADMSG;
			if (d->in.avail_in == 0)
				return 1;
			continue;
		}
		if (z == Z_MEM_ERROR)
			return -ENOMEM;
		if (z != Z_OK && z != Z_BUF_ERROR)
			return -EBADMSG;
		if (d->in.avail_out > 0)
			return 0;
	}
}

/* Whether inflate stands between two blocks, as the tail leaves it when nothing was cut off before it. */
static bool inflate_is_between(const struct deflater *d)
{
	return d->in.data_type & 128;
}

int inflate_message(struct deflater *d, const void *in, size_t len, size_t max, struct buf *out)
{
	size_t limit = out->len + max;
	int r;

	if (len > UINT_MAX)
		return -EMSGSIZE;
	if (len == 0)
		return buf_reserve(out, 1);	/* not what 7.2.3.6 would send, but it can mean one thing only */
	if (!d->has_in) {
		if (inflateInit2(&d->in, -DEFLATE_BITS) != Z_OK)
			return -ENOMEM;
		d->has_in = true;
	} else {
		inflateReset(&d->in);
	}
	r = inflate_piece(d, in, len, limit, out);
	if (r != 0)
		return r < 0 ? r : 0;
	r = inflate_piece(d, tail, sizeof(tail), limit, out);
	if (r < 0)
		return r;
	return inflate_is_between(d) ? 0 : -EBADMSG;
}
