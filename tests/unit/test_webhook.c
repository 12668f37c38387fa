/* test_webhook.c - what is said to the owner's backend, and how its answers are read. */
#include "unit.h"

#include <errno.h>

#include "crypto.h"
#include "push-server/webhook.h"

static const struct uid uid = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23 } };
#define UID "0123456789abcdef0123"
#define SERVER "\"room\":\"r\",\"uid\":\"" UID "\",\"nickName\":\"N\",\"avatarUrl\":\"A\","

static void a_call_is_signed_over_time_and_body(void **state)
{
	char signature[WEBHOOK_SIGNATURE_SIZE];

	(void)state;
	assert_int_equal(crypto_init(), 0);
	/* printf '1767139200.{"a":1}' | openssl dgst -sha256 -hmac key */
	assert_int_equal(webhook_sign("key", 1767139200, "{\"a\":1}", 7, signature), 0);
	assert_string_equal(signature, "sha256=a48f9c35b7910ba3494731dc87aec3e9d556c67d8fb35ce104ff378a778b30cb");
}

static void events_are_objects(void **state)
{
	static const struct {
		const char *sentence;
		enum hook_event kind;
		bool has_uid;
		const char *text, *expected;
	} rows[] = {
		{ "a room is occupied", HOOK_OCCUPIED, false, NULL,
		  "{\"event\":\"occupied\",\"room\":\"\\\"r\",\"time\":5}" },
		{ "a user joins", HOOK_JOIN, true, NULL, "{\"event\":\"join\",\"room\":\"\\\"r\",\"time\":5,\"uid\":\"" UID "\"}" },
		{ "a message as it waits", HOOK_MESSAGE, true, "\"a\":1,",
		  "{\"event\":\"message\",\"room\":\"\\\"r\",\"time\":5,\"uid\":\"" UID "\",\"id\":7,\"message\":{\"a\":1}}" },
		{ "a message as it is stored", HOOK_MESSAGE, true, "\"a\":1}",
		  "{\"event\":\"message\",\"room\":\"\\\"r\",\"time\":5,\"uid\":\"" UID "\",\"id\":7,\"message\":{\"a\":1}}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT;
		size_t len = 0;
		char *text = rows[i].text == NULL ? NULL : exact_text(rows[i].text, &len);

		assert_int_equal(webhook_event(&out, rows[i].kind, "\"r", rows[i].has_uid ? &uid : NULL, 7, 5, text, len), 0);
		if (strcmp(buf_str(&out), rows[i].expected) != 0)
			ROW_FAILS(rows[i].sentence, "%s", buf_str(&out));
		buf_free(&out);
		free(text);
	}
}

static void answers_are_judged(void **state)
{
	static const struct {
		const char *sentence, *body;
		int verdict;
		const char *why;
	} rows[] = {
		{ "nothing allows", "", WEBHOOK_ALLOW, "" },
		{ "an empty object allows", "{}", WEBHOOK_ALLOW, "" },
		{ "true allows", "{\"allow\":true}", WEBHOOK_ALLOW, "" },
		{ "false refuses", "{\"allow\":false}", WEBHOOK_REFUSE, "" },
		{ "null refuses", "{\"allow\":null}", WEBHOOK_REFUSE, "" },
		{ "a refusal has words", "{\"allow\":false,\"message\":\"不行\"}", WEBHOOK_REFUSE, "不行" },
		{ "a refusal wins over a replacement", "{\"allow\":false,\"replace\":{}}", WEBHOOK_REFUSE, "" },
		{ "a replacement is an object", "{\"replace\":{\"a\":1}}", WEBHOOK_REPLACE, "" },
		{ "any other replacement is none", "{\"replace\":[1]}", -EPROTO, "" },
		{ "text is no answer", "ok", -EPROTO, "" },
		{ "an array is no answer", "[]", -EPROTO, "" },
		{ "half an answer is none", "{\"allow\":", -EPROTO, "" },
		{ "an answer may be 16 deep", "{\"replace\":{\"a\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}}", WEBHOOK_REPLACE, "" },
		{ "a deeper one does not fit", "{\"replace\":{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}}", -EMSGSIZE, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[WEBHOOK_WHY_SIZE];
		size_t len;
		char *body = exact_text(rows[i].body, &len);
		int verdict = webhook_verdict(body, len, why);

		if (verdict != rows[i].verdict || (verdict >= 0 && strcmp(why, rows[i].why) != 0))
			ROW_FAILS(rows[i].sentence, "%d %s", verdict, why);
		free(body);
	}
}

static void long_words_are_cut_between_characters(void **state)
{
	char why[WEBHOOK_WHY_SIZE];
	struct buf body = BUF_INIT;

	(void)state;
	assert_int_equal(buf_adds(&body, "{\"allow\":false,\"message\":\""), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(buf_adds(&body, "不"), 0);
	assert_int_equal(buf_adds(&body, "\"}"), 0);
	assert_int_equal(webhook_verdict(body.data, body.len, why), WEBHOOK_REFUSE);
	assert_int_equal(strlen(why), 255);
	assert_memory_equal(why + 252, "不", 3);
	buf_free(&body);
}

static void a_message_is_written_anew(void **state)
{
	static const struct {
		const char *sentence, *text, *answer;
		size_t max;
		int result;
		const char *expected, *words;
	} rows[] = {
		{ "the backend's fields stand in place of the client's", "\"content\":\"a\",\"x\":1," SERVER,
		  "{\"replace\":{\"text\":true,\"content\":\"b\"}}", 1000, 0, "\"text\":true,\"content\":\"b\"," SERVER, "b" },
		{ "the cid stays", "\"content\":\"a\",\"cid\":\"c\\n1\"," SERVER, "{\"replace\":{\"content\":\"b\"}}", 1000, 0,
		  "\"content\":\"b\",\"cid\":\"c\\n1\"," SERVER, "b" },
		{ "what the server says cannot be written", "\"content\":\"a\"," SERVER,
		  "{\"replace\":{\"uid\":\"x\",\"id\":1,\"type\":\"user\",\"cid\":\"z\",\"nickName\":\"y\",\"y\":2}}", 1000, 0,
		  "\"y\":2," SERVER, NULL },
		{ "nor what clients take for the end of their session", "\"content\":\"a\"," SERVER,
		  "{\"replace\":{\"" WAFER_MAGIC "\":1,\"error\":\"e\",\"re\\u0063alled\":true,\"op\":\"x\",\"y\":2}}", 1000, 0,
		  "\"y\":2," SERVER, NULL },
		{ "a cid stays however its name is written", "\"c\\u0069d\":\"1\"," SERVER, "{\"replace\":{\"y\":2}}", 1000, 0,
		  "\"y\":2,\"c\\u0069d\":\"1\"," SERVER, NULL },
		{ "a name with an escape is like any other", "\"content\":\"a\"," SERVER, "{\"replace\":{\"a\\\"b\":2}}", 1000, 0,
		  "\"a\\\"b\":2," SERVER, NULL },
		{ "no fields are fine", "\"content\":\"a\"," SERVER, "{\"replace\":{}}", 1000, 0, SERVER, NULL },
		{ "a message may become too long", "\"content\":\"a\"," SERVER, "{\"replace\":{\"content\":\"bbbbbbbb\"}}", 21,
		  -EMSGSIZE, "\"content\":\"a\"," SERVER, "a" },
		{ "a replacement that is no object", "\"content\":\"a\"," SERVER, "{\"replace\":3}", 1000, -EPROTO,
		  "\"content\":\"a\"," SERVER, "a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ask ask = { .text = strdup(rows[i].text), .text_len = strlen(rows[i].text), .words = strdup("a") };
		size_t len;
		char *answer = exact_text(rows[i].answer, &len);
		int r = webhook_rewrite(&ask, answer, len, rows[i].max);

		if (r != rows[i].result || ask.text_len != strlen(rows[i].expected) ||
		    memcmp(ask.text, rows[i].expected, ask.text_len) != 0)
			ROW_FAILS(rows[i].sentence, "%d %.*s", r, (int)ask.text_len, ask.text);
		if ((ask.words == NULL) != (rows[i].words == NULL) ||
		    (ask.words != NULL && strcmp(ask.words, rows[i].words) != 0))
			ROW_FAILS(rows[i].sentence, "words %s", ask.words);
		free(ask.text);
		free(ask.words);
		free(answer);
	}
}

static void members_may_be_many(void **state)
{
	struct buf text = BUF_INIT, answer = BUF_INIT;
	struct ask ask = { .words = NULL };

	(void)state;
	assert_int_equal(buf_adds(&answer, "{\"replace\":{\"content\":\"b\""), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(buf_addf(&text, "\"f%d\":0,", i), 0);
		assert_int_equal(buf_addf(&answer, ",\"g%d\":0", i), 0);
	}
	assert_int_equal(buf_adds(&text, SERVER), 0);
	assert_int_equal(buf_adds(&answer, "}}"), 0);
	ask.text = text.data;
	ask.text_len = text.len;
	assert_int_equal(webhook_rewrite(&ask, answer.data, answer.len, 10000), 0);
	assert_string_equal(ask.words, "b");
	assert_int_equal(ask.text_len, answer.len - strlen("{\"replace\":{}}") + strlen("," SERVER));
	assert_memory_equal(ask.text + ask.text_len - strlen("\"g999\":0," SERVER), "\"g999\":0," SERVER,
			    strlen("\"g999\":0," SERVER));
	free(ask.text);
	free(ask.words);
	buf_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_signed_over_time_and_body),
		cmocka_unit_test(events_are_objects),
		cmocka_unit_test(answers_are_judged),
		cmocka_unit_test(long_words_are_cut_between_characters),
		cmocka_unit_test(a_message_is_written_anew),
		cmocka_unit_test(members_may_be_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
