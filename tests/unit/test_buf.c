/* test_buf.c - a growing run of bytes that never passes its limit; and the clocks, of which little can be said. */
#include "unit.h"

#include <errno.h>

#include "buf.h"
#include "clock.h"

static void bytes_are_kept_in_order(void **state)
{
	struct buf b = BUF_INIT;
	char expected[3001];
	size_t i;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	for (i = 0; i < 1000; i++) {
		assert_int_equal(buf_add(&b, "abc", 3), 0);
		memcpy(expected + 3 * i, "abc", 4);
		assert_int_equal(b.len, 3 * (i + 1));
	}
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void text_and_formats_are_added(void **state)
{
	struct buf b = BUF_INIT;
	char *longer = malloc(2001);

	(void)state;
	memset(longer, 'y', 2000);
	longer[2000] = '\0';
	assert_int_equal(buf_adds(&b, "x="), 0);
	assert_int_equal(buf_addf(&b, "%d,%s", 7, "z"), 0);
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_string_equal(buf_str(&b), "x=7,z");
	assert_int_equal(buf_addf(&b, "%s", longer), 0);
	assert_int_equal(b.len, 2005);
	assert_string_equal(buf_str(&b) + 5, longer);
	buf_wipe(&b);
	assert_null(b.data);
	free(longer);
}

static void the_limit_is_reached_and_never_passed(void **state)
{
	static const size_t limits[] = { 1, 2, 63, 64, 65, 100, 127, 128, 1000 };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(limits); i++) {
		struct buf b = BUF_LIMIT(0);

		b.max = limits[i];
		for (n = 0; n < limits[i]; n++)
			assert_int_equal(buf_add(&b, "x", 1), 0);
		assert_int_equal(b.len, limits[i]);
		assert_int_equal(buf_add(&b, "x", 1), -EMSGSIZE);
		assert_int_equal(buf_addf(&b, "%d", 1), -EMSGSIZE);
		assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
		assert_int_equal(b.len, limits[i]);
		assert_int_equal(strlen(buf_str(&b)), limits[i]);
		assert_true(b.size <= limits[i] + 1);
		buf_free(&b);
		assert_int_equal(b.max, limits[i]);
	}
}

static void an_unlimited_one_has_a_limit_too(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_reserve(&b, (size_t)BUF_MAX + 1), -EMSGSIZE);
	assert_null(b.data);
}

static void room_is_made_before_it_is_written(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_reserve(&b, 500), 0);
	memset(b.data + b.len, 'c', 500);
	b.len += 500;
	b.data[b.len] = '\0';
	assert_int_equal(strlen(buf_str(&b)), 502);
	buf_free(&b);
}

static void both_ends_can_be_dropped(void **state)
{
	struct buf b = BUF_INIT;
	char *memory;

	(void)state;
	buf_drop(&b, 0);
	buf_cut(&b, 0);
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "abcdef"), 0);
	buf_drop(&b, 2);
	assert_string_equal(buf_str(&b), "cdef");
	buf_cut(&b, 1);
	assert_string_equal(buf_str(&b), "c");
	buf_drop(&b, 1);
	assert_string_equal(buf_str(&b), "");
	memory = b.data;
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "xyz"), 0);
	assert_ptr_equal(b.data, memory);
	buf_free(&b);
}

static void clocks_go_on(void **state)
{
	int64_t mono_us = clock_mono_us(), mono_ms = clock_mono_ms(), wall_ms = clock_wall_ms();

	(void)state;
	assert_true(clock_mono_us() >= mono_us);
	assert_true(clock_mono_ms() >= mono_ms);
	assert_true(mono_ms >= mono_us / 1000);
	assert_true(wall_ms > 1700000000000);	/* milliseconds, and after 2023 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_kept_in_order),
		cmocka_unit_test(text_and_formats_are_added),
		cmocka_unit_test(the_limit_is_reached_and_never_passed),
		cmocka_unit_test(an_unlimited_one_has_a_limit_too),
		cmocka_unit_test(room_is_made_before_it_is_written),
		cmocka_unit_test(both_ends_can_be_dropped),
		cmocka_unit_test(clocks_go_on),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
