/* fuzz_utf8.c - the fast validator against a slow one that decodes each character and judges the number. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* The length of the character at p, 0 if there is none. */
static size_t slow_character(const uint8_t *p, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = p[0];
	size_t n, i;

	if (c < 0x80)
		return 1;
	n = (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	c &= 0xffu >> (n + 1);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t good = 0, chars = 0, n, cut = len ? data[0] % (len + 1) : 0;
	struct utf8 u = { 0 };
	bool is_valid;

	while (good < len && (n = slow_character(data + good, len - good)) > 0) {
		good += n;
		chars++;
	}
	is_valid = good == len;
	assert(utf8_valid(data, len) == is_valid);
	assert((utf8_feed(&u, data, cut) && utf8_feed(&u, data + cut, len - cut) && u.need == 0) == is_valid);
	assert(utf8_prefix((const char *)data, len, SIZE_MAX) == good);
	assert(utf8_length((const char *)data, good) == chars);
	return 0;
}
