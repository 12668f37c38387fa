/* be.h - numbers as big-endian bytes, so that keys sort as numbers do.
 * Threads: any. */
#ifndef WXCHAT_BE_H
#define WXCHAT_BE_H

#include <stddef.h>
#include <stdint.h>

/* The n lowest bytes of value, n <= 8, to and from p[0..n). */
void be_put(void *p, uint64_t value, size_t n);
uint64_t be_get(const void *p, size_t n);

#endif
