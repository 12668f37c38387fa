/* test_query.c - the parameters of a URL's query. */
#include "unit.h"

#include <errno.h>

#include "query.h"

static void pieces_are_walked_in_order(void **state)
{
	static const struct {
		const char *sentence, *query, *walk;
	} rows[] = {
		{ "an empty query has none", "", "" },
		{ "names and values are told apart", "a=b&c=d", "[a|b][c|d]" },
		{ "values stay encoded", "a=%41+x", "[a|%41+x]" },
		{ "only the first equals sign parts", "a=b=c", "[a|b=c]" },
		{ "a name alone has an empty value", "a&b=", "[a|][b|]" },
		{ "a value may lack a name", "=b", "[|b]" },
		{ "empty pieces are passed over", "&&a=b&&&c&", "[a|b][c|]" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct query_item item;
		char walk[100] = "";
		size_t len, pos = 0, n = 0;
		char *query = exact_text(rows[i].query, &len);

		while (query_next(query, len, &pos, &item))
			n += (size_t)snprintf(walk + n, sizeof(walk) - n, "[%.*s|%.*s]", (int)item.name_len,
					      item.name, (int)item.value_len, item.value);
		if (strcmp(walk, rows[i].walk) != 0)
			ROW_FAILS(rows[i].sentence, "%s", walk);
		free(query);
	}
}

static void values_are_found_and_decoded(void **state)
{
	static const struct {
		const char *sentence, *query, *name;
		size_t size;
		int result;
		const char *value;
	} rows[] = {
		{ "a value is found", "room=lobby&since=12", "since", 64, 2, "12" },
		{ "names are compared without case", "x-wx-CODE=abc", "X-WX-Code", 64, 3, "abc" },
		{ "names may be escaped", "x%2Dwx-code=abc", "X-WX-Code", 64, 3, "abc" },
		{ "a name is not the beginning of another", "roommate=x&room=y", "room", 64, 1, "y" },
		{ "the first of two counts", "a=1&a=2", "a", 64, 1, "1" },
		{ "Chinese is decoded", "room=%E5%A4%A7", "room", 64, 3, "\xe5\xa4\xa7" },
		{ "plus stays, since base64 carries it", "iv=a+b/c%3D", "iv", 64, 6, "a+b/c=" },
		{ "an empty value is there", "room=&x", "room", 64, 0, "" },
		{ "a name alone is there", "room&x", "room", 64, 0, "" },
		{ "an absent one is not", "room=1", "rooms", 64, -ENOENT, NULL },
		{ "an empty query has nothing", "", "room", 64, -ENOENT, NULL },
		{ "a bad escape is malformed", "room=%4", "room", 64, -EINVAL, NULL },
		{ "a bad escape elsewhere is not our business", "x=%4&%=&room=1", "room", 64, 1, "1" },
		{ "an escaped NUL is malformed", "room=a%00b", "room", 64, -EINVAL, NULL },
		{ "the end counts for what fits", "room=1234", "room", 5, 4, "1234" },
		{ "what does not fit is refused", "room=12345", "room", 5, -EMSGSIZE, NULL },
		{ "nothing fits nowhere", "room=", "room", 0, -EMSGSIZE, NULL },
	};
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *query = exact_text(rows[i].query, &len), *out = malloc(rows[i].size + 1);
		int r;

		out = realloc(out, rows[i].size ? rows[i].size : 1);
		r = query_get(query, len, rows[i].name, out, rows[i].size);
		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "%d", r);
		if (r >= 0 && strcmp(out, rows[i].value) != 0)
			ROW_FAILS(rows[i].sentence, "%s", out);
		free(query);
		for (cut = 0; cut < len; cut++) {
			query = exact(rows[i].query, cut);
			query_get(query, cut, rows[i].name, out, rows[i].size);
			free(query);
		}
		free(out);
	}
}

static void in_words_plus_is_a_blank(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(query_get_words("room=a+b%2Bc", 12, "room", out, sizeof(out)), 5);
	assert_string_equal(out, "a b+c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_walked_in_order),
		cmocka_unit_test(values_are_found_and_decoded),
		cmocka_unit_test(in_words_plus_is_a_blank),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
