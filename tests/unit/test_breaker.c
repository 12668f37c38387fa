/* test_breaker.c - a dead server costs a user a short wait, and soon none at all. */
#include "unit.h"

#include "shared/breaker.h"

enum { TIMEOUT = 5000, DEAD = 7, GONE = 8 };

static void fail_calls(struct breaker *b, int count, int reason, int64_t now_ms)
{
	struct breaker_pass pass;

	while (count-- > 0) {
		pass = breaker_enter(b, TIMEOUT, now_ms);
		assert_true(pass.patience_ms > 0);
		breaker_leave(b, &pass, reason, now_ms);
	}
}

static unsigned patience(struct breaker *b, int64_t now_ms)
{
	return breaker_enter(b, TIMEOUT, now_ms).patience_ms;
}

static void a_first_failure_makes_the_next_wait_short(void **state)
{
	struct breaker_pass pass;
	struct breaker b;

	(void)state;
	breaker_init(&b);
	assert_int_equal(patience(&b, 0), TIMEOUT);
	fail_calls(&b, 1, DEAD, 0);
	pass = breaker_enter(&b, TIMEOUT, 1);
	assert_int_equal(pass.patience_ms, BREAKER_SHORT_MS);
	assert_int_equal(breaker_enter(&b, 300, 1).patience_ms, 300);
	breaker_leave(&b, &pass, 0, 2);
	assert_int_equal(patience(&b, 2), TIMEOUT);
	breaker_fini(&b);
}

static void several_failures_in_a_row_open_it(void **state)
{
	struct breaker_pass pass;
	struct breaker b;

	(void)state;
	breaker_init(&b);
	fail_calls(&b, BREAKER_FAILURES - 1, DEAD, 0);
	pass = breaker_enter(&b, TIMEOUT, 0);
	breaker_leave(&b, &pass, 0, 0);		/* not in a row */
	fail_calls(&b, BREAKER_FAILURES - 1, DEAD, 0);
	assert_true(patience(&b, 0) > 0);
	fail_calls(&b, 1, GONE, 0);
	pass = breaker_enter(&b, TIMEOUT, BREAKER_PAUSE_MS - 1);
	assert_int_equal(pass.patience_ms, 0);
	assert_int_equal(pass.reason, GONE);
	breaker_fini(&b);
}

static void one_call_probes_after_the_pause(void **state)
{
	struct breaker_pass probe;
	struct breaker b;

	(void)state;
	breaker_init(&b);
	fail_calls(&b, BREAKER_FAILURES, DEAD, 0);
	probe = breaker_enter(&b, TIMEOUT, BREAKER_PAUSE_MS);
	assert_int_equal(probe.patience_ms, TIMEOUT);
	assert_int_equal(patience(&b, BREAKER_PAUSE_MS), 0);	/* the others do not */
	assert_int_equal(patience(&b, 100 * BREAKER_PAUSE_MS), 0);
	breaker_leave(&b, &probe, 0, BREAKER_PAUSE_MS + 1);
	assert_int_equal(patience(&b, BREAKER_PAUSE_MS + 1), TIMEOUT);
	breaker_fini(&b);
}

static void a_probe_that_fails_doubles_the_pause_up_to_a_limit(void **state)
{
	struct breaker_pass probe;
	int64_t now = 0, pause = BREAKER_PAUSE_MS;
	struct breaker b;
	int i;

	(void)state;
	breaker_init(&b);
	fail_calls(&b, BREAKER_FAILURES, DEAD, now);
	for (i = 0; i < 6; i++) {
		assert_int_equal(patience(&b, now + pause - 1), 0);
		now += pause;
		probe = breaker_enter(&b, TIMEOUT, now);
		assert_int_equal(probe.patience_ms, TIMEOUT);
		breaker_leave(&b, &probe, DEAD, now);
		pause = pause * 2 < BREAKER_PAUSE_MAX_MS ? pause * 2 : BREAKER_PAUSE_MAX_MS;
	}
	probe = breaker_enter(&b, TIMEOUT, now + pause);
	breaker_leave(&b, &probe, 0, now + pause);
	fail_calls(&b, BREAKER_FAILURES, DEAD, now);
	assert_true(patience(&b, now + BREAKER_PAUSE_MS) > 0);	/* and begins anew after a success */
	breaker_fini(&b);
}

static void calls_from_before_it_opened_prolong_nothing_but_may_close_it(void **state)
{
	struct breaker_pass early[3];
	struct breaker b;
	int i;

	(void)state;
	breaker_init(&b);
	for (i = 0; i < 3; i++)
		early[i] = breaker_enter(&b, TIMEOUT, 0);
	fail_calls(&b, BREAKER_FAILURES, DEAD, 0);
	breaker_leave(&b, &early[0], DEAD, BREAKER_PAUSE_MS - 1);
	assert_true(breaker_enter(&b, TIMEOUT, BREAKER_PAUSE_MS).is_probe);
	breaker_leave(&b, &early[1], DEAD, BREAKER_PAUSE_MS);
	assert_int_equal(patience(&b, BREAKER_PAUSE_MS), 0);	/* the probe is still out */
	breaker_leave(&b, &early[2], 0, BREAKER_PAUSE_MS);
	assert_int_equal(patience(&b, BREAKER_PAUSE_MS), TIMEOUT);
	breaker_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_failure_makes_the_next_wait_short),
		cmocka_unit_test(several_failures_in_a_row_open_it),
		cmocka_unit_test(one_call_probes_after_the_pause),
		cmocka_unit_test(a_probe_that_fails_doubles_the_pause_up_to_a_limit),
		cmocka_unit_test(calls_from_before_it_opened_prolong_nothing_but_may_close_it),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
