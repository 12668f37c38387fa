/* test_error.c - the errors that clients see: a name, a status and words each, in one of two bodies. */
#include "unit.h"

#include <errno.h>

#include "error.h"
#include "json.h"

static void each_error_has_its_status(void **state)
{
	static const struct {
		enum error error;
		const char *name;
		int status;
	} rows[] = {
		{ ERR_INVALID_SESSION, "ERR_INVALID_SESSION", 401 },
		{ ERR_LOGIN_FAILED, "ERR_LOGIN_FAILED", 401 },
		{ ERR_BAD_SIGNATURE, "ERR_BAD_SIGNATURE", 400 },
		{ ERR_BAD_ENCRYPTED_DATA, "ERR_BAD_ENCRYPTED_DATA", 400 },
		{ ERR_BAD_REQUEST, "ERR_BAD_REQUEST", 400 },
		{ ERR_TOO_LARGE, "ERR_TOO_LARGE", 413 },
		{ ERR_UNSUPPORTED_MEDIA, "ERR_UNSUPPORTED_MEDIA", 415 },
		{ ERR_RATE_LIMITED, "ERR_RATE_LIMITED", 429 },
		{ ERR_BANNED, "ERR_BANNED", 403 },
		{ ERR_FORBIDDEN, "ERR_FORBIDDEN", 403 },
		{ ERR_MUTED, "ERR_MUTED", 403 },
		{ ERR_RISKY_CONTENT, "ERR_RISKY_CONTENT", 400 },
		{ ERR_WECHAT_BUSY, "ERR_WECHAT_BUSY", 503 },
		{ ERR_WECHAT_TIMEOUT, "ERR_WECHAT_TIMEOUT", 504 },
		{ ERR_WECHAT_BAD_ANSWER, "ERR_WECHAT_BAD_ANSWER", 502 },
		{ ERR_STORE, "ERR_STORE", 503 },
		{ ERR_NOT_FOUND, "ERR_NOT_FOUND", 404 },
	};
	size_t i;

	(void)state;
	assert_int_equal(COUNT(rows), ERR_COUNT - 1);
	for (i = 0; i < COUNT(rows); i++) {
		assert_string_equal(error_name(rows[i].error), rows[i].name);
		if (error_status(rows[i].error) != rows[i].status)
			ROW_FAILS(rows[i].name, "%d", error_status(rows[i].error));
		assert_true(strlen(error_message(rows[i].error)) > 5);
	}
}

static void the_session_body_speaks_to_both_sdks(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(error_body(&b, ERR_INVALID_SESSION, true, "\xe8\xbf\x87\xe6\x9c\x9f", NULL), 0);
	assert_string_equal(buf_str(&b), "{\"F2C224D4-2BCE-4C64-AF9F-A6D872000D1A\":1,\"code\":-1,"
			    "\"error\":\"ERR_INVALID_SESSION\",\"message\":\"\xe8\xbf\x87\xe6\x9c\x9f\",\"data\":{}}");
	buf_free(&b);
}

static void the_other_body_leaves_the_session_alone(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(error_body(&b, ERR_RATE_LIMITED, false, "slow \"down\"", NULL), 0);
	assert_string_equal(buf_str(&b), "{\"code\":1,\"error\":\"ERR_RATE_LIMITED\",\"message\":\"slow \\\"down\\\"\","
			    "\"data\":{}}");
	buf_free(&b);
}

static void every_body_is_json(void **state)
{
	struct buf b = BUF_INIT;
	struct json_object *o;
	enum error e;
	int64_t errcode;

	(void)state;
	for (e = ERR_INVALID_SESSION; e < ERR_COUNT; e++) {
		buf_reset(&b);
		assert_int_equal(error_body(&b, e, e % 2, NULL, "{\"errcode\":40029}"), 0);
		o = json_parse(b.data, b.len);
		assert_non_null(o);
		assert_string_equal(json_text(o, "error", NULL), error_name(e));
		assert_string_equal(json_text(o, "message", NULL), error_message(e));
		assert_true(json_int(json_member(o, "detail"), "errcode", &errcode));
		assert_int_equal(errcode, 40029);
		assert_non_null(json_member(o, "data"));
		json_object_put(o);
	}
	buf_free(&b);
}

static void what_does_not_fit_leaves_nothing(void **state)
{
	size_t limit;

	(void)state;
	for (limit = 2; limit < 60; limit++) {
		struct buf b = BUF_LIMIT(0);

		b.max = limit;
		assert_int_equal(buf_adds(&b, "ab"), 0);
		assert_int_equal(error_body(&b, ERR_STORE, false, NULL, NULL), -EMSGSIZE);
		assert_string_equal(buf_str(&b), "ab");
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_has_its_status),
		cmocka_unit_test(the_session_body_speaks_to_both_sdks),
		cmocka_unit_test(the_other_body_leaves_the_session_alone),
		cmocka_unit_test(every_body_is_json),
		cmocka_unit_test(what_does_not_fit_leaves_nothing),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
