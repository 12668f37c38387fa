/* test_breaker.c - a dead server costs few users a wait, and a slow or a returning one is heard. */
#include "unit.h"

#include "shared/breaker.h"

enum { TIMEOUT = 5000 };

static void calls(struct breaker *b, int count, bool has_answered)
{
	struct breaker_pass pass;

	while (count-- > 0) {
		pass = breaker_enter(b, TIMEOUT);
		assert_true(pass.patience_ms > 0);
		breaker_leave(b, &pass, has_answered);
	}
}

static void a_few_failures_change_nothing(void **state)
{
	struct breaker_pass many[2 * BREAKER_FAILURES];
	struct breaker b;
	size_t i;

	(void)state;
	breaker_init(&b);
	calls(&b, BREAKER_FAILURES - 1, false);
	calls(&b, 1, true);		/* not in a row */
	calls(&b, BREAKER_FAILURES - 1, false);
	for (i = 0; i < COUNT(many); i++) {
		many[i] = breaker_enter(&b, TIMEOUT);
		assert_int_equal(many[i].patience_ms, TIMEOUT);
		assert_false(many[i].is_probe);
	}
	breaker_fini(&b);
}

static void several_failures_in_a_row_let_one_call_through_at_a_time(void **state)
{
	struct breaker_pass probe;
	struct breaker b;
	int i;

	(void)state;
	breaker_init(&b);
	calls(&b, BREAKER_FAILURES, false);
	for (i = 0; i < 10; i++) {	/* whoever comes alone gets through */
		probe = breaker_enter(&b, TIMEOUT);
		assert_true(probe.is_probe);
		assert_true(probe.patience_ms > 0);
		assert_int_equal(breaker_enter(&b, TIMEOUT).patience_ms, 0);
		assert_int_equal(breaker_enter(&b, TIMEOUT).patience_ms, 0);
		breaker_leave(&b, &probe, false);
	}
	breaker_fini(&b);
}

static void every_other_probe_is_patient(void **state)
{
	struct breaker_pass probe;
	struct breaker b;
	unsigned wanted;
	int i;

	(void)state;
	breaker_init(&b);
	calls(&b, BREAKER_FAILURES, false);
	for (i = 0; i < 10; i++) {
		wanted = i % 2 ? TIMEOUT : BREAKER_SHORT_MS;
		probe = breaker_enter(&b, TIMEOUT);
		assert_int_equal(probe.patience_ms, wanted);
		breaker_return(&b, &probe);	/* nothing was asked: the next one is the same */
		probe = breaker_enter(&b, 300);
		assert_int_equal(probe.patience_ms, 300);
		breaker_return(&b, &probe);
		probe = breaker_enter(&b, TIMEOUT);
		assert_int_equal(probe.patience_ms, wanted);
		breaker_leave(&b, &probe, false);
	}
	breaker_fini(&b);
}

static void the_first_answer_closes_it(void **state)
{
	struct breaker_pass probe, early[2];
	struct breaker b;

	(void)state;
	breaker_init(&b);
	early[0] = breaker_enter(&b, TIMEOUT);
	early[1] = breaker_enter(&b, TIMEOUT);
	calls(&b, BREAKER_FAILURES, false);
	probe = breaker_enter(&b, TIMEOUT);
	breaker_leave(&b, &probe, true);
	assert_int_equal(breaker_enter(&b, TIMEOUT).patience_ms, TIMEOUT);
	assert_false(breaker_enter(&b, TIMEOUT).is_probe);

	calls(&b, BREAKER_FAILURES, false);
	probe = breaker_enter(&b, TIMEOUT);
	assert_int_equal(probe.patience_ms, BREAKER_SHORT_MS);	/* as if it were the first time */
	breaker_leave(&b, &early[0], false);
	assert_int_equal(breaker_enter(&b, TIMEOUT).patience_ms, 0);	/* the probe is still out */
	breaker_leave(&b, &early[1], true);	/* a call that began before it opened may close it, too */
	assert_int_equal(breaker_enter(&b, TIMEOUT).patience_ms, TIMEOUT);
	breaker_leave(&b, &probe, true);
	assert_int_equal(breaker_enter(&b, TIMEOUT).patience_ms, TIMEOUT);
	breaker_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_failures_change_nothing),
		cmocka_unit_test(several_failures_in_a_row_let_one_call_through_at_a_time),
		cmocka_unit_test(every_other_probe_is_patient),
		cmocka_unit_test(the_first_answer_closes_it),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
