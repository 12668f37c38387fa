/* fuzz_query.c - queries, credentials and the encodings under them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "encode.h"
#include "query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_walk(const char *text, size_t len)
{
	struct query_item item;
	size_t pos = 0, seen = 0;

	while (query_next(text, len, &pos, &item)) {
		assert(pos <= len && item.name >= text && item.value + item.value_len <= text + len);
		assert(item.name + item.name_len <= item.value);
		seen++;
	}
	assert(seen <= len);
}

static void check_encodings(const char *text, size_t len)
{
	char *encoded = malloc(3 * len + 5), *decoded = malloc(len + 1);
	int n;

	assert(percent_encode(text, len, encoded, 3 * len + 1) >= 0);
	assert(percent_decode(encoded, strlen(encoded), 0, decoded, len) == (int)len);
	assert(memcmp(decoded, text, len) == 0);
	base64_encode(text, len, encoded);
	assert(base64_decode(encoded, strlen(encoded), decoded, len) == (int)len);
	assert(memcmp(decoded, text, len) == 0);
	/* what decodes strictly has one spelling, blanks apart */
	n = base64_decode(text, len, decoded, len);
	if (n >= 0 && !memchr(text, ' ', len)) {
		base64_encode(decoded, (size_t)n, encoded);
		assert(strlen(encoded) == len && memcmp(encoded, text, len) == 0);
	}
	assert(n < 0 || base64_decode_loose(text, len, decoded, len) == n);
	percent_decode(text, len, 1, decoded, len);
	hex_decode(text, len, decoded, len / 2);
	free(encoded);
	free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char out[64], *text = malloc(len + 1);
	struct credentials c;
	int n;

	if (!text)
		abort();
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	check_walk((const char *)data, len);
	n = query_get((const char *)data, len, "room", out, sizeof(out));
	assert(n < 0 || (n < (int)sizeof(out) && strlen(out) == (size_t)n));
	if (credentials_find(NULL, NULL, NULL, (const char *)data, len, &c) == 0)
		assert(strlen(c.skey) == SKEY_TEXT_LEN);
	credentials_find(text, text, text, (const char *)data, len, &c);
	if (credentials_read(NULL, text, NULL, &c) == 0)
		assert(credentials_read(NULL, NULL, text, &c) == -ENOENT);
	credentials_read(NULL, NULL, text, &c);
	check_encodings((const char *)data, len);
	free(text);
	return 0;
}
