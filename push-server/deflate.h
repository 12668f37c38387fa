/* deflate.h - RFC 7692 without context takeover: each message is compressed by itself, so a broadcast is compressed once
 * for all, and a connection needs no memory for it.
 * Threads: one worker's; a deflater is made when first needed and freed when it has not been used for a while. */
#ifndef WXCHAT_DEFLATE_H
#define WXCHAT_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct deflater;

/* level 1 to 9.  NULL when memory is short. */
struct deflater *deflater_new(int level);
void deflater_free(struct deflater *d);

enum { DEFLATE_BITS = 15 };	/* log2 of the window for which messages are compressed: the largest */

/* Whether a window of so many bits is enough for a message of len bytes.  Nothing refers back further than the message is
 * long, so one that fits into a small window may be compressed with a large one: one compression serves all.
 * Inline: asked for each member that is told. */
static inline bool deflate_fits(unsigned window_bits, size_t len)
{
	return window_bits >= DEFLATE_BITS || len <= (size_t)1 << window_bits;
}

/* Appends the compressed payload to out; -ENOMEM. */
int deflate_message(struct deflater *d, const void *in, size_t len, struct buf *out);

/* Appends the inflated payload to out: -EMSGSIZE once it passes max (bombs end here), -EBADMSG for broken data. */
int inflate_message(struct deflater *d, const void *in, size_t len, size_t max, struct buf *out);

#endif
