/* test_http.c - asking other servers: what comes back, what is refused, what is never sent twice. */
#include "unit.h"
#include "canned.h"

#include <errno.h>
#include <signal.h>

#include "shared/http.h"

#define OK_4 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"

static char url[128];

static struct canned *serve(const struct canned_step *steps, size_t count)
{
	struct canned *c = canned_start(steps, count);

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/path?secret=1", c->port);
	return c;
}

static int get(struct http *h, struct http_answer *answer)
{
	return http_perform(h, &(struct http_request){ .method = "GET", .url = url, .timeout_ms = 5000 }, answer);
}

static void urls_are_https_or_loopback(void **state)
{
	static const struct {
		const char *url;
		bool allowed, allowed_plain;
	} rows[] = {
		{ "https://api.weixin.qq.com/sns", true, true },
		{ "HTTPS://api.weixin.qq.com", true, true },
		{ "https://api.weixin.qq.com:8443?x", true, true },
		{ "https://[2001:db8::1]:443/", true, true },
		{ "http://127.0.0.1:8080/x", true, true },
		{ "http://127.8.9.1", true, true },
		{ "http://[::1]:8080/", true, true },
		{ "http://localhost/", true, true },
		{ "http://api.weixin.qq.com/", false, true },
		{ "http://127.0.0.1.evil.example/", false, true },
		{ "http://localhost.evil.example/", false, true },
		{ "http://127.1/", false, true },
		{ "http://127.0.0.1@evil.example/", false, false },
		{ "http://evil.example#@127.0.0.1/", false, true },
		{ "http://evil.example\\@127.0.0.1/", false, false },
		{ "http://127.0.0.1:80@evil.example/", false, false },
		{ "http://%31%32%37.0.0.1/", false, false },
		{ "https://user:pw@host/", false, false },
		{ "https://", false, false },
		{ "https:///path", false, false },
		{ "https://:443/", false, false },
		{ "https://host:44x/", false, false },
		{ "https://host name/", false, false },
		{ "https://host/\r\nX: y", false, false },
		{ "http://[::1/", false, false },
		{ "http://[::1]x/", false, false },
		{ "file:///etc/passwd", false, false },
		{ "ftp://127.0.0.1/", false, false },
		{ "//127.0.0.1/", false, false },
		{ "", false, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		if (http_url_allowed(rows[i].url, false) != rows[i].allowed ||
		    http_url_allowed(rows[i].url, true) != rows[i].allowed_plain)
			ROW_FAILS(rows[i].url, "allowed or refused wrongly");
}

static void a_connection_serves_many_requests(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct canned *c = serve(steps, 1);
	struct http *h = http_new(NULL);
	struct http_answer answer;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(get(h, &answer), 0);
		assert_int_equal(answer.status, 200);
		assert_string_equal(buf_str(&answer.body), "fine");
		buf_free(&answer.body);
	}
	assert_int_equal(canned_connections(c), 1);
	assert_null(strstr(c->seen[0], "Accept-Encoding"));
	http_free(h);
	canned_stop(c);
}

static void a_post_is_sent_at_once(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	const char *headers[] = { "Content-Type: application/json", "X-Own: 1", NULL };
	struct canned *c = serve(steps, 1);
	struct http *h = http_new(NULL);
	struct http_answer answer;
	struct http_request rq = { .method = "POST", .url = url, .headers = headers, .body = "{\"a\":1}",
				   .body_len = 7, .timeout_ms = 5000 };

	(void)state;
	assert_int_equal(http_perform(h, &rq, &answer), 0);
	buf_free(&answer.body);
	assert_non_null(strstr(c->seen[0], "POST /path?secret=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(c->seen[0], "Content-Type: application/json\r\n"));
	assert_non_null(strstr(c->seen[0], "X-Own: 1\r\n"));
	assert_non_null(strstr(c->seen[0], "\r\n\r\n{\"a\":1}"));
	assert_null(strstr(c->seen[0], "Expect"));
	http_free(h);
	canned_stop(c);
}

struct source {
	const char *text;
	int fail;
	const char *whole;	/* to rewind to */
	int rewind_fail;
};

static int read_source(void *arg, char *out, size_t size)
{
	struct source *s = arg;
	size_t n = strlen(s->text) < 3 ? strlen(s->text) : 3;

	if (s->fail)
		return s->fail;
	assert_true(size >= n);
	memcpy(out, s->text, n);
	s->text += n;
	return (int)n;
}

static int rewind_source(void *arg)
{
	struct source *s = arg;

	s->text = s->whole;
	return s->rewind_fail;
}

static void a_body_may_be_read_piece_by_piece(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct source source = { .text = "0123456789" }, broken = { .text = "", .fail = -EIO };
	struct canned *c = serve(steps, 1);
	struct http *h = http_new(NULL);
	struct http_answer answer;
	struct http_request rq = { .method = "PUT", .url = url, .read = read_source, .read_arg = &source,
				   .body_len = 10, .timeout_ms = 5000 };

	(void)state;
	assert_int_equal(http_perform(h, &rq, &answer), 0);
	buf_free(&answer.body);
	assert_non_null(strstr(c->seen[0], "PUT /path"));
	assert_non_null(strstr(c->seen[0], "Content-Length: 10\r\n"));
	assert_non_null(strstr(c->seen[0], "\r\n\r\n0123456789"));
	rq.read_arg = &broken;
	assert_int_equal(http_perform(h, &rq, &answer), -EIO);
	http_free(h);
	canned_stop(c);
}

static void what_goes_wrong_has_its_error(void **state)
{
	static const struct {
		const char *sentence;
		struct canned_step step;
		size_t max;
		unsigned timeout_ms;
		int error;
	} rows[] = {
		{ "silence", { CANNED_HANG, "" }, 0, 200, -ETIMEDOUT },
		{ "half an answer and silence", { CANNED_RAW, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi" }, 0, 200,
		  -ETIMEDOUT },
		{ "the end without an answer", { CANNED_CLOSE, "" }, 0, 5000, -EPROTO },
		{ "half an answer and the end", { CANNED_RAW_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi" }, 0,
		  5000, -EPROTO },
		{ "no HTTP", { CANNED_RAW_CLOSE, "\1\2\3 garbage\r\n\r\n" }, 0, 5000, -EPROTO },
		{ "an answer at the limit", { CANNED_RAW, OK_4 }, 4, 5000, 0 },
		{ "an answer over the limit", { CANNED_RAW, OK_4 }, 3, 5000, -EMSGSIZE },
		{ "chunks over the limit",
		  { CANNED_RAW, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n" }, 7,
		  5000, -EMSGSIZE },
		{ "headers without end", { CANNED_FLOOD, "X-Filler: 0123456789012345678901234567890123456789\r\n" }, 0,
		  20000, -EMSGSIZE },
	};
	struct http_answer answer;
	struct canned *c;
	struct http *h;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		c = serve(&rows[i].step, 1);
		h = http_new(NULL);
		r = http_perform(h, &(struct http_request){ .method = "GET", .url = url, .timeout_ms = rows[i].timeout_ms,
							     .max_answer = rows[i].max }, &answer);
		if (r != rows[i].error)
			ROW_FAILS(rows[i].sentence, "%d, not %d", r, rows[i].error);
		buf_free(&answer.body);
		http_free(h);
		canned_stop(c);
	}
}

static void a_refused_connection_says_that_nothing_was_sent(void **state)
{
	static const struct canned_step steps[] = { { CANNED_HANG, "" } };
	struct http *h = http_new(NULL);
	struct http_answer answer;

	(void)state;
	canned_stop(serve(steps, 1));	/* a port that nobody listens on now */
	assert_int_equal(get(h, &answer), -ECONNREFUSED);
	strcpy(url, "http://api.weixin.qq.com/");
	assert_int_equal(get(h, &answer), -EINVAL);
	strcpy(url, "file:///etc/passwd");
	assert_int_equal(get(h, &answer), -EINVAL);
	http_free(h);
}

static void redirects_are_not_followed_nor_the_environment_s_proxy_used(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_RAW, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" },
	};
	struct canned *c = serve(steps, 1);
	struct http *h = http_new(NULL);
	struct http_answer answer;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	assert_int_equal(get(h, &answer), 0);
	assert_int_equal(answer.status, 302);
	buf_free(&answer.body);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(canned_count(c), 1);
	http_free(h);
	canned_stop(c);
}

/* On a kept connection that ends without an answer libcurl asks again by itself, unless told not to. */
static void what_may_be_spent_is_not_sent_again(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_RAW, OK_4 }, { CANNED_CLOSE, "" }, { CANNED_RAW, OK_4 },
	};
	struct canned *c = serve(steps, 3);
	struct http *h = http_new(NULL);
	struct http_answer answer;
	struct http_request rq = { .method = "GET", .url = url, .timeout_ms = 5000 };

	(void)state;
	assert_int_equal(http_perform(h, &rq, &answer), 0);
	buf_free(&answer.body);
	rq.once = true;
	assert_int_equal(http_perform(h, &rq, &answer), -EPROTO);
	assert_int_equal(canned_count(c), 2);
	assert_int_equal(http_perform(h, &rq, &answer), 0);	/* the next one is a new one */
	buf_free(&answer.body);
	assert_int_equal(canned_count(c), 3);
	http_free(h);
	canned_stop(c);

	c = serve(steps, 3);
	h = http_new(NULL);
	rq.once = false;
	assert_int_equal(http_perform(h, &rq, &answer), 0);
	buf_free(&answer.body);
	assert_int_equal(http_perform(h, &rq, &answer), 0);
	buf_free(&answer.body);
	assert_int_equal(canned_count(c), 3);
	http_free(h);
	canned_stop(c);
}

static void a_body_that_is_read_is_sent_again_from_its_beginning(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_RAW, OK_4 }, { CANNED_CLOSE, "" }, { CANNED_RAW, OK_4 }, { CANNED_CLOSE, "" },
	};
	struct source source = { .text = "0123456789", .whole = "0123456789" };
	struct canned *c = serve(steps, COUNT(steps));
	struct http *h = http_new(NULL);
	struct http_answer answer;
	struct http_request rq = { .method = "PUT", .url = url, .read = read_source, .rewind = rewind_source, .read_arg = &source,
				   .body_len = 10, .timeout_ms = 5000 };
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		source.text = source.whole;
		assert_int_equal(http_perform(h, &rq, &answer), 0);
		assert_int_equal(answer.status, 200);
		buf_free(&answer.body);
	}
	assert_int_equal(canned_count(c), 3);
	assert_non_null(strstr(c->seen[2], "\r\n\r\n0123456789"));
	source.text = source.whole;
	source.rewind_fail = -ESPIPE;
	assert_int_equal(http_perform(h, &rq, &answer), -ESPIPE);
	http_free(h);
	canned_stop(c);
}

static void *ask_some(void *arg)
{
	struct http *h = http_new(NULL);
	struct http_answer answer;
	intptr_t failed = 0;
	int i;

	(void)arg;
	for (i = 0; i < 5; i++) {
		failed |= get(h, &answer) != 0;
		buf_free(&answer.body);
	}
	http_free(h);
	return (void *)failed;
}

static void threads_ask_at_once(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct canned *c = serve(steps, 1);
	pthread_t threads[8];
	void *failed;
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_some, NULL), 0);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	canned_stop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_https_or_loopback),
		cmocka_unit_test(threads_ask_at_once),	/* first of those that load libcurl */
		cmocka_unit_test(a_connection_serves_many_requests),
		cmocka_unit_test(a_post_is_sent_at_once),
		cmocka_unit_test(a_body_may_be_read_piece_by_piece),
		cmocka_unit_test(what_goes_wrong_has_its_error),
		cmocka_unit_test(a_refused_connection_says_that_nothing_was_sent),
		cmocka_unit_test(redirects_are_not_followed_nor_the_environment_s_proxy_used),
		cmocka_unit_test(what_may_be_spent_is_not_sent_again),
		cmocka_unit_test(a_body_that_is_read_is_sent_again_from_its_beginning),
	};

	signal(SIGPIPE, SIG_IGN);
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
