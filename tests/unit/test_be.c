/* test_be.c - numbers as big-endian bytes. */
#include "unit.h"

#include "be.h"

static void numbers_sort_as_bytes(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 255, 256, 65535, 1 << 24, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX };
	uint8_t bytes[8], last[8] = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(numbers); i++) {
		be_put(bytes, numbers[i], 8);
		assert_true(be_get(bytes, 8) == numbers[i]);
		assert_true(i == 0 || memcmp(last, bytes, 8) < 0);
		memcpy(last, bytes, 8);
	}
}

static void the_lowest_bytes_are_taken_and_no_others_touched(void **state)
{
	uint8_t bytes[5] = { 9, 9, 9, 9, 9 };

	(void)state;
	be_put(bytes + 1, 0x1122334455, 3);
	assert_memory_equal(bytes, "\x09\x33\x44\x55\x09", 5);
	assert_int_equal(be_get(bytes + 1, 3), 0x334455);
	assert_int_equal(be_get(bytes, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_sort_as_bytes),
		cmocka_unit_test(the_lowest_bytes_are_taken_and_no_others_touched),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
