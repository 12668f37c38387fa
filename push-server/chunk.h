/* chunk.h - bytes on their way to sockets: built once, shared by every queue that they wait in, written to by nobody
 * after they were built.
 * Threads: one worker's; references are not atomic. */
#ifndef WXCHAT_CHUNK_H
#define WXCHAT_CHUNK_H

#include <stddef.h>
#include <stdint.h>

struct post;

struct chunk {
	unsigned refs;
	uint32_t len;
	struct post *held;	/* kept alive until the bytes are out (binary relay), or NULL */
	uint8_t bytes[];
};

/* NULL when memory is short.  One reference; len bytes to be filled in. */
struct chunk *chunk_new(size_t len);
struct chunk *chunk_ref(struct chunk *c);
void chunk_unref(struct chunk *c);

#endif
