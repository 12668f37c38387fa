/* test_request_head.c - what an object says of itself, however it is written. */
#include "unit.h"

#include "push-server/request_head.h"

static void heads_are_read(void **state)
{
	static const struct {
		const char *sentence, *text, *wrong, *cid, *room, *op;
		size_t count;
	} rows[] = {
		{ "an empty object is a message", "{}", NULL, "", NULL, NULL, 0 },
		{ "a message has a cid and a room", "{\"cid\":\"c\",\"room\":\"r\",\"x\":1}", NULL, "c", "r", NULL, 3 },
		{ "values may be escaped", "{\"cid\":\"\\u0063\",\"room\":\"\\/\"}", NULL, "c", "/", NULL, 2 },
		{ "names may be escaped", "{\"\\u0063id\":\"c\",\"\\u006F\\u0070\":\"ping\"}", NULL, "c", NULL, "ping", 2 },
		{ "the last of two cids counts", "{\"cid\":\"a\",\"cid\":\"b\"}", NULL, "b", NULL, NULL, 2 },
		{ "an operation is named", "{\"op\":\"join\",\"room\":\"r\",\"cid\":\"c\"}", NULL, "c", "r", "join", 3 },
		{ "an operation's name is a string", "{\"op\":1,\"cid\":\"c\"}", "op", "c", NULL, NULL, 2 },
		{ "a cid is a string", "{\"cid\":1}", "cid", "", NULL, NULL, 1 },
		{ "null is none", "{\"cid\":null,\"room\":null}", NULL, "", NULL, NULL, 2 },
		{ "null is none beside an operation", "{\"op\":\"history\",\"cid\":null,\"room\":null}", NULL, "", NULL, "history", 3 },
		{ "half a surrogate pair is no cid", "{\"cid\":\"\\ud800\"}", "cid", "", NULL, NULL, 1 },
		{ "nor is the other half", "{\"cid\":\"a\\udc00\",\"op\":\"ping\"}", "cid", "", NULL, "ping", 2 },
		{ "nor what becomes of either on its way", "{\"cid\":\"\xef\xbf\xbd\"}", "cid", "", NULL, NULL, 1 },
		{ "a whole pair is", "{\"cid\":\"\\ud83d\\ude00\"}", NULL, "\xf0\x9f\x98\x80", NULL, NULL, 1 },
		{ "a room is a string", "{\"room\":[],\"cid\":\"c\"}", "room", "c", NULL, NULL, 2 },
		{ "an array is no object", "[]", "one JSON", "", NULL, NULL, 0 },
		{ "half an object is none", "{\"cid\":\"c\"", "one JSON", "", NULL, NULL, 0 },
		{ "too deep an object is told so", "{\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", "objects and arrays nested at most 16", "", NULL, NULL, 0 },
		{ "16 levels are none too many", "{\"x\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", NULL, "", NULL, NULL, 1 },
		{ "a name with U+0000 is told so", "{\"x\":1,\"\\u0000\":2}", "no name may hold U+0000", "", NULL, NULL, 0 },
		{ "also inside", "{\"x\":[{\"a\\u0000b\":2}]}", "no name may hold U+0000", "", NULL, NULL, 0 },
		{ "a value may hold it", "{\"x\":\"\\u0000\"}", NULL, "", NULL, NULL, 1 },
		{ "names inside count for nothing", "{\"x\":{\"op\":\"ping\",\"cid\":\"c\"}}", NULL, "", NULL, NULL, 1 },
	};
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct request_head head;
		size_t len;
		char *text = exact_text(rows[i].text, &len);
		const char *wrong = request_head_read(&head, text, len);

		if (!wrong != !rows[i].wrong || (wrong && strncmp(wrong, rows[i].wrong, strlen(rows[i].wrong)) != 0))
			ROW_FAILS(rows[i].sentence, "%s", wrong ? wrong : "taken");
		if (strcmp(head.cid, rows[i].cid) != 0 || head.members.count != rows[i].count)
			ROW_FAILS(rows[i].sentence, "cid %s, %zu members", head.cid, head.members.count);
		if (!wrong && (head.has_room != (rows[i].room != NULL) ||
			       (rows[i].room && strcmp(head.room, rows[i].room) != 0)))
			ROW_FAILS(rows[i].sentence, "room %s", head.room);
		if (!head.op != !rows[i].op || (head.op && strcmp(head.op, rows[i].op) != 0))
			ROW_FAILS(rows[i].sentence, "op %s", head.op ? head.op : "none");
		request_head_fini(&head);
		free(text);
		for (cut = 0; cut < len; cut++) {
			text = exact(rows[i].text, cut);
			request_head_read(&head, text, cut);
			request_head_fini(&head);
			free(text);
		}
	}
}

static void members_are_told_by_what_their_names_mean(void **state)
{
	static const struct {
		const char *sentence, *written, *name;
		bool is;
	} rows[] = {
		{ "a plain name", "uid", "uid", true },
		{ "another one", "uib", "uid", false },
		{ "its beginning", "ui", "uid", false },
		{ "a longer one", "uids", "uid", false },
		{ "an escaped letter", "\\u0075id", "uid", true },
		{ "every letter escaped, in capitals", "\\u0061\\u007A\\u004E", "azN", true },
		{ "the beginning, escaped", "\\u0075i", "uid", false },
		{ "a longer one, escaped", "\\u0075ids", "uid", false },
		{ "a letter that only looks the same", "\\u0455id", "sid", false },
		{ "short escapes", "\\/\\\\\\\"\\n\\t", "/\\\"\n\t", true },
		{ "n is not a line's end", "\\n", "n", false },
		{ "nothing", "", "uid", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct jsontext_member m = { .name = rows[i].written, .name_len = strlen(rows[i].written),
					     .has_escape = strchr(rows[i].written, '\\') != NULL };

		if (member_is(&m, rows[i].name) != rows[i].is)
			ROW_FAILS(rows[i].sentence, "%d", !rows[i].is);
	}
}

static void many_members_are_all_seen(void **state)
{
	struct request_head head;
	char text[4096] = "{";
	size_t len = 1;
	int i;

	(void)state;
	for (i = 0; i < 200; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\"k%d\":%d,", i, i);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "\"cid\":\"c\"}");
	assert_null(request_head_read(&head, text, len));
	assert_int_equal(head.members.count, 201);
	assert_string_equal(head.cid, "c");
	assert_true(member_is(&head.members.list[199], "k199"));
	request_head_fini(&head);
}

static void of_one_name_the_last_member_counts(void **state)
{
	static const struct {
		const char *sentence, *text, *value;
	} rows[] = {
		{ "the only one", "{\"a\":1}", "1" },
		{ "the last of two", "{\"a\":1,\"b\":2,\"a\":3}", "3" },
		{ "the last of two, written otherwise", "{\"a\":1,\"\\u0061\":[2]}", "[2]" },
		{ "the plain one behind it", "{\"\\u0061\":1,\"a\":\"2\"}", "\"2\"" },
		{ "none", "{\"b\":{\"a\":1}}", NULL },
		{ "none in an empty object", "{}", NULL },
		{ "none in what is no object", "[\"a\"]", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const struct jsontext_member *found;
		struct members m;
		size_t len;
		char *text = exact_text(rows[i].text, &len);

		members_read(&m, text, len);
		found = members_find(&m, "a");
		if (!found != !rows[i].value || (found && (found->value_len != strlen(rows[i].value) ||
							   memcmp(found->value, rows[i].value, found->value_len) != 0)))
			ROW_FAILS(rows[i].sentence, "%.*s", found ? (int)found->value_len : 4, found ? found->value : "none");
		members_fini(&m);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_read),
		cmocka_unit_test(members_are_told_by_what_their_names_mean),
		cmocka_unit_test(many_members_are_all_seen),
		cmocka_unit_test(of_one_name_the_last_member_counts),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
