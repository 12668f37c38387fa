/* test_frame.c - the heads of frames, masks and close frames (RFC 6455 sections 5 and 7.4). */
#include "unit.h"

#include "push-server/frame.h"
#include "wire.h"

enum { MOST = 1000 };

/* result: what frame_head returns.  decided: by which byte it is known (0: by the last). */
static const struct {
	const char *sentence, *bytes;
	bool may_compress;
	int result;
	size_t decided;
	struct frame frame;
} rows[] = {
	{ "nothing asks for more", "", false, 0, 0, { 0 } },
	{ "half of a head asks for more", "81fe 00", false, 0, 0, { 0 } },
	{ "a masked, empty text frame is whole", "8180 01020304", false, 6, 0,
	  { 0, { 1, 2, 3, 4 }, FRAME_TEXT, true, false } },
	{ "binary of 125 bytes", "82fd ffffffff", false, 6, 0, { 125, { 255, 255, 255, 255 }, FRAME_BINARY, true, false } },
	{ "the first fragment of text", "0181 00000000", false, 6, 0, { 1, { 0 }, FRAME_TEXT, false, false } },
	{ "a continuation", "0081 00000000", false, 6, 0, { 1, { 0 }, FRAME_CONTINUATION, false, false } },
	{ "the last continuation", "8081 00000000", false, 6, 0, { 1, { 0 }, FRAME_CONTINUATION, true, false } },
	{ "126 bytes in 16 bits", "81fe 007e 00000000", false, 8, 0, { 126, { 0 }, FRAME_TEXT, true, false } },
	{ "as many bytes as may be", "81fe 03e8 00000000", false, 8, 0, { 1000, { 0 }, FRAME_TEXT, true, false } },
	{ "one byte more is too big, and known by its length", "81fe 03e9 00000000", false, -CLOSE_TOO_BIG, 4, { 0 } },
	{ "65536 bytes are too big", "81ff 0000000000010000 00000000", false, -CLOSE_TOO_BIG, 10, { 0 } },
	{ "the greatest length is too big", "81ff 7fffffffffffffff 00000000", false, -CLOSE_TOO_BIG, 10, { 0 } },
	{ "a length with its top bit set is refused", "81ff 8000000000000000 00000000", false, -CLOSE_PROTOCOL, 10, { 0 } },
	{ "a length of 5 written long is refused", "81fe 0005 00000000", false, -CLOSE_PROTOCOL, 4, { 0 } },
	{ "a length of 125 written long is refused", "81fe 007d 00000000", false, -CLOSE_PROTOCOL, 4, { 0 } },
	{ "a length of 5 written longest is refused", "81ff 0000000000000005 00000000", false, -CLOSE_PROTOCOL, 10, { 0 } },
	{ "a length of 65535 written longest is refused", "81ff 000000000000ffff 00000000", false, -CLOSE_PROTOCOL, 10, { 0 } },
	{ "a frame without a mask is refused by its second byte", "8105 00000000", false, -CLOSE_PROTOCOL, 2, { 0 } },
	{ "RSV1 is refused", "c180 00000000", false, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "RSV2 is refused", "a180 00000000", true, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "RSV3 is refused", "9180 00000000", true, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "RSV1 means compressed where that was agreed on", "c180 00000000", true, 6, 0, { 0, { 0 }, FRAME_TEXT, true, true } },
	{ "RSV1 on the first of several", "4281 00000000", true, 6, 0, { 1, { 0 }, FRAME_BINARY, false, true } },
	{ "RSV1 on a continuation is refused", "4081 00000000", true, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "RSV1 on a ping is refused", "c980 00000000", true, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "RSV1 on a close is refused", "c880 00000000", true, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "opcode 3 is refused", "8380 00000000", false, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "opcode 7 is refused", "8780 00000000", false, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "opcode 11 is refused", "8b80 00000000", false, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "opcode 15 is refused", "8f80 00000000", false, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "a close", "8882 00000000", false, 6, 0, { 2, { 0 }, FRAME_CLOSE, true, false } },
	{ "a ping of 125 bytes", "89fd 00000000", false, 6, 0, { 125, { 0 }, FRAME_PING, true, false } },
	{ "a pong", "8a80 00000000", false, 6, 0, { 0, { 0 }, FRAME_PONG, true, false } },
	{ "a ping of 126 bytes is refused", "89fe 007e 00000000", false, -CLOSE_PROTOCOL, 2, { 0 } },
	{ "a ping of 5 bytes written long is refused", "89fe 0005 00000000", false, -CLOSE_PROTOCOL, 2, { 0 } },
	{ "a ping in fragments is refused", "0980 00000000", false, -CLOSE_PROTOCOL, 1, { 0 } },
	{ "what is behind the head is not looked at", "8181 00000000 ffffff", false, 6, 6, { 1, { 0 }, FRAME_TEXT, true, false } },
};

static void each_row_holds_whole_and_cut_short(void **state)
{
	size_t i, len, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t *bytes = wire_hex(rows[i].bytes, &len);
		size_t decided = rows[i].decided ? rows[i].decided : len;

		for (cut = 0; cut <= len; cut++) {
			uint8_t *part = wire_part(bytes, 0, cut);
			struct frame f, untouched;
			int wanted = cut < decided ? 0 : rows[i].result, r;

			memset(&f, 0x5a, sizeof(f));
			memset(&untouched, 0x5a, sizeof(untouched));
			r = frame_head(part, cut, MOST, rows[i].may_compress, &f);
			if (r != wanted)
				ROW_FAILS(rows[i].sentence, "%zu bytes: %d, not %d", cut, r, wanted);
			if (r <= 0 && memcmp(&f, &untouched, sizeof(f)) != 0)
				ROW_FAILS(rows[i].sentence, "%zu bytes: the frame was touched", cut);
			if (r > 0 && (f.length != rows[i].frame.length || memcmp(f.mask, rows[i].frame.mask, 4) != 0 ||
				      f.opcode != rows[i].frame.opcode || f.is_final != rows[i].frame.is_final ||
				      f.is_compressed != rows[i].frame.is_compressed))
				ROW_FAILS(rows[i].sentence, "another frame");
			free(part);
		}
		free(bytes);
	}
}

static void a_mask_is_the_same_from_wherever_one_begins(void **state)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	size_t len, from;

	(void)state;
	for (len = 0; len < 40; len++)
		for (from = 0; from <= len; from++) {
			uint8_t *whole = (uint8_t *)exact("0123456789abcdefghijklmnopqrstuvwxyzABCD", len);
			uint8_t *head = wire_part(whole, 0, from), *tail = wire_part(whole, from, len);
			size_t i;

			for (i = 0; i < len; i++)
				whole[i] ^= mask[i % 4];
			frame_unmask(head, from, mask, 0);
			frame_unmask(tail, len - from, mask, from);
			assert_memory_equal(head, whole, from);
			assert_memory_equal(tail, whole + from, len - from);
			free(whole);
			free(head);
			free(tail);
		}
}

static const struct {
	const char *sentence;
	enum frame_opcode opcode;
	bool is_compressed;
	uint64_t length;
	const char *bytes;
} written[] = {
	{ "an empty text", FRAME_TEXT, false, 0, "8100" },
	{ "125 bytes are the last of the short form", FRAME_BINARY, false, 125, "827d" },
	{ "126 bytes are the first of 16 bits", FRAME_TEXT, false, 126, "817e 007e" },
	{ "65535 bytes are the last of them", FRAME_TEXT, false, 65535, "817e ffff" },
	{ "65536 bytes are the first of 64 bits", FRAME_TEXT, false, 65536, "817f 0000000000010000" },
	{ "a length past 32 bits", FRAME_BINARY, false, 0x123456789a, "827f 000000123456789a" },
	{ "compressed text has RSV1", FRAME_TEXT, true, 5, "c105" },
	{ "a pong", FRAME_PONG, false, 125, "8a7d" },
	{ "a close", FRAME_CLOSE, false, 2, "8802" },
};

static void heads_are_written_in_the_shortest_form(void **state)
{
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(written); i++) {
		uint8_t out[FRAME_HEAD_MAX], *wanted = wire_hex(written[i].bytes, &len);
		size_t n = frame_write_head(out, written[i].opcode, written[i].is_compressed, written[i].length);

		if (n != len || memcmp(out, wanted, n) != 0)
			ROW_FAILS(written[i].sentence, "%zu bytes", n);
		free(wanted);
	}
}

static const struct {
	const char *sentence, *payload;
	int result;
} closes[] = {
	{ "nothing is no code", "", CLOSE_NO_CODE },
	{ "half a code is refused", "03", -CLOSE_PROTOCOL },
	{ "1000", "03e8", CLOSE_NORMAL },
	{ "with a reason", "03e9 627965", CLOSE_GOING_AWAY },
	{ "with a Chinese reason", "0fa0 e5868d e8a781", 4000 },
	{ "with half a character", "03e8 e586", -CLOSE_BAD_DATA },
	{ "with a surrogate", "03e8 eda080", -CLOSE_BAD_DATA },
	{ "a code that may not be sent is refused before its reason", "03ed ff", -CLOSE_PROTOCOL },
};

static void close_frames_are_read(void **state)
{
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(closes); i++) {
		uint8_t *payload = wire_hex(closes[i].payload, &len);
		int r = close_read(payload, len);

		if (r != closes[i].result)
			ROW_FAILS(closes[i].sentence, "%d, not %d", r, closes[i].result);
		free(payload);
	}
}

static void the_codes_that_may_be_sent(void **state)
{
	unsigned code;

	(void)state;
	for (code = 0; code < 65536; code++) {
		bool is_named = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);

		assert_int_equal(close_code_valid(code), is_named || (code >= 3000 && code < 5000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_holds_whole_and_cut_short),
		cmocka_unit_test(a_mask_is_the_same_from_wherever_one_begins),
		cmocka_unit_test(heads_are_written_in_the_shortest_form),
		cmocka_unit_test(close_frames_are_read),
		cmocka_unit_test(the_codes_that_may_be_sent),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
