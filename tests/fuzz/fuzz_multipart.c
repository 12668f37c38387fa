/* fuzz_multipart.c - any bytes as a multipart body: what comes out does not depend on the pieces it arrives in. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "fcgi-login/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int on_part(void *arg, const struct multipart_part *part)
{
	return buf_addf(arg, "<%s|%s|%d>", part->name, part->filename, part->is_file);
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	assert(len > 0);
	return buf_add(arg, bytes, len);
}

static int on_part_end(void *arg)
{
	return buf_adds(arg, "</>");
}

static int parse(const uint8_t *data, size_t len, size_t piece, struct buf *out, bool *done)
{
	const struct multipart_handler h = { on_part, on_data, on_part_end, out };
	struct multipart m;
	int r = multipart_init(&m, "multipart/form-data; boundary=\"-B\"");

	for (size_t at = 0; at < len && r == 0; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);

		memcpy(copy, data + at, n);
		r = multipart_feed(&m, copy, n, &h);
		free(copy);
	}
	*done = multipart_done(&m);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf whole = BUF_INIT, pieces = BUF_INIT;
	bool whole_done, pieces_done;
	int r, s;

	if (len < 1)
		return 0;
	r = parse(data + 1, len - 1, len, &whole, &whole_done);
	s = parse(data + 1, len - 1, data[0] % 16 + 1u, &pieces, &pieces_done);
	assert(r == s && whole_done == pieces_done);
	assert(whole.len == pieces.len && (whole.len == 0 || !memcmp(whole.data, pieces.data, whole.len)));
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
