/* test_utf8.c - what is UTF-8 and what only looks like it (RFC 3629 sections 3 and 4). */
#include "unit.h"

#include <stdbool.h>

#include "utf8.h"

static const struct {
	const char *sentence;
	const char *bytes;
	bool is_valid;
	size_t chars;
} rows[] = {
	{ "nothing is valid", "", true, 0 },
	{ "ASCII is valid", "hello, world; more than eight bytes of it", true, 41 },
	{ "Chinese is valid", "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c", true, 5 },
	{ "an emoji is valid", "ok \xf0\x9f\x98\x80!", true, 5 },
	{ "the least of two bytes, U+0080", "\xc2\x80", true, 1 },
	{ "the greatest of two bytes, U+07FF", "\xdf\xbf", true, 1 },
	{ "the least of three bytes, U+0800", "\xe0\xa0\x80", true, 1 },
	{ "the last before the surrogates, U+D7FF", "\xed\x9f\xbf", true, 1 },
	{ "the first behind the surrogates, U+E000", "\xee\x80\x80", true, 1 },
	{ "the greatest of three bytes, U+FFFF", "\xef\xbf\xbf", true, 1 },
	{ "the least of four bytes, U+10000", "\xf0\x90\x80\x80", true, 1 },
	{ "the greatest of all, U+10FFFF", "\xf4\x8f\xbf\xbf", true, 1 },
	{ "a continuation alone is refused", "a\x80z", false, 0 },
	{ "overlong NUL is refused", "\xc0\x80", false, 0 },
	{ "overlong slash is refused", "\xc1\xaf", false, 0 },
	{ "overlong in three bytes is refused", "\xe0\x9f\xbf", false, 0 },
	{ "overlong in four bytes is refused", "\xf0\x8f\xbf\xbf", false, 0 },
	{ "the first surrogate is refused", "\xed\xa0\x80", false, 0 },
	{ "the last surrogate is refused", "\xed\xbf\xbf", false, 0 },
	{ "past U+10FFFF is refused", "\xf4\x90\x80\x80", false, 0 },
	{ "F5 is refused", "\xf5\x80\x80\x80", false, 0 },
	{ "five bytes are refused", "\xf8\x88\x80\x80\x80", false, 0 },
	{ "FE and FF are refused", "\xff\xfe", false, 0 },
	{ "a character broken by ASCII is refused", "\xe4\xbd" "a", false, 0 },
	{ "a character broken by another is refused", "\xe4\xe4\xbd\xa0", false, 0 },
	{ "a bad third byte is refused", "\xe4\xbd\xc0", false, 0 },
	{ "Latin-1 is refused", "Stra\xdf" "e", false, 0 },
	{ "a bad byte behind a long run of ASCII is refused", "0123456789abcdef\xff", false, 0 },
};

static void each_row_holds_whole_and_piecewise(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text = exact_text(rows[i].bytes, &len);

		if (utf8_valid(text, len) != rows[i].is_valid)
			ROW_FAILS(rows[i].sentence, "as a whole");
		if (rows[i].is_valid && utf8_length(text, len) != rows[i].chars)
			ROW_FAILS(rows[i].sentence, "%zu characters", utf8_length(text, len));
		for (cut = 0; cut <= len; cut++) {
			struct utf8 u = { 0 };
			char *head = exact(text, cut), *tail = exact(text + cut, len - cut);

			if ((utf8_feed(&u, head, cut) && utf8_feed(&u, tail, len - cut) && u.need == 0) !=
			    rows[i].is_valid)
				ROW_FAILS(rows[i].sentence, "cut at %zu", cut);
			free(head);
			free(tail);
		}
		free(text);
	}
}

static void a_bad_byte_is_found_as_soon_as_it_arrives(void **state)
{
	static const struct {
		const char *sentence, *bytes;
		size_t good;
	} early[] = {
		{ "a surrogate at its second byte", "\xed\xa0", 1 },
		{ "overlong at its second byte", "\xf0\x80", 1 },
		{ "C0 at once", "\xc0", 0 },
		{ "too great at its second byte", "\xf4\x90", 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(early); i++) {
		struct utf8 u = { 0 };

		if (!utf8_feed(&u, early[i].bytes, early[i].good) || utf8_feed(&u, early[i].bytes + early[i].good, 1))
			ROW_FAILS(early[i].sentence, "not at byte %zu", early[i].good);
	}
}

static void half_a_character_is_not_valid_but_may_become_so(void **state)
{
	struct utf8 u = { 0 };

	(void)state;
	assert_false(utf8_valid("\xe4\xbd", 2));
	assert_true(utf8_feed(&u, "\xe4\xbd", 2));
	assert_int_equal(u.need, 1);
	assert_true(utf8_feed(&u, "\xa0", 1));
	assert_int_equal(u.need, 0);
}

static void a_prefix_never_ends_inside_a_character(void **state)
{
	const char text[] = "a\xe4\xbd\xa0\xf0\x9f\x98\x80z";

	(void)state;
	assert_int_equal(utf8_prefix(text, 9, 0), 0);
	assert_int_equal(utf8_prefix(text, 9, 1), 1);
	assert_int_equal(utf8_prefix(text, 9, 2), 4);
	assert_int_equal(utf8_prefix(text, 9, 3), 8);
	assert_int_equal(utf8_prefix(text, 9, 100), 9);
	assert_int_equal(utf8_prefix(text, 7, 100), 4);
	assert_int_equal(utf8_prefix("ok\xff more", 8, 100), 2);
	assert_int_equal(utf8_prefix("ok\xe4 more", 8, 100), 2);
	assert_int_equal(utf8_prefix("", 0, 100), 0);
}

static void a_byte_order_mark_is_three_bytes_at_the_beginning(void **state)
{
	static const struct {
		const char *text;
		size_t mark;
	} marks[] = { { "\xef\xbb\xbf{}", 3 }, { "\xef\xbb\xbf", 3 }, { "\xef\xbb", 0 }, { "\xef", 0 }, { "", 0 }, { "{\xef\xbb\xbf}", 0 },
		    { "\xef\xbb\xbe{}", 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(marks); i++) {
		size_t len;
		char *text = exact_text(marks[i].text, &len);

		if (utf8_mark(text, len) != marks[i].mark)
			ROW_FAILS(marks[i].text, "%zu", utf8_mark(text, len));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_order_mark_is_three_bytes_at_the_beginning),
		cmocka_unit_test(each_row_holds_whole_and_piecewise),
		cmocka_unit_test(a_bad_byte_is_found_as_soon_as_it_arrives),
		cmocka_unit_test(half_a_character_is_not_valid_but_may_become_so),
		cmocka_unit_test(a_prefix_never_ends_inside_a_character),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
