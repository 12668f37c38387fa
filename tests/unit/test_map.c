/* test_map.c - things by their names, with a hash that nobody outside can steer. */
#include "unit.h"

#include <stdbool.h>

#include "push-server/map.h"

enum { THINGS = 5000 };

struct thing {
	struct map_entry entry;
	char name[24];
	int seen;
};

static struct thing things[THINGS];

static void name_all(const char *format)
{
	int i;

	for (i = 0; i < THINGS; i++) {
		snprintf(things[i].name, sizeof(things[i].name), format, i);
		things[i].entry.name = things[i].name;
		things[i].seen = 0;
	}
}

static void what_is_added_is_found_until_it_is_removed(void **state)
{
	struct map m = { 0 };
	int i;

	(void)state;
	name_all("房间 %d");
	assert_null(map_find(&m, "房间 1"));
	for (i = 0; i < THINGS; i++) {
		assert_null(map_find(&m, things[i].name));
		assert_int_equal(map_add(&m, &things[i].entry), 0);
		assert_ptr_equal(map_find(&m, things[i].name), &things[i]);
	}
	assert_int_equal(m.count, THINGS);
	for (i = 0; i < THINGS; i += 2)
		map_remove(&m, &things[i].entry);
	assert_int_equal(m.count, THINGS / 2);
	for (i = 0; i < THINGS; i++)
		assert_ptr_equal(map_find(&m, things[i].name), i % 2 ? &things[i] : NULL);
	assert_null(map_find(&m, ""));
	map_fini(&m);
}

static void a_walk_meets_each_once_even_while_they_are_removed(void **state)
{
	struct map m = { 0 };
	struct map_entry *e, *at = NULL;
	uint32_t pos = 0;
	int i;

	(void)state;
	name_all("%d");
	assert_null(map_next(&m, &pos, &at));
	for (i = 0; i < THINGS; i++)
		assert_int_equal(map_add(&m, &things[i].entry), 0);
	for (pos = 0, at = NULL; (e = map_next(&m, &pos, &at));) {
		((struct thing *)e)->seen++;
		map_remove(&m, e);
	}
	for (i = 0; i < THINGS; i++)
		assert_int_equal(things[i].seen, 1);
	assert_int_equal(m.count, 0);
	map_fini(&m);
}

static void hashes_depend_on_the_key_of_the_process(void **state)
{
	uint64_t before, of_empty;

	(void)state;
	assert_int_equal(map_init_key(), 0);
	before = map_hash("lobby");
	of_empty = map_hash("");
	assert_int_equal(map_hash("lobby"), before);
	assert_int_not_equal(map_hash("lobbz"), before);
	assert_int_equal(map_init_key(), 0);
	assert_int_not_equal(map_hash("lobby"), before);
	assert_int_not_equal(map_hash(""), of_empty);
}

/* "Aa" and "BB" are the same to many a hash, and so is every sequence of them. */
static void names_that_collide_elsewhere_are_spread_here(void **state)
{
	unsigned buckets[256] = { 0 }, most = 0, i, bit;

	(void)state;
	assert_int_equal(map_init_key(), 0);
	for (i = 0; i < 4096; i++) {
		char name[25] = "";

		for (bit = 0; bit < 12; bit++)
			strcat(name, i >> bit & 1 ? "Aa" : "BB");
		if (++buckets[map_hash(name) & 255] > most)
			most = buckets[map_hash(name) & 255];
	}
	assert_in_range(most, 16, 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_found_until_it_is_removed),
		cmocka_unit_test(a_walk_meets_each_once_even_while_they_are_removed),
		cmocka_unit_test(hashes_depend_on_the_key_of_the_process),
		cmocka_unit_test(names_that_collide_elsewhere_are_spread_here),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
