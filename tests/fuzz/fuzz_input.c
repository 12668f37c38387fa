/* fuzz_input.c - any bytes as a client's frames: however they are cut into pieces, the same messages come out, or the
 * same end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "push-server/input.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MESSAGE_MAX = 1000 };

/* What came out, as one number: order, kinds and bytes. */
struct seen {
	uint64_t sum;
	unsigned count;
};

static void seen_add(struct seen *s, unsigned kind, const uint8_t *data, size_t len)
{
	size_t i;

	s->sum = s->sum * 1099511628211u + kind + len * 31;
	for (i = 0; i < len; i++)
		s->sum = (s->sum ^ data[i]) * 1099511628211u;
	s->count++;
}

static int on_message(void *arg, enum frame_opcode opcode, bool is_compressed, uint8_t *data, size_t len)
{
	assert(opcode == FRAME_TEXT || opcode == FRAME_BINARY);
	assert(len <= (is_compressed ? MESSAGE_MAX + 64 : MESSAGE_MAX));
	assert(opcode != FRAME_TEXT || is_compressed || utf8_valid(data, len));
	seen_add(arg, opcode | (is_compressed ? 256u : 0), data, len);
	return 0;
}

static int on_control(void *arg, enum frame_opcode opcode, uint8_t *data, size_t len)
{
	assert(opcode >= FRAME_CLOSE && len <= FRAME_CONTROL_MAX);
	seen_add(arg, opcode, data, len);
	return 0;
}

/* Feeds the bytes in pieces of `piece`; minus the close code, or 0. */
static int feed(const uint8_t *data, size_t len, size_t piece, bool may_compress, struct seen *seen)
{
	const struct input_handler handler = { .on_message = on_message, .on_control = on_control,
					       .max_message = MESSAGE_MAX,
					       .max_compressed = may_compress ? MESSAGE_MAX + 64 : 0 };
	struct input *in = NULL;
	size_t at = 0;
	int64_t r = 0;

	while (at < len && r >= 0) {
		size_t n = len - at < piece ? len - at : piece;
		uint8_t *copy = malloc(n);

		memcpy(copy, data + at, n);
		r = input_feed(&in, &handler, seen, copy, n);
		assert(r < 0 || (size_t)r == n);
		free(copy);
		at += n;
	}
	input_free(in);
	return r < 0 ? (int)r : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen whole = { 0 }, pieces = { 0 };
	bool may_compress = len && data[0] & 1;
	size_t piece = len > 1 ? data[1] % 16 + 1 : 1;
	int a, b;

	if (len < 2)
		return 0;
	a = feed(data + 2, len - 2, len, may_compress, &whole);
	b = feed(data + 2, len - 2, piece, may_compress, &pieces);
	assert(a == b || (a < 0 && b < 0));	/* which of two faults is met first may differ */
	if (a == 0)
		assert(whole.sum == pieces.sum && whole.count == pieces.count);
	return 0;
}
