/* fuzz_input.c - messages out of bytes: the same ones, and the same end, whether they arrive at once, in pieces, or with a
 * handler that stops now and then. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "push-server/frame.h"
#include "push-server/input.h"
#include "utf8.h"

enum { MOST = 300, MOST_COMPRESSED = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was handed over, each with its kind and length before it. */
struct heard {
	struct buf all;
	unsigned count, stop_every;
};

static int heard_add(struct heard *h, char kind, const uint8_t *data, size_t len)
{
	assert(buf_addf(&h->all, "%c%zu:", kind, len) == 0 && buf_add(&h->all, data, len) == 0);
	return h->stop_every && ++h->count % h->stop_every == 0 ? INPUT_STOP : 0;
}

static int on_message(void *arg, enum frame_opcode opcode, bool is_compressed, uint8_t *data, size_t len)
{
	int r = heard_add(arg, (char)((is_compressed ? 'a' : 'A') + opcode), data, len);

	assert(opcode == FRAME_TEXT || opcode == FRAME_BINARY);
	assert(len <= (is_compressed ? MOST_COMPRESSED : MOST));
	assert(opcode != FRAME_TEXT || is_compressed || utf8_valid(data, len));
	memset(data, 0xff, len);
	return r;
}

static int on_control(void *arg, enum frame_opcode opcode, uint8_t *data, size_t len)
{
	assert(opcode == FRAME_CLOSE || opcode == FRAME_PING || opcode == FRAME_PONG);
	assert(len <= FRAME_CONTROL_MAX);
	return heard_add(arg, (char)('A' + opcode), data, len);
}

/* Feeds it in pieces of that many bytes.  0 or minus the close code. */
static int feed(struct heard *heard, bool may_compress, const uint8_t *data, size_t len, size_t piece)
{
	const struct input_handler handler = { on_message, on_control, MOST, may_compress ? MOST_COMPRESSED : 0 };
	struct input *in = NULL;
	int64_t r = 0;
	size_t at;

	for (at = 0; at < len && r >= 0; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		uint8_t *part = malloc(n);

		memcpy(part, data + at, n);
		r = input_feed(&in, &handler, heard, part, n);
		assert(r <= (int64_t)n);
		assert(r < 0 || (size_t)r == n || heard->stop_every);
		if (r >= 0 && (size_t)r < n)
			assert(input_hold(&in, part + r, n - (size_t)r) == 0);
		free(part);
		while (r >= 0 && input_has_held(in)) {
			r = input_feed_held(&in, &handler, heard);
			assert(r < 0 || r == 0 || r == INPUT_STOP);
		}
	}
	input_free(in);
	return r < 0 ? (int)r : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct heard whole = { BUF_INIT, 0, 0 }, pieces = { BUF_INIT, 0, 0 };
	bool may_compress;
	int first, second;

	if (len < 2)
		return 0;
	may_compress = data[0] & 1;
	pieces.stop_every = data[0] >> 1 & 3;
	first = feed(&whole, may_compress, data + 2, len - 2, len);
	second = feed(&pieces, may_compress, data + 2, len - 2, 1 + data[1]);
	assert(first == second);
	assert(whole.all.len == pieces.all.len);
	assert(whole.all.len == 0 || memcmp(whole.all.data, pieces.all.data, whole.all.len) == 0);
	buf_free(&whole.all);
	buf_free(&pieces.all);
	return 0;
}
