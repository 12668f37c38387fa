/* buf.h - a growing run of bytes with a limit set at its birth.
 * Threads:  none of its own; one owner at a time.
 * Errors:   -EMSGSIZE past the limit, -ENOMEM; the contents are then as before. */
#ifndef WXCHAT_BUF_H
#define WXCHAT_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;	/* NUL-ended while len > 0 or after buf_str; owned */
	size_t len;	/* bytes in use, the ending NUL not counted */
	size_t size;	/* bytes allocated */
	size_t max;	/* the most that len may become; 0 means BUF_MAX */
};

enum { BUF_MAX = 64 << 20 };

#define BUF_INIT { NULL, 0, 0, 0 }
#define BUF_LIMIT(n) { NULL, 0, 0, (n) }

/* Releases the bytes and leaves an empty buf with the same limit; fine on a fresh one. */
void buf_free(struct buf *b);

/* Like buf_free, and wipes the bytes first. */
void buf_wipe(struct buf *b);

/* Empties, and keeps the memory for the next use. */
void buf_reset(struct buf *b);

/* Makes room for n more bytes, so that b->data + b->len can be written. */
int buf_reserve(struct buf *b, size_t n);

int buf_add(struct buf *b, const void *bytes, size_t n);
int buf_adds(struct buf *b, const char *text);
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops n bytes from the front; n <= len. */
void buf_drop(struct buf *b, size_t n);

/* Drops what is behind the first len bytes; len <= b->len. */
void buf_cut(struct buf *b, size_t len);

/* The bytes as a C string, "" when empty; borrowed until the next change. */
const char *buf_str(const struct buf *b);

#endif
