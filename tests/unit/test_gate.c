/* test_gate.c - so many at a time, a moment's patience, then no. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "fcgi-login/gate.h"

static void as_many_as_may_enter(void **state)
{
	struct gate g;

	(void)state;
	assert_int_equal(gate_init(&g), 0);
	assert_true(gate_enter(&g, 2, 1, 0));
	assert_true(gate_enter(&g, 2, 1, 0));
	assert_false(gate_enter(&g, 2, 1, 0));
	gate_leave(&g);
	assert_true(gate_enter(&g, 2, 1, 0));
	gate_leave(&g);
	gate_leave(&g);
	gate_fini(&g);
}

struct waiter {
	struct gate *gate;
	atomic_bool entered;
};

static void *wait_body(void *arg)
{
	struct waiter *w = arg;

	atomic_store(&w->entered, gate_enter(w->gate, 1, 1, 60000));
	return NULL;
}

static void who_waits_gets_the_place_that_comes_free(void **state)
{
	struct gate g;
	struct waiter w = { .gate = &g };
	pthread_t thread;

	(void)state;
	assert_int_equal(gate_init(&g), 0);
	assert_true(gate_enter(&g, 1, 1, 0));
	assert_int_equal(pthread_create(&thread, NULL, wait_body, &w), 0);
	gate_leave(&g);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&w.entered));
	assert_false(gate_enter(&g, 1, 1, 1));
	gate_leave(&g);
	gate_fini(&g);
}

static void where_enough_wait_nobody_else_does(void **state)
{
	struct gate g;
	struct waiter w = { .gate = &g };
	pthread_t thread;
	bool is_waiting = false;

	(void)state;
	assert_int_equal(gate_init(&g), 0);
	assert_true(gate_enter(&g, 1, 1, 0));
	assert_int_equal(pthread_create(&thread, NULL, wait_body, &w), 0);
	while (!is_waiting) {
		pthread_mutex_lock(&g.lock);
		is_waiting = g.waiting == 1;
		pthread_mutex_unlock(&g.lock);
		sched_yield();
	}
	assert_false(gate_enter(&g, 1, 1, 60000));	/* or this test takes a minute */
	gate_leave(&g);
	pthread_join(thread, NULL);
	gate_leave(&g);
	gate_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_may_enter),
		cmocka_unit_test(who_waits_gets_the_place_that_comes_free),
		cmocka_unit_test(where_enough_wait_nobody_else_does),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
