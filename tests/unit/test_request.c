/* test_request.c - a request as web servers hand it over: route, headers, body, answer. */
#include "unit.h"

#include <errno.h>

#include "fcgi-login/params.h"
#include "fcgi-login/request.h"

struct body {
	const char *bytes;
	size_t left, piece;
	struct buf sent;
};

static int on_read(void *arg, char *out, size_t size)
{
	struct body *b = arg;

	size = size > b->piece ? b->piece : size;
	size = size > b->left ? b->left : size;
	memcpy(out, b->bytes, size);
	b->bytes += size;
	b->left -= size;
	return (int)size;
}

static int on_write(void *arg, const char *bytes, size_t len)
{
	struct body *b = arg;

	return buf_add(&b->sent, bytes, len);
}

static int open_request(struct request *rq, struct body *b, char **variables, const char *bytes, size_t piece)
{
	const struct stream stream = { .read = on_read, .write = on_write, .arg = b };

	*b = (struct body){ bytes, strlen(bytes), piece, BUF_INIT };
	return request_init(rq, variables, &stream);
}

static void the_route_is_the_last_segment_of_the_path(void **state)
{
	static const struct {
		const char *sentence, *variable, *route;
	} rows[] = {
		{ "mounted at the root", "REQUEST_URI=/login", "login" },
		{ "mounted below", "REQUEST_URI=/weapp/login", "login" },
		{ "as a script", "REQUEST_URI=/cgi-bin/wxchat.cgi/user", "user" },
		{ "with a query", "REQUEST_URI=/login?code=a/b", "login" },
		{ "with a slash at the end", "REQUEST_URI=/weapp/login//", "login" },
		{ "as a whole URL", "REQUEST_URI=http://example.com/weapp/login?x", "login" },
		{ "nothing but the root", "REQUEST_URI=/", "" },
		{ "nothing but a query", "REQUEST_URI=?login", "" },
		{ "a segment that is too long to be one", "REQUEST_URI=/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxlogin", "" },
		{ "a server that tells no REQUEST_URI", "PATH_INFO=/login", "login" },
		{ "no path at all", "X=1", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *variables[] = { (char *)rows[i].variable, NULL };
		struct request rq;
		struct body b;

		open_request(&rq, &b, variables, "", 1);
		if (strcmp(rq.route, rows[i].route) != 0)
			ROW_FAILS(rows[i].sentence, "%s", rq.route);
	}
}

static void the_query_comes_from_its_variable_or_the_path(void **state)
{
	char *told[] = { "REQUEST_URI=/login?a=1", "QUERY_STRING=b=2", NULL };
	char *untold[] = { "REQUEST_URI=/login?a=1", NULL };
	char *none[] = { "REQUEST_URI=/login", "QUERY_STRING=", NULL };
	struct request rq;
	struct body b;

	(void)state;
	open_request(&rq, &b, told, "", 1);
	assert_string_equal(rq.query, "b=2");
	open_request(&rq, &b, untold, "", 1);
	assert_string_equal(rq.query, "a=1");
	open_request(&rq, &b, none, "", 1);
	assert_string_equal(rq.query, "");
	assert_string_equal(rq.method, "GET");
}

static void headers_that_contradict_themselves_are_not_trusted(void **state)
{
	static const struct {
		const char *sentence, *a, *b;
		int result;
	} rows[] = {
		{ "one header", "HTTP_X_WX_ID=a", "HTTP_X_WX_SKEY=b", 0 },
		{ "the same twice", "HTTP_X_WX_ID=a", "HTTP_X_WX_ID=a", 0 },
		{ "two ids", "HTTP_X_WX_ID=a", "HTTP_X_WX_ID=b", -EBADMSG },
		{ "an id and an empty one", "HTTP_X_WX_ID=a", "HTTP_X_WX_ID=", -EBADMSG },
		{ "two authorizations", "HTTP_AUTHORIZATION=a", "HTTP_AUTHORIZATION=b", -EBADMSG },
		{ "two origins of the request", "HTTP_X_FORWARDED_FOR=a", "HTTP_X_FORWARDED_FOR=b", -EBADMSG },
		{ "two of what decides nothing", "HTTP_ACCEPT=a", "HTTP_ACCEPT=b", 0 },
		{ "a name that begins alike", "HTTP_X_WX_ID=a", "HTTP_X_WX_IDX=b", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *variables[] = { (char *)rows[i].a, "X=1", (char *)rows[i].b, NULL };
		struct request rq;
		struct body b;
		int r = open_request(&rq, &b, variables, "", 1);

		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "%d", r);
	}
}

static void bodies_are_read_to_their_end_and_no_further(void **state)
{
	static const struct {
		const char *sentence, *length, *encoding, *sent, *body;
		size_t limit;
		int result;
	} rows[] = {
		{ "as long as it was announced", "CONTENT_LENGTH=5", "X=", "hello", "hello", 100, 0 },
		{ "what stands behind it is not read", "CONTENT_LENGTH=5", "X=", "hello, you", "hello", 100, 0 },
		{ "none announced, none read", "X=", "Y=", "hello", "", 100, 0 },
		{ "an empty length is none", "CONTENT_LENGTH=", "Y=", "hello", "", 100, 0 },
		{ "a client that left", "CONTENT_LENGTH=9", "X=", "hello", "hello", 100, -EPROTO },
		{ "just at the limit", "CONTENT_LENGTH=5", "X=", "hello", "hello", 5, 0 },
		{ "announced past the limit", "CONTENT_LENGTH=6", "X=", "hello!", "", 5, -EMSGSIZE },
		{ "chunks, taken apart by the web server", "X=", "HTTP_TRANSFER_ENCODING=Chunked", "hello", "hello", 100, 0 },
		{ "chunks at the limit", "X=", "HTTP_TRANSFER_ENCODING=chunked", "hello", "hello", 5, 0 },
		{ "chunks past the limit", "X=", "HTTP_TRANSFER_ENCODING=chunked", "hello!", "hello!", 5, -EMSGSIZE },
		{ "a length as well as chunks", "CONTENT_LENGTH=5", "HTTP_TRANSFER_ENCODING=chunked", "hello!", "hello", 100, 0 },
		{ "a length past all numbers", "CONTENT_LENGTH=99999999999999999999", "X=", "hello", "", 100, -EMSGSIZE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t piece = 1; piece < 12; piece++) {
			char *variables[] = { "REQUEST_METHOD=POST", (char *)rows[i].length, (char *)rows[i].encoding, NULL };
			struct buf out = BUF_INIT;
			struct request rq;
			struct body b;
			int r;

			open_request(&rq, &b, variables, rows[i].sent, piece);
			r = request_body(&rq, &out, rows[i].limit);
			if (r != rows[i].result)
				ROW_FAILS(rows[i].sentence, "pieces of %zu: %d", piece, r);
			if (r == 0 && strcmp(buf_str(&out), rows[i].body) != 0)
				ROW_FAILS(rows[i].sentence, "pieces of %zu: %s", piece, buf_str(&out));
			buf_free(&out);
		}
}

static void lengths_are_digits(void **state)
{
	static const char *const wrong[] = { "5x", "-5", "+5", " 5", "5 ", "1e3", "0x5", "5,5" };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char length[32], *variables[] = { "REQUEST_METHOD=POST", length, NULL };
		struct request rq;
		struct body b;

		snprintf(length, sizeof(length), "CONTENT_LENGTH=%s", wrong[i]);
		if (open_request(&rq, &b, variables, "hello", 1) != -EINVAL)
			ROW_FAILS(wrong[i], "it is taken for a length");
	}
}

static void what_no_web_server_lets_through_is_too_much(void **state)
{
	enum { MANY = 513, LARGE = 128 << 10 };
	char *variables[MANY + 2], *large = malloc(LARGE + 16);
	struct request rq;
	struct body b;
	size_t i;

	(void)state;
	assert_non_null(large);
	memset(large, 'a', LARGE + 15);
	large[LARGE + 15] = '\0';
	variables[0] = large;
	variables[1] = NULL;
	assert_int_equal(open_request(&rq, &b, variables, "", 1), -E2BIG);
	large[LARGE - 1] = '\0';
	assert_int_equal(open_request(&rq, &b, variables, "", 1), 0);
	for (i = 0; i < MANY; i++)
		variables[i] = "HTTP_X=1";
	variables[MANY] = NULL;
	assert_int_equal(open_request(&rq, &b, variables, "", 1), -E2BIG);
	variables[MANY - 1] = NULL;
	assert_int_equal(open_request(&rq, &b, variables, "", 1), 0);
	for (i = 0; i < 33; i++)
		variables[i] = "HTTP_X_WX_ID=1";
	variables[i] = NULL;
	assert_int_equal(open_request(&rq, &b, variables, "", 1), -EBADMSG);
	variables[i - 1] = NULL;
	assert_int_equal(open_request(&rq, &b, variables, "", 1), 0);
	free(large);
}

static void an_authorizer_has_no_body(void **state)
{
	char *variables[] = { "FCGI_ROLE=AUTHORIZER", "CONTENT_LENGTH=5", NULL };
	struct buf out = BUF_INIT;
	struct request rq;
	struct body b;

	(void)state;
	open_request(&rq, &b, variables, "hello", 10);
	assert_true(rq.is_authorizer);
	assert_int_equal(request_body(&rq, &out, 100), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(b.left, 5);
	buf_free(&out);
}

static void an_answer_is_a_head_and_a_body(void **state)
{
	char *get[] = { "REQUEST_METHOD=GET", NULL }, *head[] = { "REQUEST_METHOD=HEAD", NULL };
	struct answer a;
	struct request rq;
	struct body b;

	(void)state;
	answer_init(&a);
	a.status = 429;
	assert_int_equal(answer_header(&a, "Retry-After", "5"), 0);
	assert_int_equal(buf_adds(&a.body, "{}"), 0);
	open_request(&rq, &b, get, "", 1);
	assert_int_equal(request_answer(&rq, &a), 0);
	assert_string_equal(b.sent.data, "Status: 429 Too Many Requests\r\nContent-Type: application/json; charset=utf-8\r\n"
			    "Content-Length: 2\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
			    "Retry-After: 5\r\n\r\n{}");
	buf_free(&b.sent);
	open_request(&rq, &b, head, "", 1);
	assert_int_equal(request_answer(&rq, &a), 0);
	assert_string_equal(b.sent.data + b.sent.len - 4, "\r\n\r\n");
	assert_non_null(strstr(b.sent.data, "Content-Length: 2\r\n"));
	buf_free(&b.sent);
	answer_free(&a);
}

static void no_value_makes_a_second_header(void **state)
{
	char long_value[ANSWER_HEADERS_MAX + 1];
	struct answer a;

	(void)state;
	answer_init(&a);
	assert_int_equal(answer_header(&a, "X", "a\r\nSet-Cookie: b\t\x7f小明"), 0);
	assert_string_equal(a.headers.data, "X: a  Set-Cookie: b  小明\r\n");
	memset(long_value, 'x', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	assert_int_equal(answer_header(&a, "Y", long_value), -EMSGSIZE);
	assert_string_equal(buf_str(&a.headers), "X: a  Set-Cookie: b  小明\r\n");
	answer_free(&a);
}

/* A POST, which the parameters borrow from. */
struct posted {
	char length[40];
	char *variables[6];
	struct request rq;
	struct body body;
};

static void posted_init(struct posted *out, struct params *p, const char *header, const char *query, const char *type,
			const char *body)
{
	char *variables[] = { "REQUEST_METHOD=POST", (char *)header, (char *)query, (char *)type, out->length, NULL };

	snprintf(out->length, sizeof(out->length), "CONTENT_LENGTH=%zu", strlen(body));
	memcpy(out->variables, variables, sizeof(variables));
	open_request(&out->rq, &out->body, out->variables, body, 100);
	assert_int_equal(params_init(p, &out->rq, 1000), ERR_NONE);
}

static void fields_are_found_wherever_they_are(void **state)
{
	static const struct {
		const char *sentence, *header, *query, *type, *body, *value;
		int is_bad;
	} rows[] = {
		{ "in a header", "HTTP_X_WX_CODE=h", "QUERY_STRING=", "CONTENT_TYPE=", "", "h", 0 },
		{ "in the query by the header's name", "X=", "QUERY_STRING=x-wx-code=q", "CONTENT_TYPE=", "", "q", 0 },
		{ "in the query by its own name", "X=", "QUERY_STRING=code=q%20r", "CONTENT_TYPE=", "", "q r", 0 },
		{ "in JSON", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/json", "{\"code\":\"j\"}", "j", 0 },
		{ "in JSON whatever it is called", "X=", "QUERY_STRING=", "CONTENT_TYPE=text/plain", " {\"code\":\"j\"}", "j", 0 },
		{ "in a form", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/x-www-form-urlencoded; charset=utf-8", "a=b&code=f+g%2B", "f g+", 0 },
		{ "the header before the query before the body", "HTTP_X_WX_CODE=h", "QUERY_STRING=code=q", "CONTENT_TYPE=application/json", "{\"code\":\"j\"}", "h", 0 },
		{ "an empty header counts as none", "HTTP_X_WX_CODE=", "QUERY_STRING=code=q", "CONTENT_TYPE=", "", "q", 0 },
		{ "an empty text in JSON too", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/json", "{\"code\":\"\"}", NULL, 0 },
		{ "null in JSON too", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/json", "{\"code\":null}", NULL, 0 },
		{ "a plus sign in the query stays", "X=", "QUERY_STRING=code=a+b", "CONTENT_TYPE=", "", "a+b", 0 },
		{ "a number in JSON is malformed", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/json", "{\"code\":5}", NULL, 1 },
		{ "in JSON behind a byte order mark", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/json", "\xef\xbb\xbf {\"code\":\"j\"}", "j", 0 },
		{ "a byte order mark is no body", "X=", "QUERY_STRING=code=q", "CONTENT_TYPE=application/json", "\xef\xbb\xbf", "q", 0 },
		{ "a broken escape is malformed", "X=", "QUERY_STRING=code=%4", "CONTENT_TYPE=", "", NULL, 1 },
		{ "an escaped NUL is malformed", "X=", "QUERY_STRING=code=a%00", "CONTENT_TYPE=", "", NULL, 1 },
		{ "nowhere", "X=", "QUERY_STRING=codes=q", "CONTENT_TYPE=application/json", "{\"Code\":\"j\"}", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *value;
		struct posted posted;
		struct params p;

		posted_init(&posted, &p, rows[i].header, rows[i].query, rows[i].type, rows[i].body);
		value = params_get(&p, "X-WX-Code", "code");
		if (!value != !rows[i].value || (value && strcmp(value, rows[i].value) != 0) || p.is_bad != rows[i].is_bad)
			ROW_FAILS(rows[i].sentence, "%s, bad %d", value ? value : "none", p.is_bad);
		params_fini(&p);
	}
}

static void plus_signs_in_words_are_blanks(void **state)
{
	static const struct {
		const char *sentence, *header, *query, *type, *body, *words, *encoded;
	} rows[] = {
		{ "in a header", "HTTP_X_WX_RAWDATA=a+b%2B", "QUERY_STRING=", "CONTENT_TYPE=", "", "a b+", "a+b+" },
		{ "in the query", "X=", "QUERY_STRING=rawdata=a+b%2B", "CONTENT_TYPE=", "", "a b+", "a+b+" },
		{ "in the query by the header's name", "X=", "QUERY_STRING=X-WX-RawData=a+b%2B", "CONTENT_TYPE=", "", "a b+", "a+b+" },
		{ "in a form, whatever is wanted", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/x-www-form-urlencoded",
		  "rawData=a+b%2B", "a b+", "a b+" },
		{ "not in JSON", "X=", "QUERY_STRING=", "CONTENT_TYPE=application/json", "{\"rawData\":\"a+b%2B\"}", "a+b%2B", "a+b%2B" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *words, *encoded;
		struct posted posted;
		struct params p;

		posted_init(&posted, &p, rows[i].header, rows[i].query, rows[i].type, rows[i].body);
		words = params_get_words(&p, "X-WX-RawData", "rawData");
		encoded = params_get_encoded(&p, "X-WX-RawData", "rawData");
		if (!words || !encoded || strcmp(words, rows[i].words) != 0 || strcmp(encoded, rows[i].encoded) != 0)
			ROW_FAILS(rows[i].sentence, "%s, %s", words ? words : "none", encoded ? encoded : "none");
		params_fini(&p);
	}
}

static void headers_carry_chinese_in_escapes(void **state)
{
	char *variables[] = { "HTTP_X_WX_RAWDATA=%7B%22n%22%3A%22%E5%B0%8F%22%7D+", NULL };
	char *broken[] = { "HTTP_X_WX_RAWDATA=%7", NULL };
	struct request rq;
	struct params p;
	struct body b;

	(void)state;
	open_request(&rq, &b, variables, "", 1);
	assert_int_equal(params_init(&p, &rq, 10), ERR_NONE);
	assert_string_equal(params_get_encoded(&p, "X-WX-RawData", "rawData"), "{\"n\":\"小\"}+");
	params_fini(&p);
	open_request(&rq, &b, broken, "", 1);
	assert_int_equal(params_init(&p, &rq, 10), ERR_NONE);
	assert_null(params_get_encoded(&p, "X-WX-RawData", "rawData"));
	assert_true(p.is_bad);
	params_fini(&p);
}

static void bodies_that_hold_no_fields_are_refused(void **state)
{
	static const struct {
		const char *sentence, *body;
		enum error e;
	} rows[] = {
		{ "an array", "[]", ERR_BAD_REQUEST }, { "half an object", "{\"a\":", ERR_BAD_REQUEST },
		{ "two objects", "{}{}", ERR_BAD_REQUEST }, { "words", "hello", ERR_BAD_REQUEST },
		{ "an object", "{}", ERR_NONE }, { "blanks", " \r\n", ERR_NONE },
		{ "too much", "{\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}", ERR_TOO_LARGE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char length[40];
		char *variables[] = { "REQUEST_METHOD=POST", length, NULL };
		struct request rq;
		struct params p;
		struct body b;
		enum error e;

		snprintf(length, sizeof(length), "CONTENT_LENGTH=%zu", strlen(rows[i].body));
		open_request(&rq, &b, variables, rows[i].body, 100);
		e = params_init(&p, &rq, 32);
		params_fini(&p);
		if (e != rows[i].e)
			ROW_FAILS(rows[i].sentence, "%s", error_name(e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_route_is_the_last_segment_of_the_path),
		cmocka_unit_test(the_query_comes_from_its_variable_or_the_path),
		cmocka_unit_test(headers_that_contradict_themselves_are_not_trusted),
		cmocka_unit_test(bodies_are_read_to_their_end_and_no_further),
		cmocka_unit_test(lengths_are_digits),
		cmocka_unit_test(what_no_web_server_lets_through_is_too_much),
		cmocka_unit_test(an_authorizer_has_no_body),
		cmocka_unit_test(an_answer_is_a_head_and_a_body),
		cmocka_unit_test(no_value_makes_a_second_header),
		cmocka_unit_test(fields_are_found_wherever_they_are),
		cmocka_unit_test(plus_signs_in_words_are_blanks),
		cmocka_unit_test(headers_carry_chinese_in_escapes),
		cmocka_unit_test(bodies_that_hold_no_fields_are_refused),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
