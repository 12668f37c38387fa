/* test_text.c - C strings, copied whole or not at all, and wiped. */
#include "unit.h"

#include "text.h"

static const struct {
	const char *sentence;
	const char *text;
	size_t size;
	bool fits;
} rows[] = {
	{ "an empty text fits in one byte", "", 1, true },
	{ "nothing fits in none", "", 0, false },
	{ "a text and its NUL may fill the array", "1234567", 8, true },
	{ "without room for its NUL a text does not fit", "12345678", 8, false },
	{ "a longer one does not fit", "123456789", 8, false },
};

static void each_row_is_copied_whole_or_not_at_all(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char *out = exact("########", rows[i].size), *text = exact(rows[i].text, strlen(rows[i].text) + 1);

		if (text_copy(out, rows[i].size, text) != rows[i].fits)
			ROW_FAILS(rows[i].sentence, "fits, or does not");
		if (rows[i].fits ? strcmp(out, text) != 0 : memcmp(out, "########", rows[i].size) != 0)
			ROW_FAILS(rows[i].sentence, "other bytes");
		free(out);
		free(text);
	}
}

/* That a wiped text is overwritten cannot be looked at once it is free; what can is that it is freed, which the
 * sanitizers watch. */
static void bytes_become_a_text_and_texts_may_be_none(void **state)
{
	char out[5] = "####";

	(void)state;
	text_take(out, "abcd", 3);
	assert_memory_equal(out, "abc\0", 5);
	text_wipe(strdup("secret"));
	text_wipe(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_copied_whole_or_not_at_all),
		cmocka_unit_test(bytes_become_a_text_and_texts_may_be_none),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
