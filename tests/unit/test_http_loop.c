/* test_http_loop.c - requests for which no thread waits: all of them are told what became of them, once. */
#include "unit.h"
#include "canned.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>

#include "shared/clock.h"
#include "shared/http_loop.h"

#define OK_4 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"

static char url[128];
static struct canned *server;
static struct http_loop *loop;
static sem_t ended;

static void begin(const struct canned_step *steps, size_t count)
{
	server = canned_start(steps, count);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/path?secret=1", server->port);
	sem_init(&ended, 0, 0);
	assert_int_equal(http_loop_start(8, 200, &loop), 0);
}

static void end(void)
{
	assert_true(http_loop_stop(loop, 20000));
	canned_stop(server);
	sem_destroy(&ended);
}

struct asked {
	struct http_job job;
	int times, r;
	long status;
	char text[16];
	int64_t at_ms;
};

static void on_done(void *arg, int r, struct http_answer *answer)
{
	struct asked *a = arg;

	a->times++;
	a->r = r;
	a->status = answer->status;
	snprintf(a->text, sizeof(a->text), "%s", buf_str(&answer->body));
	a->at_ms = clock_mono_ms();
	buf_free(&answer->body);
	sem_post(&ended);
}

static void ask(struct asked *a, const char *where, unsigned timeout_ms)
{
	*a = (struct asked){ .job = { .request = { .method = "GET", .url = where, .timeout_ms = timeout_ms },
				      .done = on_done, .arg = a } };
}

static void wait_for(int count)
{
	while (count > 0)
		count -= sem_wait(&ended) == 0;
}

static void many_are_under_way_at_once_and_connections_are_kept(void **state)
{
	enum { AT_ONCE = 8, ROUNDS = 5 };
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct asked all[AT_ONCE];
	int i, round;

	(void)state;
	begin(steps, 1);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < AT_ONCE; i++) {
			ask(&all[i], url, 5000);
			http_loop_submit(loop, &all[i].job);
		}
		wait_for(AT_ONCE);
		for (i = 0; i < AT_ONCE; i++) {
			assert_int_equal(all[i].r, 0);
			assert_int_equal(all[i].status, 200);
			assert_string_equal(all[i].text, "fine");
		}
	}
	assert_int_equal(canned_count(server), AT_ONCE * ROUNDS);
	assert_true(canned_connections(server) <= AT_ONCE);
	end();
}

static void one_that_hangs_holds_up_nobody_and_ends_in_time(void **state)
{
	static const struct canned_step steps[] = { { CANNED_HANG, "" }, { CANNED_RAW, OK_4 } };
	struct asked hanging, quick;

	(void)state;
	begin(steps, 2);
	ask(&hanging, url, 300);
	http_loop_submit(loop, &hanging.job);
	while (canned_count(server) == 0)
		sched_yield();
	ask(&quick, url, 5000);
	http_loop_submit(loop, &quick.job);
	wait_for(1);
	assert_int_equal(quick.times, 1);
	assert_int_equal(quick.r, 0);
	wait_for(1);
	assert_int_equal(hanging.r, -ETIMEDOUT);
	assert_string_equal(hanging.text, "");
	end();
}

static void who_finds_no_place_in_time_is_told_so(void **state)
{
	enum { AT_ONCE = 8, WAITING = HTTP_LOOP_WAITING * AT_ONCE, TOO_MANY = 5, ALL = AT_ONCE + WAITING + TOO_MANY };
	static const struct canned_step steps[] = { { CANNED_HANG, "" } };
	struct asked all[ALL];
	int i, timed_out = 0, busy = 0;

	(void)state;
	begin(steps, 1);
	for (i = 0; i < ALL; i++) {
		ask(&all[i], url, 1000);
		http_loop_submit(loop, &all[i].job);
	}
	wait_for(ALL);
	for (i = 0; i < ALL; i++) {
		busy += all[i].times == 1 && all[i].r == -EBUSY;
		timed_out += all[i].times == 1 && all[i].r == -ETIMEDOUT;
	}
	assert_int_equal(busy, WAITING + TOO_MANY);
	assert_int_equal(timed_out, AT_ONCE);	/* of those that had begun */
	end();
}

static void who_waits_gets_the_place_of_who_has_ended(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct asked all[30];
	int i;

	(void)state;
	begin(steps, 1);
	for (i = 0; i < 30; i++) {
		ask(&all[i], url, 5000);
		http_loop_submit(loop, &all[i].job);
	}
	wait_for(30);
	for (i = 0; i < 30; i++)
		assert_int_equal(all[i].r, 0);
	assert_true(canned_connections(server) <= 8);
	end();
}

static void what_fails_says_why(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW_CLOSE, "garbage" }, { CANNED_CLOSE, "" }, { CANNED_RAW, OK_4 } };
	const struct {
		const char *url;
		int r;
	} rows[] = {
		{ url, -EPROTO }, { url, -EPROTO }, { "http://127.0.0.1:1/", -ECONNREFUSED }, { "ftp://127.0.0.1/", -EINVAL },
		{ "http://example.com/", -EINVAL }, { url, 0 },
	};
	struct asked a;
	size_t i;

	(void)state;
	begin(steps, 3);
	for (i = 0; i < COUNT(rows); i++) {
		ask(&a, rows[i].url, 5000);
		a.job.request.once = true;
		http_loop_submit(loop, &a.job);
		wait_for(1);
		if (a.r != rows[i].r || a.times != 1)
			ROW_FAILS(rows[i].url, "row %zu: %d, told %d times", i, a.r, a.times);
	}
	end();
}

static void a_job_waits_for_its_time(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct asked late, later, now;
	int64_t began_ms = clock_mono_ms();

	(void)state;
	begin(steps, 1);
	ask(&later, url, 5000);
	later.job.not_before_ms = began_ms + 120;
	ask(&late, url, 5000);
	late.job.not_before_ms = began_ms + 60;
	ask(&now, url, 5000);
	http_loop_submit(loop, &later.job);
	http_loop_submit(loop, &late.job);
	http_loop_submit(loop, &now.job);
	wait_for(3);
	assert_true(late.at_ms >= began_ms + 60);
	assert_true(later.at_ms >= began_ms + 120);
	assert_int_equal(late.r | later.r | now.r, 0);
	end();
}

static void a_stop_lets_end_what_was_begun(void **state)
{
	static const struct canned_step steps[] = { { CANNED_RAW, OK_4 } };
	struct asked all[20];
	int i;

	(void)state;
	begin(steps, 1);
	for (i = 0; i < 20; i++) {
		ask(&all[i], url, 5000);
		if (i % 2)
			all[i].job.not_before_ms = clock_mono_ms() + 30;
		http_loop_submit(loop, &all[i].job);
	}
	end();
	for (i = 0; i < 20; i++) {
		assert_int_equal(all[i].times, 1);
		assert_int_equal(all[i].r, 0);
	}
}

static void a_stop_that_would_take_too_long_says_so(void **state)
{
	static const struct canned_step steps[] = { { CANNED_HANG, "" } };
	struct asked a;

	(void)state;
	begin(steps, 1);
	ask(&a, url, 400);
	http_loop_submit(loop, &a.job);
	assert_false(http_loop_stop(loop, 0));
	end();
	assert_int_equal(a.r, -ETIMEDOUT);
	assert_true(http_loop_stop(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_under_way_at_once_and_connections_are_kept),
		cmocka_unit_test(one_that_hangs_holds_up_nobody_and_ends_in_time),
		cmocka_unit_test(who_finds_no_place_in_time_is_told_so),
		cmocka_unit_test(who_waits_gets_the_place_of_who_has_ended),
		cmocka_unit_test(what_fails_says_why),
		cmocka_unit_test(a_job_waits_for_its_time),
		cmocka_unit_test(a_stop_lets_end_what_was_begun),
		cmocka_unit_test(a_stop_that_would_take_too_long_says_so),
	};

	signal(SIGPIPE, SIG_IGN);
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
