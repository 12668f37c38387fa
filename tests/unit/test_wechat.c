/* test_wechat.c - what is asked of WeChat, and what becomes of each of its answers. */
#include "store_dir.h"
#include "canned.h"

#include <signal.h>
#include <unistd.h>

#include "shared/crypto.h"
#include "shared/http_loop.h"
#include "shared/wechat.h"

#define KEY "HyVFkGl5F5OQWJZZaNzBBg=="
#define GOOD "{\"openid\":\"oGZUI0egBJY1zhBYw2KhdUfwVJJE\",\"session_key\":\"" KEY "\""
#define TEN(x) x x x x x x x x x x
#define DEEP TEN("[") TEN("[") TEN("[") TEN("[") TEN("[") TEN("[") "[[" "1" "]]" TEN("]") TEN("]") TEN("]") TEN("]") TEN("]") TEN("]")	/* 62 */
#define TOKEN "{\"access_token\":\"T1\",\"expires_in\":7200}"

static char base[64], secret[] = "0123456789abcdef0123456789abcdef", app_id[] = "wx0123456789abcdef", none[] = "";
static struct config config;
static struct canned *server;
static struct wechat_shared *shared;
static struct wechat *w;
static struct wechat_told told;

static void begin(const struct canned_step *steps, size_t count, struct store *store, int timeout_ms)
{
	server = canned_start(steps, count);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d/", server->port);
	config.wechat.app_id = app_id;
	config.wechat.app_secret = secret;
	config.wechat.api_base = base;
	config.wechat.ca_file = none;
	config.wechat.timeout_ms = timeout_ms;
	shared = wechat_shared_new(&config, store);
	w = wechat_new(shared);
	assert_non_null(w);
}

static void end(void)
{
	wechat_free(w);
	wechat_shared_free(shared);
	canned_stop(server);
}

static void on_exchanged(void *arg, enum error e)
{
	*(enum error *)arg = e;
}

/* By a thread that waits, or without waiting. */
static enum error exchange(bool later, const char *code, struct wechat_identity *who)
{
	enum error e = ERR_COUNT;
	struct wechat_exchange x = { .done = on_exchanged, .arg = &e, .who = *who };
	struct http_loop *loop;

	if (!later)
		return wechat_code2session(w, code, who, &told);
	assert_int_equal(http_loop_start(4, 1000, &loop), 0);
	wechat_code2session_later(shared, loop, code, &x);
	assert_true(http_loop_stop(loop, 20000));
	*who = x.who;
	told = x.told;
	return e;
}

static void the_answers_to_a_code(void **state)
{
	static const struct {
		const char *sentence;
		struct canned_step steps[2];	/* the second for what follows */
		size_t asked;			/* how often */
		enum error e;
		int64_t errcode;
		const char *rid;
	} rows[] = {
		{ "a good one", { { CANNED_JSON, GOOD "}" } }, 1, ERR_NONE, 0, "" },
		{ "a good one with errcode 0", { { CANNED_JSON, GOOD ",\"errcode\":0,\"errmsg\":\"ok\"}" } }, 1, ERR_NONE, 0, "" },
		{ "a good one with errcode \"0\"", { { CANNED_JSON, GOOD ",\"errcode\":\"0\"}" } }, 1, ERR_NONE, 0, "" },
		{ "fields of old", { { CANNED_JSON, GOOD ",\"expires_in\":7200,\"unionid\":\"\"}" } }, 1, ERR_NONE, 0, "" },
		{ "control characters", { { CANNED_JSON, GOOD ",\"remark\":\"a\tb\1c\"}" } }, 1, ERR_NONE, 0, "" },
		{ "an invalid code", { { CANNED_JSON, "{\"errcode\":40029,\"errmsg\":\"invalid code, rid: 61c05c98-5cdac400-66abc4d5\"}" } },
		  1, ERR_LOGIN_FAILED, 40029, "61c05c98-5cdac400-66abc4d5" },
		{ "a spent code", { { CANNED_JSON, "{\"errcode\":40163,\"errmsg\":\"code been used\"}" } }, 1, ERR_LOGIN_FAILED, 40163, "" },
		{ "a blocked user", { { CANNED_JSON, "{\"errcode\":40226}" } }, 1, ERR_LOGIN_FAILED, 40226, "" },
		{ "busy, then good", { { CANNED_JSON, "{\"errcode\":-1,\"errmsg\":\"system error\"}" }, { CANNED_JSON, GOOD "}" } }, 2, ERR_NONE, 0, "" },
		{ "busy twice", { { CANNED_JSON, "{\"errcode\":-1}" }, { CANNED_JSON, "{\"errcode\":-1}" } }, 2, ERR_WECHAT_BUSY, -1, "" },
		{ "busy, then refused", { { CANNED_JSON, "{\"errcode\":-1}" }, { CANNED_JSON, "{\"errcode\":40163}" } }, 2, ERR_LOGIN_FAILED, 40163, "" },
		{ "too often", { { CANNED_JSON, "{\"errcode\":45011}" } }, 1, ERR_WECHAT_BUSY, 45011, "" },
		{ "a wrong secret", { { CANNED_JSON, "{\"errcode\":40125,\"errmsg\":\"invalid appsecret\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 40125, "" },
		{ "a wrong appid", { { CANNED_JSON, "{\"errcode\":40013}" } }, 1, ERR_WECHAT_BAD_ANSWER, 40013, "" },
		{ "an errcode unheard of", { { CANNED_JSON, GOOD ",\"errcode\":12345}" } }, 1, ERR_WECHAT_BAD_ANSWER, 12345, "" },
		{ "an errcode that is no number", { { CANNED_JSON, GOOD ",\"errcode\":\"none\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "an errcode of 0.0", { { CANNED_JSON, GOOD ",\"errcode\":0.0}" } }, 1, ERR_NONE, 0, "" },
		{ "an errcode of 40029.0", { { CANNED_JSON, "{\"errcode\":40029.0}" } }, 1, ERR_LOGIN_FAILED, 40029, "" },
		{ "an errcode that is no whole number", { { CANNED_JSON, GOOD ",\"errcode\":0.5}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "a field nested deep that nobody asked for", { { CANNED_JSON, GOOD ",\"more\":" DEEP "}" } }, 1, ERR_NONE, 0, "" },
		{ "one nested beyond all reason", { { CANNED_JSON, GOOD ",\"more\":[[" DEEP "]]}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "bytes that are no UTF-8", { { CANNED_JSON, "{\"errcode\":40029,\"errmsg\":\"\xff\xc4\xe3, rid: 61c05c98-5cdac400-66abc4d5\"}" } },
		  1, ERR_LOGIN_FAILED, 40029, "61c05c98-5cdac400-66abc4d5" },
		{ "bytes that are no UTF-8 in an openid", { { CANNED_JSON, "{\"openid\":\"o\xff\",\"session_key\":\"" KEY "\"}" } },
		  1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "an errcode of null is none", { { CANNED_JSON, GOOD ",\"errcode\":null}" } }, 1, ERR_NONE, 0, "" },
		{ "a unionid of null is none", { { CANNED_JSON, GOOD ",\"unionid\":null}" } }, 1, ERR_NONE, 0, "" },
		{ "a byte order mark", { { CANNED_JSON, "\xef\xbb\xbf" GOOD "}" } }, 1, ERR_NONE, 0, "" },
		{ "no openid", { { CANNED_JSON, "{\"session_key\":\"" KEY "\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "an empty openid", { { CANNED_JSON, "{\"openid\":\"\",\"session_key\":\"" KEY "\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "a number for an openid", { { CANNED_JSON, "{\"openid\":7,\"session_key\":\"" KEY "\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "an openid that would split a header", { { CANNED_JSON, "{\"openid\":\"a\\r\\nb\",\"session_key\":\"" KEY "\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "no session_key", { { CANNED_JSON, "{\"openid\":\"o\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "an empty session_key", { { CANNED_JSON, "{\"openid\":\"o\",\"session_key\":\"\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "a session_key of blanks", { { CANNED_JSON, "{\"openid\":\"o\",\"session_key\":\"a b\"}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "a unionid that is no text", { { CANNED_JSON, GOOD ",\"unionid\":[]}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "no JSON", { { CANNED_JSON, "<html>busy</html>" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "an array", { { CANNED_JSON, "[" GOOD "}]" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "nothing", { { CANNED_JSON, "" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "a gateway's page", { { CANNED_RAW, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "a closed connection", { { CANNED_CLOSE, "" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "half an answer", { { CANNED_RAW_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"openid\"" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
		{ "no HTTP", { { CANNED_RAW_CLOSE, "garbage" } }, 1, ERR_WECHAT_BAD_ANSWER, 0, "" },
	};
	struct wechat_identity who;
	enum error e;
	size_t i, steps;

	(void)state;
	for (i = 0; i < 2 * COUNT(rows); i++) {
		size_t row = i / 2;
		bool later = i % 2;

		for (steps = 1; steps < 2 && rows[row].steps[steps].text; steps++)
			;
		begin(rows[row].steps, steps, NULL, 5000);
		strcpy(who.openid, "untouched");
		e = exchange(later, "the code", &who);
		if (e != rows[row].e || told.errcode != rows[row].errcode || strcmp(told.rid, rows[row].rid) != 0 ||
		    canned_count(server) != rows[row].asked)
			ROW_FAILS(rows[row].sentence, "%s: %s errcode %d rid %s asked %zu", later ? "later" : "waiting",
				  error_name(e), (int)told.errcode, told.rid, canned_count(server));
		assert_string_equal(who.openid, e == ERR_NONE ? "oGZUI0egBJY1zhBYw2KhdUfwVJJE" : "untouched");
		if (e == ERR_NONE)
			assert_string_equal(who.session_key, KEY);
		end();
	}
}

static void the_question_is_escaped(void **state)
{
	static const struct canned_step steps[] = { { CANNED_JSON, GOOD ",\"unionid\":\"oU\"}" } };
	struct wechat_identity who;
	char longest[2000];

	(void)state;
	begin(steps, 1, NULL, 5000);
	assert_int_equal(wechat_code2session(w, "a&b=c d#/\xe4", &who, &told), ERR_NONE);
	assert_string_equal(who.unionid, "oU");
	assert_non_null(strstr(server->seen[0], "GET /sns/jscode2session?appid=wx0123456789abcdef&secret="
			       "0123456789abcdef0123456789abcdef&js_code=a%26b%3Dc%20d%23%2F%E4"
			       "&grant_type=authorization_code HTTP/1.1\r\n"));
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(wechat_code2session(w, longest, &who, &told), ERR_LOGIN_FAILED);
	assert_int_equal(wechat_code2session(w, "", &who, &told), ERR_LOGIN_FAILED);
	assert_int_equal(canned_count(server), 1);
	end();
}

static void a_huge_answer_is_cut_off(void **state)
{
	static char huge[100000];
	const struct canned_step steps[] = { { CANNED_JSON, huge } };
	struct wechat_identity who;

	(void)state;
	memset(huge, ' ', sizeof(huge) - 1);
	memcpy(huge, GOOD "}", strlen(GOOD "}"));
	begin(steps, 1, NULL, 5000);
	assert_int_equal(wechat_code2session(w, "c", &who, &told), ERR_WECHAT_BAD_ANSWER);
	end();
}

static void silence_ends_in_time_and_soon_only_one_waits_for_it(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_HANG, "" }, { CANNED_HANG, "" }, { CANNED_HANG, "" }, { CANNED_HANG, "" }, { CANNED_HANG, "" },
		{ CANNED_HANG, "" }, { CANNED_HANG, "" }, { CANNED_JSON, GOOD "}" },
	};
	enum error probe = ERR_COUNT, other = ERR_COUNT;
	struct wechat_exchange first = { .done = on_exchanged, .arg = &probe }, second = { .done = on_exchanged, .arg = &other };
	struct wechat_identity who;
	struct http_loop *loop;
	size_t i;

	(void)state;
	begin(steps, COUNT(steps), NULL, 150);
	for (i = 0; i < 6; i++)	/* alone, one is always asked for */
		assert_int_equal(wechat_code2session(w, "c", &who, &told), ERR_WECHAT_TIMEOUT);
	assert_int_equal(canned_count(server), 6);
	config.wechat.timeout_ms = 1000;
	assert_int_equal(http_loop_start(4, 1000, &loop), 0);
	wechat_code2session_later(shared, loop, "c", &first);
	wechat_code2session_later(shared, loop, "c", &second);
	assert_int_equal(other, ERR_WECHAT_BUSY);	/* at once */
	assert_true(http_loop_stop(loop, 20000));
	assert_int_equal(probe, ERR_WECHAT_TIMEOUT);
	assert_int_equal(canned_count(server), 7);
	assert_int_equal(wechat_code2session(w, "c", &who, &told), ERR_NONE);	/* it is back */
	end();
}

static void a_retry_stays_within_the_time(void **state)
{
	static const struct canned_step steps[] = { { CANNED_JSON, "{\"errcode\":-1}" }, { CANNED_HANG, "" } };
	struct wechat_identity who;

	(void)state;
	begin(steps, 2, NULL, 800);
	assert_int_equal(wechat_code2session(w, "c", &who, &told), ERR_WECHAT_TIMEOUT);
	assert_int_equal(canned_count(server), 2);
	end();
	begin(steps, 2, NULL, 300);	/* no time for a second try */
	assert_int_equal(wechat_code2session(w, "c", &who, &told), ERR_WECHAT_BUSY);
	assert_int_equal(canned_count(server), 1);
	end();
}

static void nobody_there_is_a_bad_answer(void **state)
{
	static const struct canned_step steps[] = { { CANNED_HANG, "" } };
	struct wechat_identity who;

	(void)state;
	begin(steps, 1, NULL, 5000);
	canned_stop(server);
	assert_int_equal(wechat_code2session(w, "c", &who, &told), ERR_WECHAT_BAD_ANSWER);
	wechat_free(w);
	wechat_shared_free(shared);
}

/* --- with an access token --- */

static void a_token_is_fetched_once_and_kept(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_JSON, TOKEN }, { CANNED_JSON, "{\"errcode\":0,\"errmsg\":\"ok\"}" },
	};
	bool valid = false;

	(void)state;
	begin(steps, 2, NULL, 5000);
	assert_int_equal(wechat_check_session(w, "o", "o0q0otL8aEzpcZL/FT9WsQ==", &valid, &told), ERR_NONE);
	assert_true(valid);
	assert_int_equal(wechat_check_session(w, "o", "o0q0otL8aEzpcZL/FT9WsQ==", &valid, &told), ERR_NONE);
	assert_int_equal(canned_count(server), 3);
	assert_non_null(strstr(server->seen[0], "POST /cgi-bin/stable_token HTTP/1.1\r\n"));
	assert_non_null(strstr(server->seen[0], "{\"grant_type\":\"client_credential\",\"appid\":\"wx0123456789abcdef\",\"secret\":"
			       "\"0123456789abcdef0123456789abcdef\",\"force_refresh\":false}"));
	/* the vector of WeChat's own example, with nothing signed */
	assert_non_null(strstr(server->seen[1], "GET /wxa/checksession?access_token=T1&openid=o&signature="
			       "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128&sig_method=hmac_sha256 HTTP"));
	end();
}

static void a_token_that_is_not_taken_is_fetched_anew_once(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_JSON, TOKEN },
		{ CANNED_JSON, "{\"errcode\":40001,\"errmsg\":\"invalid credential\"}" },
		{ CANNED_JSON, "{\"access_token\":\"T2\",\"expires_in\":7200}" },
		{ CANNED_JSON, "{\"errcode\":42001}" },
	};
	bool valid = false;

	(void)state;
	begin(steps, 4, NULL, 5000);
	assert_int_equal(wechat_check_session(w, "o", KEY, &valid, &told), ERR_WECHAT_BAD_ANSWER);
	assert_int_equal(told.errcode, 42001);
	assert_int_equal(canned_count(server), 4);
	assert_non_null(strstr(server->seen[3], "access_token=T2&"));
	end();
}

static void tokens_that_are_none_are_bad_answers(void **state)
{
	static const struct {
		const char *sentence;
		struct canned_step step;
		enum error e;
		int64_t errcode;
	} rows[] = {
		{ "no token", { CANNED_JSON, "{\"expires_in\":7200}" }, ERR_WECHAT_BAD_ANSWER, 0 },
		{ "an empty token", { CANNED_JSON, "{\"access_token\":\"\",\"expires_in\":7200}" }, ERR_WECHAT_BAD_ANSWER, 0 },
		{ "a token with a blank", { CANNED_JSON, "{\"access_token\":\"a b\",\"expires_in\":7200}" }, ERR_WECHAT_BAD_ANSWER, 0 },
		{ "no end", { CANNED_JSON, "{\"access_token\":\"a\"}" }, ERR_WECHAT_BAD_ANSWER, 0 },
		{ "an end in the past", { CANNED_JSON, "{\"access_token\":\"a\",\"expires_in\":-1}" }, ERR_WECHAT_BAD_ANSWER, 0 },
		{ "a wrong secret", { CANNED_JSON, "{\"errcode\":40125}" }, ERR_WECHAT_BAD_ANSWER, 40125 },
		{ "an address that is not listed", { CANNED_JSON, "{\"errcode\":40164}" }, ERR_WECHAT_BAD_ANSWER, 40164 },
		{ "the day's quota", { CANNED_JSON, "{\"errcode\":45009}" }, ERR_WECHAT_BUSY, 45009 },
	};
	bool valid;
	enum error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		begin(&rows[i].step, 1, NULL, 5000);
		e = wechat_check_session(w, "o", KEY, &valid, &told);
		if (e != rows[i].e || told.errcode != rows[i].errcode || canned_count(server) != 1)
			ROW_FAILS(rows[i].sentence, "%s %d", error_name(e), (int)told.errcode);
		end();
	}
	config.wechat.app_secret = none;	/* as a push server may be configured */
	begin(&rows[0].step, 1, NULL, 5000);
	config.wechat.app_secret = none;
	assert_int_equal(wechat_check_session(w, "o", KEY, &valid, &told), ERR_WECHAT_BAD_ANSWER);
	assert_int_equal(canned_count(server), 0);
	end();
}

static void *ask_for_token(void *arg)
{
	struct wechat *own = wechat_new(shared);
	struct wechat_told mine;
	bool valid = false;
	enum error e = wechat_check_session(own, "o", KEY, &valid, &mine);

	(void)arg;
	wechat_free(own);
	return e == ERR_NONE && valid ? NULL : (void *)error_name(e);
}

static void *open_store(bool read_only)
{
	struct store_options o = { .dir = dir, .map_size = 1 << 20, .per_user = 1, .read_only = read_only };
	struct store *s = NULL;
	char why[200];

	assert_int_equal(store_open(&o, &s, why), 0);
	return s;
}

static size_t count_of(const char *path)
{
	size_t i, n = 0;

	for (i = 0; i < canned_count(server); i++)
		n += strstr(server->seen[i], path) != NULL;
	return n;
}

static void threads_fetch_one_token_together(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_JSON, TOKEN }, { CANNED_JSON, "{\"errcode\":0}" },
	};
	struct store *store = open_store(false);
	pthread_t threads[8];
	void *failed;
	int with_store, i;

	(void)state;
	for (with_store = 0; with_store < 2; with_store++) {
		begin(steps, 2, with_store ? store : NULL, 5000);
		for (i = 0; i < 8; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, ask_for_token, NULL), 0);
		for (i = 0; i < 8; i++) {
			pthread_join(threads[i], &failed);
			assert_null(failed);
		}
		assert_int_equal(count_of("/cgi-bin/stable_token"), 1);
		end();
	}
	store_close(store);
}

static void a_token_in_the_store_serves_other_processes(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_JSON, TOKEN }, { CANNED_JSON, "{\"errcode\":0}" },
	}, refusing[] = {
		{ CANNED_JSON, "{\"errcode\":40014}" }, { CANNED_JSON, "{\"access_token\":\"T2\",\"expires_in\":7200}" },
		{ CANNED_JSON, "{\"errcode\":0}" },
	};
	struct store *store = open_store(false);
	bool valid;

	(void)state;
	begin(steps, 2, store, 5000);
	assert_int_equal(wechat_check_session(w, "o", KEY, &valid, &told), ERR_NONE);
	assert_int_equal(count_of("stable_token"), 1);
	end();
	store_close(store);

	store = open_store(true);	/* as the push server */
	begin(&steps[1], 1, store, 5000);
	assert_int_equal(wechat_check_session(w, "o", KEY, &valid, &told), ERR_NONE);
	assert_int_equal(count_of("stable_token"), 0);
	assert_int_equal(count_of("access_token=T1"), 1);
	end();
	begin(refusing, 3, store, 5000);	/* it cannot change the store, and helps itself */
	assert_int_equal(wechat_check_session(w, "o", KEY, &valid, &told), ERR_NONE);
	assert_int_equal(wechat_check_session(w, "o", KEY, &valid, &told), ERR_NONE);
	assert_int_equal(count_of("stable_token"), 1);
	assert_int_equal(count_of("access_token=T2"), 2);
	end();
	store_close(store);
}

/* --- what it is needed for --- */

static void the_other_answers(void **state)
{
	static const struct {
		const char *sentence, *ask, *answer;
		enum error e;
		const char *out;
	} rows[] = {
		{ "a dead key is told", "check", "{\"errcode\":87009}", ERR_NONE, "dead" },
		{ "a verdict is one with errcode", "check", "{}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a new key", "reset", "{\"errcode\":0,\"openid\":\"o\",\"session_key\":\"" KEY "\"}", ERR_NONE, KEY },
		{ "no new key for a dead one", "reset", "{\"errcode\":87009}", ERR_INVALID_SESSION, "" },
		{ "a new key that is none", "reset", "{\"errcode\":0,\"session_key\":\"\"}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a phone number", "phone", "{\"errcode\":0,\"phone_info\":{\"phoneNumber\":\"+85291234567\",\"purePhoneNumber\":"
		  "\"91234567\",\"countryCode\":\"852\"}}", ERR_NONE, "+85291234567 852" },
		{ "a refused phone code", "phone", "{\"errcode\":40029}", ERR_BAD_REQUEST, "" },
		{ "no phone number", "phone", "{\"errcode\":0,\"phone_info\":{}}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a phone number of letters", "phone", "{\"phone_info\":{\"phoneNumber\":\"<b>\",\"countryCode\":\"86\"}}",
		  ERR_WECHAT_BAD_ANSWER, "" },
		{ "words that pass", "text", "{\"errcode\":0,\"result\":{\"suggest\":\"pass\",\"label\":100}}", ERR_NONE, "pass" },
		{ "words at risk", "text", "{\"errcode\":0,\"result\":{\"suggest\":\"risky\"}}", ERR_NONE, "risky" },
		{ "words to look at", "text", "{\"errcode\":0,\"result\":{\"suggest\":\"review\"}}", ERR_NONE, "review" },
		{ "words at risk as of old", "text", "{\"errcode\":87014}", ERR_NONE, "risky" },
		{ "no verdict", "text", "{\"errcode\":0}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a verdict unheard of", "text", "{\"result\":{\"suggest\":\"maybe\"}}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a user long gone", "text", "{\"errcode\":61010}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a trace of a picture", "media", "{\"errcode\":0,\"trace_id\":\"t-1\"}", ERR_NONE, "t-1" },
		{ "no trace", "media", "{\"errcode\":0}", ERR_WECHAT_BAD_ANSWER, "" },
		{ "a notice", "notify", "{\"errcode\":0,\"errmsg\":\"ok\"}", ERR_NONE, "" },
		{ "a notice without consent", "notify", "{\"errcode\":43101}", ERR_FORBIDDEN, "" },
		{ "a notice that the user has switched off", "notify", "{\"errcode\":43107}", ERR_FORBIDDEN, "" },
		{ "a notice that may have been sent", "notify", "{}", ERR_WECHAT_BAD_ANSWER, "unsure" },
		{ "a notice that breaks the template", "notify", "{\"errcode\":47003}", ERR_WECHAT_BAD_ANSWER, "" },
	};
	struct canned_step steps[] = { { CANNED_JSON, TOKEN }, { CANNED_JSON, "" } };
	char out[256], country[8];
	bool risky, review, valid;
	enum error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		steps[1].text = rows[i].answer;
		begin(steps, 2, NULL, 5000);
		*out = '\0';
		if (!strcmp(rows[i].ask, "check")) {
			e = wechat_check_session(w, "o", KEY, &valid, &told);
			if (e == ERR_NONE)
				strcpy(out, valid ? "alive" : "dead");
		} else if (!strcmp(rows[i].ask, "reset")) {
			e = wechat_reset_session(w, "o", KEY, out, &told);
		} else if (!strcmp(rows[i].ask, "phone")) {
			e = wechat_phone(w, "c", out, country, &told);
			if (e == ERR_NONE)
				strcat(strcat(out, " "), country);
		} else if (!strcmp(rows[i].ask, "text")) {
			e = wechat_check_text(w, "o", 2, "\"words\"", 7, &risky, &review, &told);
			if (e == ERR_NONE)
				strcpy(out, risky ? "risky" : review ? "review" : "pass");
		} else if (!strcmp(rows[i].ask, "media")) {
			e = wechat_check_media(w, "o", "https://x/1.png", 2, out, &told);
		} else {
			e = wechat_notify(w, "o", "TPL", "pages/a?b=c", "{\"thing1\":{\"value\":\"v\"}}", "formal", &told);
			if (told.is_unsure)
				strcpy(out, "unsure");
		}
		if (e != rows[i].e || strcmp(out, rows[i].out) != 0 || canned_count(server) != 2)
			ROW_FAILS(rows[i].sentence, "%s %s", error_name(e), out);
		end();
	}
}

static void the_other_questions(void **state)
{
	static const struct canned_step steps[] = {
		{ CANNED_JSON, TOKEN }, { CANNED_JSON, "{\"errcode\":0,\"trace_id\":\"t\",\"result\":{\"suggest\":\"pass\"}}" },
	};
	static char longest[3 * 3000];
	bool risky, review;
	char trace[128];
	size_t i;

	(void)state;
	for (i = 0; i < 3000; i++)
		memcpy(longest + 3 * i, "字", 3);
	begin(steps, 2, NULL, 5000);
	assert_int_equal(wechat_check_text(w, "o", 1, "张\"三", 7, &risky, &review, &told), ERR_NONE);
	assert_non_null(strstr(server->seen[1], "POST /wxa/msg_sec_check?access_token=T1 HTTP"));
	assert_non_null(strstr(server->seen[1], "{\"version\":2,\"scene\":1,\"openid\":\"o\",\"content\":\"张\\\"三\"}"));
	assert_int_equal(wechat_check_text(w, "o", 2, longest, sizeof(longest), &risky, &review, &told), ERR_NONE);
	assert_non_null(strstr(server->seen[2], "Content-Length: 7549\r\n"));	/* 2500 characters of it */
	assert_int_equal(wechat_check_media(w, "o", "https://x/1.png", 2, trace, &told), ERR_NONE);
	assert_non_null(strstr(server->seen[3], "{\"media_url\":\"https://x/1.png\",\"media_type\":2,\"version\":2,\"scene\":4,\"openid\":\"o\"}"));
	assert_int_equal(wechat_notify(w, "o", "TPL", "pages/a?b=c", "{\"thing1\":{\"value\":\"v\"}}", "trial", &told), ERR_NONE);
	assert_non_null(strstr(server->seen[4], "{\"touser\":\"o\",\"template_id\":\"TPL\",\"page\":\"pages/a?b=c\",\"data\":{\"thing1\":{\"value\":\"v\"}},"
			       "\"miniprogram_state\":\"trial\",\"lang\":\"zh_CN\"}"));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answers_to_a_code),
		cmocka_unit_test(the_question_is_escaped),
		cmocka_unit_test(a_huge_answer_is_cut_off),
		cmocka_unit_test(silence_ends_in_time_and_soon_only_one_waits_for_it),
		cmocka_unit_test(a_retry_stays_within_the_time),
		cmocka_unit_test(nobody_there_is_a_bad_answer),
		cmocka_unit_test(a_token_is_fetched_once_and_kept),
		cmocka_unit_test(a_token_that_is_not_taken_is_fetched_anew_once),
		cmocka_unit_test(tokens_that_are_none_are_bad_answers),
		cmocka_unit_test_setup_teardown(threads_fetch_one_token_together, setup, teardown),
		cmocka_unit_test_setup_teardown(a_token_in_the_store_serves_other_processes, setup, teardown),
		cmocka_unit_test(the_other_answers),
		cmocka_unit_test(the_other_questions),
	};

	signal(SIGPIPE, SIG_IGN);
	return crypto_init() < 0 || !!cmocka_run_group_tests(tests, NULL, NULL);
}
