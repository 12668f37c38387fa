/* test_nick.c - what becomes of names that come with a login. */
#include "unit.h"

#include "fcgi-login/nick.h"

static void names_are_cleaned(void **state)
{
	static const struct {
		const char *sentence, *text, *name;
	} rows[] = {
		{ "a name stays as it is", "小明 🐼", "小明 🐼" },
		{ "blanks at the ends go", " \xe3\x80\x80小明\xc2\xa0 ", "小明" },
		{ "control characters become blanks", "a\nb\x7f" "c\xc2\x85" "d", "a b c d" },
		{ "and go at the ends", "\x01 小明\r\n", "小明" },
		{ "what turns the text around goes", "a\xe2\x80\xae" "b", "ab" },
		{ "what has no width goes", "\xef\xbb\xbf" "a\xe2\x80\x8b" "b", "ab" },
		{ "what joins pictures stays", "👨‍👩‍👧", "👨‍👩‍👧" },
		{ "nothing that can be seen is no name", "\xe2\x80\x8b \n\xe2\x80\xae", "" },
		{ "nothing is none", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char nick[NICK_MAX + 1];
		size_t len, n;
		char *text = exact_text(rows[i].text, &len);

		n = nick_clean(text, len, nick);
		if (n != strlen(rows[i].name) || strcmp(nick, rows[i].name) != 0)
			ROW_FAILS(rows[i].sentence, "\"%s\"", nick);
		free(text);
	}
}

static void a_long_name_ends_between_characters(void **state)
{
	char text[3 * NICK_MAX], nick[NICK_MAX + 1];

	(void)state;
	for (size_t i = 0; i < NICK_MAX; i++)
		memcpy(text + 3 * i, "字", 3);
	assert_int_equal(nick_clean(text, sizeof(text), nick), NICK_MAX / 3 * 3);
	memset(text, 'x', sizeof(text));
	assert_int_equal(nick_clean(text, sizeof(text), nick), NICK_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_cleaned),
		cmocka_unit_test(a_long_name_ends_between_characters),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
