/* test_deflate.c - messages squeezed and unsqueezed, each by itself, and never more than is allowed (RFC 7692 section 7.2). */
#include "unit.h"

#include <errno.h>

#include "buf.h"
#include "push-server/deflate.h"
#include "wire.h"

/* The RFC's own examples, and what is not to be taken. */
static const struct {
	const char *sentence, *bytes;
	int result;
	const char *text;
} rows[] = {
	{ "one block", "f248cdc9c90700", 0, "Hello" },
	{ "a block without compression", "000500faff48656c6c6f00", 0, "Hello" },
	{ "a final block with a byte behind it", "f348cdc9c9070000", 0, "Hello" },
	{ "a final block alone", "f348cdc9c90700", 0, "Hello" },
	{ "two blocks", "f248050000 00ffff cac9c90700", 0, "Hello" },
	{ "nothing at all", "00", 0, "" },
	{ "no data is an empty message", "", 0, "" },
	{ "what looks back further than the message is refused", "f200110000", -EBADMSG, NULL },
	{ "a block of a reserved kind is refused", "06", -EBADMSG, NULL },
	{ "data that was cut off is refused", "f248cdc9", -EBADMSG, NULL },
	{ "a block that was cut off is refused", "000500faff4865", -EBADMSG, NULL },
	{ "a length that contradicts itself is refused", "000500fafe48656c6c6f00", -EBADMSG, NULL },
};

static void each_row_holds(void **state)
{
	struct deflater *d = deflater_new(1);
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t *bytes = wire_hex(rows[i].bytes, &len);
		struct buf out = BUF_INIT;
		int r = inflate_message(d, bytes, len, 100, &out);

		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "%d, not %d", r, rows[i].result);
		if (r == 0 && (out.len != strlen(rows[i].text) || (out.len && memcmp(out.data, rows[i].text, out.len) != 0)))
			ROW_FAILS(rows[i].sentence, "\"%.*s\"", (int)out.len, out.data);
		free(bytes);
		buf_free(&out);
	}
	deflater_free(d);
}

static void fill(struct buf *b, size_t len, unsigned kind)
{
	size_t i;
	uint32_t x = kind + 1;

	buf_reset(b);
	assert_int_equal(buf_reserve(b, len + 1), 0);
	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		b->data[i] = (char)(kind == 0 ? 'a' : kind == 1 ? "abc de"[x >> 29 & 3] : (char)(x >> 24));
	}
	b->len = len;
}

/* What is added to a buffer stands behind what was there. */
static void all_come_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 5, 511, 512, 4096, 32768, 65535, 65536, 200000 };
	struct buf in = BUF_INIT, small = BUF_INIT, out = BUF_INIT;
	size_t i;
	unsigned kind;
	int level;

	(void)state;
	for (level = 1; level <= 9; level += 4) {
		struct deflater *d = deflater_new(level);

		for (i = 0; i < COUNT(lengths); i++)
			for (kind = 0; kind < 3; kind++) {
				fill(&in, lengths[i], kind);
				buf_reset(&small);
				buf_reset(&out);
				assert_int_equal(buf_adds(&small, "before"), 0);
				assert_int_equal(buf_adds(&out, "before"), 0);
				assert_int_equal(deflate_message(d, in.data, in.len, &small), 0);
				assert_memory_equal(small.data, "before", 6);
				assert_int_equal(inflate_message(d, small.data + 6, small.len - 6, in.len, &out), 0);
				assert_int_equal(out.len, 6 + in.len);
				assert_memory_equal(out.data + 6, in.data, in.len);
				if (in.len) {
					buf_reset(&out);
					assert_int_equal(inflate_message(d, small.data + 6, small.len - 6, in.len - 1, &out),
							 -EMSGSIZE);
				}
			}
		deflater_free(d);
	}
	buf_free(&in);
	buf_free(&small);
	buf_free(&out);
}

static void a_bomb_takes_no_more_than_is_allowed(void **state)
{
	struct deflater *d = deflater_new(9);
	struct buf in = BUF_INIT, bomb = BUF_INIT, out = BUF_INIT;

	(void)state;
	fill(&in, 20 << 20, 0);
	assert_int_equal(deflate_message(d, in.data, in.len, &bomb), 0);
	assert_true(bomb.len < 25000);
	assert_int_equal(inflate_message(d, bomb.data, bomb.len, 1000, &out), -EMSGSIZE);
	assert_true(out.size < 4096);
	assert_int_equal(inflate_message(d, bomb.data, bomb.len, 0, &out), -EMSGSIZE);
	/* and the next message is none the worse for it */
	buf_reset(&out);
	buf_reset(&bomb);
	assert_int_equal(deflate_message(d, "hello", 5, &bomb), 0);
	assert_int_equal(inflate_message(d, bomb.data, bomb.len, 5, &out), 0);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.data, "hello", 5);
	buf_free(&in);
	buf_free(&bomb);
	buf_free(&out);
	deflater_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_holds),
		cmocka_unit_test(all_come_back),
		cmocka_unit_test(a_bomb_takes_no_more_than_is_allowed),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
