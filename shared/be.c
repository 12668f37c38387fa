/* be.c - numbers as big-endian bytes. */
#include "be.h"

#include <assert.h>

void be_put(void *p, uint64_t value, size_t n)
{
	uint8_t *out = p;

	assert(n <= sizeof(value));
	while (n-- > 0) {
		out[n] = (uint8_t)value;
		value >>= 8;
	}
}

uint64_t be_get(const void *p, size_t n)
{
	const uint8_t *in = p;
	uint64_t value = 0;

	assert(n <= sizeof(value));
	while (n-- > 0)
		value = value << 8 | *in++;
	return value;
}
