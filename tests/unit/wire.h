/* wire.h - bytes for tests of the protocol: rows written in hexadecimal, and a client's frames. */
#ifndef WXCHAT_TESTS_WIRE_H
#define WXCHAT_TESTS_WIRE_H

#include "unit.h"

/* "81 85 0102" as bytes in a heap block of exactly that size.  Blanks are for the eye. */
static inline uint8_t *wire_hex(const char *text, size_t *len)
{
	uint8_t *out = malloc(strlen(text) / 2 + 1), *whole;
	size_t n = 0;

	assert_non_null(out);
	for (; *text; text++) {
		char pair[3] = { text[0], text[1], '\0' };

		if (*text == ' ')
			continue;
		out[n++] = (uint8_t)strtoul(pair, NULL, 16);
		text++;
	}
	whole = (uint8_t *)exact(out, n);
	free(out);
	*len = n;
	return whole;
}

/* bytes[from..to) in a heap block of exactly that size. */
static __attribute__((noinline, unused)) uint8_t *wire_part(const uint8_t *bytes, size_t from, size_t to)
{
	return (uint8_t *)exact(bytes + from, to - from);
}

#endif
