/* test_notify.c - what a subscribe message says, within what WeChat allows; and which events tell of risky media. */
#include "unit.h"

#include <errno.h>
#include <time.h>

#include "push-server/notify.h"
#include "push-server/verdicts.h"

#define TEN "一二三四五六七八九十"

static void the_template_is_filled(void **state)
{
	static const struct {
		const char *sentence, *pattern, *content;
		int result;
		const char *expected;
	} rows[] = {
		{ "words are replaced", "thing1={nickName} thing2={content}", "hi", 0,
		  "{\"thing1\":{\"value\":\"小明\"},\"thing2\":{\"value\":\"hi\"}}" },
		{ "text around them stays", "thing1=来自{nickName}的消息", "", 0, "{\"thing1\":{\"value\":\"来自小明的消息\"}}" },
		{ "time is WeChat's form", "time3={time}", "", 0, "{\"time3\":{\"value\":\"2025年12月31日 00:00\"}}" },
		{ "thing has 20 characters, not bytes", "thing1={content}", TEN TEN "x", 0,
		  "{\"thing1\":{\"value\":\"" TEN TEN "\"}}" },
		{ "name has 10", "name1={content}", TEN "x", 0, "{\"name1\":{\"value\":\"" TEN "\"}}" },
		{ "phrase has 5", "phrase1={content}", TEN, 0, "{\"phrase1\":{\"value\":\"一二三四五\"}}" },
		{ "no value is empty", "thing1={content}", "", 0, "{\"thing1\":{\"value\":\"-\"}}" },
		{ "no value is blank", "thing1={content}", " \n ", 0, "{\"thing1\":{\"value\":\"-\"}}" },
		{ "control characters become blanks", "thing1={content}", "a\nb", 0, "{\"thing1\":{\"value\":\"a b\"}}" },
		{ "quotes are escaped", "thing1={content}", "\"", 0, "{\"thing1\":{\"value\":\"\\\"\"}}" },
		{ "what users write is not replaced again", "thing1={content}", "{room}", 0,
		  "{\"thing1\":{\"value\":\"{room}\"}}" },
		{ "blanks between fields may be many", "  thing1=a \t thing2=b ", "", 0,
		  "{\"thing1\":{\"value\":\"a\"},\"thing2\":{\"value\":\"b\"}}" },
		{ "an unknown word is refused", "thing1={nonsense}", "", -EINVAL, "" },
		{ "an open brace is refused", "thing1={room", "", -EINVAL, "" },
		{ "a field has a name", "=x", "", -EINVAL, "" },
		{ "a field has a value", "thing1", "", -EINVAL, "" },
		{ "there is a field", " ", "", -EINVAL, "" },
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct notice notice = { .nick = "小明", .content = rows[i].content, .room = "r", .time_ms = 1767139200000 };
		struct buf out = BUF_INIT;
		int r = notify_data(&out, rows[i].pattern, &notice);

		if (r != rows[i].result || strcmp(buf_str(&out), rows[i].expected) != 0)
			ROW_FAILS(rows[i].sentence, "%d %s", r, buf_str(&out));
		buf_free(&out);
	}
}

static void the_page_names_the_room(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(notify_page(&out, "pages/chat/chat?room={room}&x=1", "@dm:a&b 房"), 0);
	assert_string_equal(buf_str(&out), "pages/chat/chat?room=%40dm%3Aa%26b%20%E6%88%BF&x=1");
	buf_reset(&out);
	assert_int_equal(notify_page(&out, "pages/index", "r"), 0);
	assert_string_equal(buf_str(&out), "pages/index");
	buf_free(&out);
}

static void a_message_has_something_to_say(void **state)
{
	static const struct {
		const char *sentence, *fields, *nick, *content;
	} rows[] = {
		{ "text says itself", "\"content\":\"hi\",\"nickName\":\"小明\",", "小明", "hi" },
		{ "as stored, too", "\"content\":\"hi\",\"nickName\":\"小明\"}", "小明", "hi" },
		{ "a picture says so", "\"gallery\":true,\"nickName\":\"n\",", "n", "[图片]" },
		{ "anything else is a message", "\"x\":1,\"nickName\":\"\",", "微信用户", "[消息]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf nick = BUF_INIT, content = BUF_INIT;

		assert_int_equal(notify_content(&nick, &content, rows[i].fields, strlen(rows[i].fields)), 0);
		if (strcmp(buf_str(&nick), rows[i].nick) != 0 || strcmp(buf_str(&content), rows[i].content) != 0)
			ROW_FAILS(rows[i].sentence, "%s: %s", buf_str(&nick), buf_str(&content));
		buf_free(&nick);
		buf_free(&content);
	}
}

static void verdicts_are_told_from_other_events(void **state)
{
	static const struct {
		const char *sentence, *json;
		bool is_risky;
	} rows[] = {
		{ "a risky file", "{\"kind\":\"media\",\"url\":\"/media/a.jpg\",\"risky\":true}", true },
		{ "a harmless one", "{\"kind\":\"media\",\"url\":\"/media/a.jpg\",\"risky\":false}", false },
		{ "without a URL there is nothing to find", "{\"kind\":\"media\",\"url\":\"\",\"risky\":true}", false },
		{ "another event", "{\"kind\":\"event\",\"url\":\"/media/a.jpg\",\"risky\":true}", false },
		{ "nonsense", "{", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf url = BUF_INIT;
		size_t len;
		char *json = exact_text(rows[i].json, &len);

		if (verdict_read(json, len, &url) != rows[i].is_risky ||
		    strcmp(buf_str(&url), rows[i].is_risky ? "/media/a.jpg" : "") != 0)
			ROW_FAILS(rows[i].sentence, "%s", buf_str(&url));
		free(json);
		buf_free(&url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_template_is_filled),
		cmocka_unit_test(the_page_names_the_room),
		cmocka_unit_test(a_message_has_something_to_say),
		cmocka_unit_test(verdicts_are_told_from_other_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
