/* output.h - bytes that wait for a socket: references to chunks, written with as few calls as possible.
 * Threads: the connection's.  Memory: nothing while nothing waits. */
#ifndef WXCHAT_OUTPUT_H
#define WXCHAT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "chunk.h"

struct output;
struct tls;

/* Waiting bytes; 0 for NULL. */
size_t output_bytes(const struct output *o);

/* Of these, what rooms said: not what the connection asked for itself. */
size_t output_told(const struct output *o);

/* How many chunks wait: small ones cost more memory than they have bytes. */
uint32_t output_pieces(const struct output *o);

/* When the reader had last taken STALLED_BYTES (or the first bytes began to wait). */
uint32_t output_since(const struct output *o);

/* Queues what is behind the first skip bytes of chunk; takes a reference of its own.  *o is made when NULL; -ENOMEM. */
int output_add(struct output **o, struct chunk *chunk, uint32_t skip, bool is_told, uint32_t now_ms);

/* Writes as much as the socket takes, through tls when not NULL.  Returns the bytes written (0 when it takes none now) or a
 * negative errno.  When nothing waits any more *o is freed and NULL. */
ssize_t output_write(struct output **o, int fd, struct tls *tls, uint32_t now_ms);

/* Drops all that has not begun to leave: framing stays whole. */
void output_cut(struct output *o);

void output_free(struct output *o);

#endif
