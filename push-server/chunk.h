/* chunk.h - bytes on their way to sockets: built once, shared by every queue that they wait in, written to by nobody
 * after they were built.
 * Threads: one worker's; references are not atomic. */
#ifndef WXCHAT_CHUNK_H
#define WXCHAT_CHUNK_H

#include <stddef.h>
#include <stdint.h>

struct held;
struct post;

struct chunk {
	unsigned refs;
	uint32_t len;
	struct held *held;	/* posts that live until the bytes are out, or NULL */
	uint8_t bytes[];
};

/* NULL when memory is short.  One reference; len bytes to be filled in. */
struct chunk *chunk_new(size_t len);
struct chunk *chunk_ref(struct chunk *c);
void chunk_unref(struct chunk *c);

/* Keeps the binary ones among the posts until the bytes are out, so that their sender goes at its readers' pace.  Once a chunk,
 * before it is shared.  0 or -ENOMEM. */
int chunk_hold(struct chunk *c, struct post *const *posts, uint32_t count);

#endif
