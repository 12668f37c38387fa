/* test_input.c - messages out of frames out of bytes, however these are cut (RFC 6455 sections 5.4, 5.5 and 8.1). */
#include "unit.h"

#include <stdbool.h>

#include "buf.h"
#include "push-server/frame.h"
#include "push-server/input.h"
#include "wire.h"

enum { MOST = 20, MOST_COMPRESSED = 30 };

/* What has been handed over, in words: "T:hello B:.. t:.. (compressed) P:ping O:pong C:". */
struct heard {
	struct buf words;
	int stop_at, count;	/* the handler stops with that message, when not 0 */
	int answer;		/* what it answers then */
};

static int heard_add(struct heard *h, char kind, const uint8_t *data, size_t len)
{
	assert_non_null(data);
	assert_int_equal(buf_addf(&h->words, "%s%c:%.*s", h->words.len ? " " : "", kind, (int)len, (const char *)data), 0);
	return ++h->count == h->stop_at ? h->answer : 0;
}

static int on_message(void *arg, enum frame_opcode opcode, bool is_compressed, uint8_t *data, size_t len)
{
	char kind = opcode == FRAME_TEXT ? 'T' : opcode == FRAME_BINARY ? 'B' : '?';
	int r = heard_add(arg, (char)(is_compressed ? kind + 32 : kind), data, len);

	if (len)
		memset(data, 0, len);		/* it may be changed */
	return r;
}

static int on_control(void *arg, enum frame_opcode opcode, uint8_t *data, size_t len)
{
	return heard_add(arg, opcode == FRAME_PING ? 'P' : opcode == FRAME_PONG ? 'O' : opcode == FRAME_CLOSE ? 'C' : '?', data, len);
}

static const struct input_handler plain = { on_message, on_control, MOST, 0 };
static const struct input_handler deflating = { on_message, on_control, MOST, MOST_COMPRESSED };

/* Masks are all zero, so that rows can be read. */
static const struct {
	const char *sentence, *bytes;
	bool may_compress;
	const char *heard;
	int end;		/* minus the close code, or 0 */
} rows[] = {
	{ "nothing", "", false, "", 0 },
	{ "one text", "8182 00000000 6869", false, "T:hi", 0 },
	{ "an empty text", "8180 00000000", false, "T:", 0 },
	{ "two messages", "8181 00000000 61 8281 00000000 62", false, "T:a B:b", 0 },
	{ "fragments are one message", "0181 00000000 61 0081 00000000 62 8081 00000000 63", false, "T:abc", 0 },
	{ "empty fragments add nothing", "0180 00000000 0081 00000000 62 8080 00000000", false, "T:b", 0 },
	{ "a ping between fragments comes first", "0181 00000000 61 8981 00000000 70 8081 00000000 62", false, "P:p T:ab", 0 },
	{ "pongs and closes are handed over", "8a80 00000000 8882 00000000 3132", false, "O: C:12", 0 },
	{ "a message behind fragments begins anew", "0181 00000000 61 8081 00000000 62 8181 00000000 63", false, "T:ab T:c", 0 },
	{ "a continuation of nothing is refused", "8181 00000000 61 8081 00000000 62", false, "T:a", -CLOSE_PROTOCOL },
	{ "a message inside of another is refused", "0181 00000000 61 8181 00000000 62", false, "", -CLOSE_PROTOCOL },
	{ "the largest message in two", "018a 00000000 30313233343536373839 808a 00000000 30313233343536373839", false,
	  "T:01234567890123456789", 0 },
	{ "one byte more is refused before it comes", "018a 00000000 30313233343536373839 808b 00000000", false, "", -CLOSE_TOO_BIG },
	{ "too large in one is refused by its head", "8195 00000000", false, "", -CLOSE_TOO_BIG },
	{ "a ping does not count towards the message", "0194 00000000 3031323334353637383930313233343536373839 8981 00000000 70"
	  " 8080 00000000", false, "P:p T:01234567890123456789", 0 },
	{ "a character cut by fragments", "0182 00000000 e5a5 8081 00000000 bd", false, "T:\xe5\xa5\xbd", 0 },
	{ "a character cut by fragments and a ping", "0181 00000000 e5 8980 00000000 8082 00000000 a5bd", false, "P: T:\xe5\xa5\xbd", 0 },
	{ "an unfinished character is refused", "8182 00000000 e5a5", false, "", -CLOSE_BAD_DATA },
	{ "an unfinished character in fragments is refused", "0182 00000000 e5a5 8080 00000000", false, "", -CLOSE_BAD_DATA },
	{ "bytes that are no text are refused", "8182 00000000 61ff", false, "", -CLOSE_BAD_DATA },
	{ "any bytes are binary", "8282 00000000 e5a5", false, "B:\xe5\xa5", 0 },
	{ "RSV1 is refused where nothing was agreed on", "c181 00000000 61", false, "", -CLOSE_PROTOCOL },
	{ "compressed text is not looked into", "c182 00000000 61ff", true, "t:a\xff", 0 },
	{ "compressed fragments", "4281 00000000 61 0081 00000000 62 8080 00000000", true, "b:ab", 0 },
	{ "RSV1 on a continuation is refused", "4281 00000000 61 c081 00000000 62", true, "", -CLOSE_PROTOCOL },
	{ "a compressed message may be longer", "c295 00000000 303132333435363738393031323334353637383930", true, "b:012345678901234567890", 0 },
	{ "within its own limit", "c29f 00000000", true, "", -CLOSE_TOO_BIG },
	{ "and one that is not compressed may not", "8295 00000000", true, "", -CLOSE_TOO_BIG },
	{ "nor its fragments", "4281 00000000 61 8080 00000000 028a 00000000 30313233343536373839 808b 00000000", true, "b:a", -CLOSE_TOO_BIG },
};

/* Feeds bytes in two pieces, each in a block of its own size. */
static int feed_cut(const struct input_handler *handler, struct heard *heard, const uint8_t *bytes, size_t len, size_t cut)
{
	struct input *in = NULL;
	size_t at[3] = { 0, cut, len };
	int i, r = 0;

	for (i = 0; i < 2 && r == 0; i++) {
		size_t n = at[i + 1] - at[i];
		uint8_t *piece = wire_part(bytes, at[i], at[i + 1]);
		int64_t used = input_feed(&in, handler, heard, piece, n);

		if (used < 0)
			r = (int)used;
		else
			assert_int_equal(used, n);
		free(piece);
	}
	/* Between messages it takes no memory. */
	if (r == 0 && len > 0 && cut == len && heard->count && in)
		fail_msg("something is kept behind the last message");
	input_free(in);
	return r;
}

static void each_row_holds_however_it_is_cut(void **state)
{
	size_t i, len, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t *bytes = wire_hex(rows[i].bytes, &len);

		for (cut = 0; cut <= len; cut++) {
			struct heard heard = { BUF_INIT, 0, 0, 0 };
			int r = feed_cut(rows[i].may_compress ? &deflating : &plain, &heard, bytes, len, cut);

			if (r != rows[i].end)
				ROW_FAILS(rows[i].sentence, "cut at %zu: %d, not %d", cut, r, rows[i].end);
			if (strcmp(buf_str(&heard.words), rows[i].heard) != 0)
				ROW_FAILS(rows[i].sentence, "cut at %zu: \"%s\"", cut, buf_str(&heard.words));
			buf_free(&heard.words);
		}
		free(bytes);
	}
}

static void each_row_holds_byte_by_byte(void **state)
{
	size_t i, len, at;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t *bytes = wire_hex(rows[i].bytes, &len);
		struct heard heard = { BUF_INIT, 0, 0, 0 };
		struct input *in = NULL;
		int64_t r = 0;

		for (at = 0; at < len && r >= 0; at++)
			r = input_feed(&in, rows[i].may_compress ? &deflating : &plain, &heard, bytes + at, 1);
		if ((r < 0 ? r : 0) != rows[i].end)
			ROW_FAILS(rows[i].sentence, "%d, not %d", (int)r, rows[i].end);
		if (strcmp(buf_str(&heard.words), rows[i].heard) != 0)
			ROW_FAILS(rows[i].sentence, "\"%s\"", buf_str(&heard.words));
		buf_free(&heard.words);
		input_free(in);
		free(bytes);
	}
}

static void text_fails_at_the_byte_that_is_wrong(void **state)
{
	uint8_t head[] = { 0x81, 0x94, 0, 0, 0, 0 }, good[] = { 0xe5, 0xa5, 0xbd, 'x' }, bad[] = { 0xff };
	struct heard heard = { BUF_INIT, 0, 0, 0 };
	struct input *in = NULL;

	(void)state;
	assert_int_equal(input_feed(&in, &plain, &heard, head, sizeof(head)), sizeof(head));
	assert_int_equal(input_feed(&in, &plain, &heard, good, sizeof(good)), sizeof(good));
	assert_int_equal(input_feed(&in, &plain, &heard, bad, 1), -CLOSE_BAD_DATA);
	input_free(in);
	buf_free(&heard.words);
}

static void masks_are_taken_off_across_pieces(void **state)
{
	size_t len, cut;
	uint8_t *bytes = wire_hex("8189 37fa213d 7f9f4d51 58d6014a 53 8985 01020304 7168 6d63 71", &len);

	(void)state;
	for (cut = 0; cut <= len; cut++) {
		struct heard heard = { BUF_INIT, 0, 0, 0 };

		assert_int_equal(feed_cut(&plain, &heard, bytes, len, cut), 0);
		assert_string_equal(buf_str(&heard.words), "T:Hello, wd P:pjngp");
		buf_free(&heard.words);
	}
	free(bytes);
}

/* The handler stops with each message in turn; what is behind it is held, and fed later. */
static void a_handler_that_stops_is_given_the_rest_later(void **state)
{
	size_t len;
	uint8_t *bytes = wire_hex("8181 00000000 61 8981 00000000 70 0181 00000000 62 8a80 00000000 8081 00000000 63 8281 00000000 64", &len);
	int stop;
	size_t cut;

	(void)state;
	for (stop = 1; stop <= 5; stop++)
		for (cut = 0; cut <= len; cut++) {
			struct heard heard = { BUF_INIT, stop, 0, INPUT_STOP };
			uint8_t *first = wire_part(bytes, 0, cut), *second = wire_part(bytes, cut, len);
			struct input *in = NULL;
			int64_t used = input_feed(&in, &plain, &heard, first, cut);

			assert_in_range(used, 0, cut);
			assert_int_equal(input_hold(&in, first + used, cut - (size_t)used), 0);
			assert_int_equal(input_has_held(in), (size_t)used < cut);
			while (input_has_held(in))
				assert_in_range(input_feed_held(&in, &plain, &heard), 0, INPUT_STOP);
			used = input_feed(&in, &plain, &heard, second, len - cut);
			assert_in_range(used, 0, len - cut);
			assert_int_equal(input_hold(&in, second + used, len - cut - (size_t)used), 0);
			while (input_has_held(in))
				assert_in_range(input_feed_held(&in, &plain, &heard), 0, INPUT_STOP);
			assert_string_equal(buf_str(&heard.words), "T:a P:p O: T:bc B:d");
			assert_null(in);
			buf_free(&heard.words);
			free(first);
			free(second);
		}
	free(bytes);
}

static void what_a_handler_refuses_ends_it(void **state)
{
	size_t len;
	uint8_t *bytes = wire_hex("8181 00000000 61 0181 00000000 62 8081 00000000 63 8181 00000000 64", &len);
	size_t cut;

	(void)state;
	for (cut = 0; cut <= len; cut++) {
		struct heard heard = { BUF_INIT, 2, 0, -CLOSE_POLICY };

		assert_int_equal(feed_cut(&plain, &heard, bytes, len, cut), cut <= len ? -CLOSE_POLICY : 0);
		assert_string_equal(buf_str(&heard.words), "T:a T:bc");
		buf_free(&heard.words);
	}
	free(bytes);
}

static void empty_fragments_have_an_end(void **state)
{
	uint8_t begin[] = { 0x01, 0x80, 0, 0, 0, 0 };
	struct heard heard = { BUF_INIT, 0, 0, 0 };
	struct input *in = NULL;
	int i, r = 0;

	(void)state;
	assert_int_equal(input_feed(&in, &plain, &heard, begin, sizeof(begin)), sizeof(begin));
	for (i = 0; i < 2 * EMPTY_FRAGMENTS_MAX && r >= 0; i++) {
		uint8_t more[] = { 0x00, 0x80, 0, 0, 0, 0 };

		r = (int)input_feed(&in, &plain, &heard, more, sizeof(more));
	}
	assert_int_equal(r, -CLOSE_POLICY);
	assert_int_equal(i, EMPTY_FRAGMENTS_MAX + 1);
	input_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_holds_however_it_is_cut),
		cmocka_unit_test(each_row_holds_byte_by_byte),
		cmocka_unit_test(text_fails_at_the_byte_that_is_wrong),
		cmocka_unit_test(masks_are_taken_off_across_pieces),
		cmocka_unit_test(a_handler_that_stops_is_given_the_rest_later),
		cmocka_unit_test(what_a_handler_refuses_ends_it),
		cmocka_unit_test(empty_fragments_have_an_end),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
