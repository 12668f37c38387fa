/* test_json.c - what passes for JSON, and what is read from it. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "json.h"

#define NEST15 "[[[[[[[[[[[[[[["
#define UNNEST15 "]]]]]]]]]]]]]]]"

static const struct {
	const char *sentence, *text;
	int members;	/* or -EINVAL */
} rows[] = {
	{ "an empty object", "{}", 0 },
	{ "blanks around and inside", " \t\r\n{ \"a\" : 1 , \"b\" : [ ] , \"c\" : { } }\n", 3 },
	{ "each kind of value", "{\"a\":null,\"b\":true,\"c\":false,\"d\":-1.5e+3,\"e\":\"x\",\"f\":[1,{}],\"g\":{\"h\":1}}", 7 },
	{ "each escape", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"}", 1 },
	{ "Chinese as it is", "{\"\xe5\x90\x8d\":\"\xe4\xbd\xa0\xe5\xa5\xbd\"}", 1 },
	{ "DEL is no control character of JSON", "{\"a\":\"\x7f\"}", 1 },
	{ "an escaped NUL in a value", "{\"a\":\"x\\u0000y\"}", 1 },
	{ "a lone surrogate escape is grammatical", "{\"a\":\"\\ud800\"}", 1 },
	{ "the same name twice is grammatical", "{\"a\":1,\"a\":2}", 2 },
	{ "depth 16", "{\"a\":" NEST15 UNNEST15 "}", 1 },
	{ "depth 16 with something at the bottom", "{\"a\":" NEST15 "1" UNNEST15 "}", 1 },
	{ "depth 17 is too deep", "{\"a\":" NEST15 "[" "]" UNNEST15 "}", -ELOOP },
	{ "numbers of every shape", "{\"a\":[0,-0,1,10,0.5,-0.0,1e5,1E-5,1.25e+05,123456789012345678901234567890]}", 1 },
	{ "the largest double", "{\"a\":1.7976931348623157e308}", 1 },
	{ "too small for a double is just zero", "{\"a\":1e-999}", 1 },

	{ "nothing", "", -EINVAL },
	{ "blanks alone", "  ", -EINVAL },
	{ "a number", "5", -EINVAL },
	{ "a string", "\"a\"", -EINVAL },
	{ "an array", "[1]", -EINVAL },
	{ "null", "null", -EINVAL },
	{ "an object that does not end", "{", -EINVAL },
	{ "a member without a value", "{\"a\"}", -EINVAL },
	{ "a member without a value behind its colon", "{\"a\":}", -EINVAL },
	{ "a member that does not end", "{\"a\":1", -EINVAL },
	{ "a string that does not end", "{\"a\":\"b", -EINVAL },
	{ "brackets that cross", "{\"a\":[}]", -EINVAL },
	{ "a bracket too many", "{}}", -EINVAL },
	{ "something behind", "{} x", -EINVAL },
	{ "two objects", "{}{}", -EINVAL },
	{ "a NUL behind is something", "{}\\0", -EINVAL },
	{ "a byte order mark", "\xef\xbb\xbf{}", -EINVAL },
	{ "a comment", "{/* */}", -EINVAL },
	{ "a comma at the end", "{\"a\":1,}", -EINVAL },
	{ "a comma at the beginning", "{,\"a\":1}", -EINVAL },
	{ "two commas", "{\"a\":1,,\"b\":2}", -EINVAL },
	{ "a comma at an array's end", "{\"a\":[1,]}", -EINVAL },
	{ "no comma", "{\"a\":1 \"b\":2}", -EINVAL },
	{ "two colons", "{\"a\"::1}", -EINVAL },
	{ "a name without quotes", "{a:1}", -EINVAL },
	{ "a name in single quotes", "{'a':1}", -EINVAL },
	{ "a value in single quotes", "{\"a\":'b'}", -EINVAL },
	{ "a number as a name", "{1:1}", -EINVAL },
	{ "a name in an array", "{\"a\":[\"b\":1]}", -EINVAL },
	{ "NaN", "{\"a\":NaN}", -EINVAL },
	{ "Infinity", "{\"a\":Infinity}", -EINVAL },
	{ "minus Infinity", "{\"a\":-Infinity}", -EINVAL },
	{ "a number that no double can hold", "{\"a\":1e999}", -EINVAL },
	{ "the same below zero", "{\"a\":-1e309}", -EINVAL },
	{ "True", "{\"a\":True}", -EINVAL },
	{ "half a word", "{\"a\":tru}", -EINVAL },
	{ "a word too long", "{\"a\":nulll}", -EINVAL },
	{ "a leading zero", "{\"a\":01}", -EINVAL },
	{ "a leading plus", "{\"a\":+1}", -EINVAL },
	{ "a leading dot", "{\"a\":.5}", -EINVAL },
	{ "a dot without digits", "{\"a\":1.}", -EINVAL },
	{ "a dot before an exponent", "{\"a\":1.e5}", -EINVAL },
	{ "an exponent without digits", "{\"a\":1e}", -EINVAL },
	{ "an exponent with only a sign", "{\"a\":1e+}", -EINVAL },
	{ "a minus alone", "{\"a\":-}", -EINVAL },
	{ "hexadecimal", "{\"a\":0x10}", -EINVAL },
	{ "an unknown escape", "{\"a\":\"\\x41\"}", -EINVAL },
	{ "an escape cut short", "{\"a\":\"\\u00e\"}", -EINVAL },
	{ "an escape that is no hex", "{\"a\":\"\\u00eg\"}", -EINVAL },
	{ "a backslash at the very end", "{\"a\":\"\\", -EINVAL },
	{ "an escaped NUL in a name", "{\"uid\\u0000x\":1}", -EILSEQ },
	{ "overlong UTF-8", "{\"a\":\"\xc0\x80\"}", -EINVAL },
	{ "a raw surrogate", "{\"a\":\"\xed\xa0\x80\"}", -EINVAL },
	{ "past U+10FFFF", "{\"a\":\"\xf4\x90\x80\x80\"}", -EINVAL },
	{ "half a character", "{\"a\":\"\xe4\xbd\"}", -EINVAL },
	{ "a non-breaking space outside strings", "{\xc2\xa0}", -EINVAL },
};

static struct json_object *parsed(const char *text)
{
	return json_parse(text, strlen(text));
}

static void only_whole_valid_objects_pass(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct json_object *o;
		size_t len, start;
		char *text = exact_text(rows[i].text, &len), *head;
		int r = jsontext_object(text, len, NULL, 0);

		if (r != rows[i].members)
			ROW_FAILS(rows[i].sentence, "%d", r);
		o = json_parse(text, len);
		if ((o != NULL) != (r >= 0))
			ROW_FAILS(rows[i].sentence, "json_parse disagrees");
		json_object_put(o);
		start = len;
		while (start > 0 && strchr(" \n", text[start - 1]))
			start--;
		for (cut = 0; cut < start; cut++) {
			head = exact(text, cut);
			if (r >= 0 && jsontext_object(head, cut, NULL, 0) >= 0)
				ROW_FAILS(rows[i].sentence, "whole though cut at %zu", cut);
			free(head);
		}
		free(text);
	}
}

static void control_characters_pass_only_from_wechat(void **state)
{
	char text[] = "{\"a\":\"0123456789x0123456789\"}";
	char c;

	(void)state;
	for (c = 0; c < 0x20; c++) {
		struct json_object *o;

		text[strlen("{\"a\":\"0123456789")] = c;
		assert_null(json_parse(text, sizeof(text) - 1));
		o = json_parse_lenient(text, sizeof(text) - 1);
		if (c == 0) {
			assert_null(o);
		} else {
			assert_non_null(o);
			assert_int_equal(json_text(o, "a", NULL)[10], c);
		}
		json_object_put(o);
	}
	assert_null(json_parse_lenient("{\"a\":1}\x01", strlen("{\"a\":1}\x01")));
	assert_null(json_parse_lenient("{\"a\":NaN}", strlen("{\"a\":NaN}")));
}

/* {"a":[{},{},...]} with so many values in all. */
static char *crowd(unsigned values, size_t *len)
{
	struct buf text = BUF_INIT;
	unsigned i;

	assert_int_equal(buf_adds(&text, "{\"a\":["), 0);
	for (i = 1; i < values; i++)
		assert_int_equal(buf_adds(&text, i > 1 ? ",{}" : "{}"), 0);
	assert_int_equal(buf_adds(&text, "]}"), 0);
	*len = text.len;
	return text.data;
}

static void forms_and_messages_hold_so_many_values_and_no_more(void **state)
{
	static const struct {
		int (*scan)(const char *text, size_t len);
		struct json_object *(*parse)(const char *text, size_t len);
		unsigned most;
	} kinds[] = {
		{ jsontext_form, json_parse_form, JSON_FORM_VALUES_MAX },
		{ jsontext_lenient, json_parse_lenient, JSON_MESSAGE_VALUES_MAX },
	};
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		char *most = crowd(kinds[i].most, &len);
		struct json_object *o = kinds[i].parse(most, len);

		assert_int_equal(kinds[i].scan(most, len), 1);
		assert_non_null(o);
		json_object_put(o);
		free(most);
		most = crowd(kinds[i].most + 1, &len);
		assert_int_equal(kinds[i].scan(most, len), -E2BIG);
		assert_null(kinds[i].parse(most, len));
		o = json_parse(most, len);
		assert_non_null(o);
		json_object_put(o);
		free(most);
	}
}

static void members_are_named_without_a_tree(void **state)
{
	static const char text[] = " {\"content\" : \"hi \\\"x\\\"\" ,\"\\u0075id\":{\"a\":[1,{\"b\":2}]}, \"n\":-1.5 }";
	struct jsontext_member m[3];
	size_t len;
	char *copy = exact_text(text, &len);

	(void)state;
	assert_int_equal(jsontext_object(copy, len, m, 3), 3);
	assert_int_equal(m[0].name_len, 7);
	assert_memory_equal(m[0].name, "content", 7);
	assert_false(m[0].has_escape);
	assert_int_equal(m[0].value_len, 10);
	assert_memory_equal(m[0].value, "\"hi \\\"x\\\"\"", 10);
	assert_int_equal(m[1].name_len, 8);
	assert_true(m[1].has_escape);
	assert_int_equal(m[1].value_len, strlen("{\"a\":[1,{\"b\":2}]}"));
	assert_memory_equal(m[1].value, "{\"a\":[1,{\"b\":2}]}", m[1].value_len);
	assert_int_equal(m[2].value_len, 4);
	assert_memory_equal(m[2].value, "-1.5", 4);
	memset(m, 0, sizeof(m));
	assert_int_equal(jsontext_object(copy, len, m, 1), 3);
	assert_null(m[1].name);
	free(copy);
}

static void texts_are_read(void **state)
{
	struct json_object *o;
	size_t len = 99;

	(void)state;
	o = parsed("{\"a\":\"x\\u4f60\",\"n\":1,\"z\":\"x\\u0000y\",\"e\":\"\",\"u\":null}");
	assert_non_null(o);
	assert_string_equal(json_text(o, "a", &len), "x\xe4\xbd\xa0");
	assert_int_equal(len, 4);
	assert_string_equal(json_text(o, "e", &len), "");
	assert_int_equal(len, 0);
	assert_null(json_text(o, "n", &len));
	assert_null(json_text(o, "z", &len));
	assert_null(json_text(o, "u", &len));
	assert_null(json_text(o, "absent", &len));
	json_object_put(o);
}

static void what_people_may_read_is_read_as_text(void **state)
{
	static const struct {
		const char *sentence, *text, *words;
	} words[] = {
		{ "a string", "{\"a\":\"x\\u4f60\"}", "x\xe4\xbd\xa0" },
		{ "an empty one", "{\"a\":\"\"}", "" },
		{ "a NUL hides nothing", "{\"a\":\"x\\u0000y\"}", "x y" },
		{ "an array", "{\"a\":[\"x/\",1]}", "[\"x/\",1]" },
		{ "an object", "{\"a\":{\"b\":\"x\"}}", "{\"b\":\"x\"}" },
		{ "a number", "{\"a\":-12}", "-12" },
		{ "a boolean is no words", "{\"a\":true}", NULL },
		{ "nor is null", "{\"a\":null}", NULL },
		{ "nor what is absent", "{\"b\":\"x\"}", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(words); i++) {
		struct json_object *o = parsed(words[i].text);
		char *got = json_words(o, "a");

		if (!got != !words[i].words || (got && strcmp(got, words[i].words) != 0))
			ROW_FAILS(words[i].sentence, "%s", got ? got : "nothing");
		free(got);
		json_object_put(o);
	}
}

static void integers_are_read_only_when_they_are(void **state)
{
	static const struct {
		const char *sentence, *text;
		bool is_read;
		int64_t value;
	} ints[] = {
		{ "an integer", "{\"a\":40029}", true, 40029 },
		{ "below zero", "{\"a\":-1}", true, -1 },
		{ "the greatest", "{\"a\":9223372036854775807}", true, INT64_MAX },
		{ "digits in a string", "{\"a\":\"1714112445\"}", true, 1714112445 },
		{ "below zero in a string", "{\"a\":\"-1\"}", true, -1 },
		{ "the greatest in a string", "{\"a\":\"9223372036854775807\"}", true, INT64_MAX },
		{ "one past the greatest", "{\"a\":9223372036854775808}", false, 0 },
		{ "far past it", "{\"a\":99999999999999999999999}", false, 0 },
		{ "far below the least", "{\"a\":-99999999999999999999999}", false, 0 },
		{ "one past it in a string", "{\"a\":\"9223372036854775808\"}", false, 0 },
		{ "far past it in a string", "{\"a\":\"99999999999999999999\"}", false, 0 },
		{ "a fraction", "{\"a\":1.5}", false, 0 },
		{ "an exponent", "{\"a\":1e3}", false, 0 },
		{ "a truth value", "{\"a\":true}", false, 0 },
		{ "digits with more behind", "{\"a\":\"12abc\"}", false, 0 },
		{ "a blank before digits", "{\"a\":\" 12\"}", false, 0 },
		{ "an empty string", "{\"a\":\"\"}", false, 0 },
		{ "a minus alone", "{\"a\":\"-\"}", false, 0 },
		{ "null", "{\"a\":null}", false, 0 },
		{ "nothing", "{}", false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ints); i++) {
		struct json_object *o = parsed(ints[i].text);
		int64_t n = 77;

		assert_non_null(o);
		if (json_int(o, "a", &n) != ints[i].is_read || n != (ints[i].is_read ? ints[i].value : 77))
			ROW_FAILS(ints[i].sentence, "%lld", (long long)n);
		json_object_put(o);
	}
}

static void truth_is_that_of_javascript(void **state)
{
	static const char truthy[] = "{\"a\":true,\"b\":1,\"c\":-0.5,\"d\":\"0\",\"e\":{},\"f\":[]}";
	static const char falsy[] = "{\"a\":false,\"b\":0,\"c\":0.0,\"d\":\"\",\"e\":null,\"f\":-0}";
	struct json_object *yes = parsed(truthy);
	struct json_object *no = parsed(falsy);
	char key[2] = "a";

	(void)state;
	for (; key[0] <= 'f'; key[0]++) {
		assert_true(json_truthy(yes, key));
		assert_false(json_truthy(no, key));
	}
	assert_false(json_truthy(yes, "absent"));
	json_object_put(yes);
	json_object_put(no);
}

static void members_are_objects_or_nothing(void **state)
{
	struct json_object *o = parsed("{\"a\":{\"b\":1},\"c\":[],\"d\":null}");

	(void)state;
	assert_non_null(json_member(o, "a"));
	assert_null(json_member(o, "c"));
	assert_null(json_member(o, "d"));
	assert_null(json_member(o, "e"));
	json_object_put(o);
}

static void objects_are_written_compact(void **state)
{
	static const char text[] = "{\"url\":\"https://a/b\",\"f\":0.1,\"n\":\"\xe4\xbd\xa0\"}";
	struct json_object *o = parsed(text);
	struct buf b = BUF_INIT, small = BUF_LIMIT(8);

	(void)state;
	assert_int_equal(json_add(&b, o), 0);
	assert_string_equal(buf_str(&b), text);
	assert_int_equal(json_add(&small, o), -EMSGSIZE);
	assert_int_equal(small.len, 0);
	json_object_put(o);
	buf_free(&b);
	buf_free(&small);
}

static void strings_are_quoted(void **state)
{
	static const struct {
		const char *sentence, *text, *quoted;
	} quotes[] = {
		{ "nothing", "", "\"\"" },
		{ "plain text and slashes stay", "a/b", "\"a/b\"" },
		{ "quotes and backslashes", "\"\\", "\"\\\"\\\\\"" },
		{ "control characters", "\b\f\n\r\t\x01\x1f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\"" },
		{ "Chinese stays", "\xe4\xbd\xa0\n\xe5\xa5\xbd", "\"\xe4\xbd\xa0\\n\xe5\xa5\xbd\"" },
		{ "bad bytes are replaced", "a\xff\xe4\xbd", "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "good ones behind bad ones stay", "\xc0\x80\xe4\xbd\xa0\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xe4\xbd\xa0\\\"\"" },
	};
	struct buf b = BUF_INIT, small = BUF_LIMIT(5);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(quotes); i++) {
		size_t len;
		char *text = exact_text(quotes[i].text, &len);

		buf_reset(&b);
		assert_int_equal(json_quote(&b, text, len), 0);
		if (strcmp(buf_str(&b), quotes[i].quoted) != 0)
			ROW_FAILS(quotes[i].sentence, "%s", buf_str(&b));
		free(text);
	}
	buf_reset(&b);
	assert_int_equal(json_quote(&b, "a\0b", 3), 0);
	assert_string_equal(buf_str(&b), "\"a\\u0000b\"");
	assert_int_equal(buf_adds(&small, "ab"), 0);
	assert_int_equal(json_quote(&small, "x\ny", 3), -EMSGSIZE);
	assert_string_equal(buf_str(&small), "ab");
	buf_free(&b);
	buf_free(&small);
}

static void *parse_in_a_thread(void *arg)
{
	struct json_object *o = parsed("{\"a\":1}");

	*(bool *)arg = o != NULL;
	json_object_put(o);
	return NULL;
}

/* LeakSanitizer tells if the thread's tokener stays. */
static void threads_come_and_go(void **state)
{
	bool is_parsed[4] = { false };
	pthread_t threads[4];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, parse_in_a_thread, &is_parsed[i]), 0);
	for (i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_true(is_parsed[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_valid_objects_pass),
		cmocka_unit_test(control_characters_pass_only_from_wechat),
		cmocka_unit_test(forms_and_messages_hold_so_many_values_and_no_more),
		cmocka_unit_test(members_are_named_without_a_tree),
		cmocka_unit_test(texts_are_read),
		cmocka_unit_test(what_people_may_read_is_read_as_text),
		cmocka_unit_test(integers_are_read_only_when_they_are),
		cmocka_unit_test(truth_is_that_of_javascript),
		cmocka_unit_test(members_are_objects_or_nothing),
		cmocka_unit_test(objects_are_written_compact),
		cmocka_unit_test(strings_are_quoted),
		cmocka_unit_test(threads_come_and_go),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
