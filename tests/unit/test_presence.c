/* test_presence.c - who is in a room: users by their connections, and those who have just gone. */
#include "unit.h"

#include "push-server/presence.h"

enum { CROWD = 5000 };

static struct uid uid_of(unsigned n)
{
	struct uid uid = { { 0 } };

	/* the last bytes alone differ between neighbours: many share their place in the table */
	uid.b[0] = (uint8_t)(n >> 8);
	uid.b[9] = (uint8_t)n;
	return uid;
}

static void a_user_counts_once_whatever_the_connections(void **state)
{
	struct uid a = uid_of(1), found;
	struct presence p = { 0 };
	uint32_t pos = 0;

	(void)state;
	assert_int_equal(presence_join(&p, &a), 1);
	assert_int_equal(presence_join(&p, &a), 0);
	assert_int_equal(p.users, 1);
	assert_int_equal(presence_leave(&p, &a, 10), 0);
	assert_false(presence_forget(&p, &a));
	assert_int_equal(presence_leave(&p, &a, 10), 1);
	assert_int_equal(presence_leave(&p, &a, 10), 0);
	assert_int_equal(p.users, 1);
	assert_false(presence_expire(&p, &pos, 10, &found));
	assert_int_equal(presence_join(&p, &a), 0);
	pos = 0;
	assert_false(presence_expire(&p, &pos, 99, &found));
	assert_int_equal(presence_leave(&p, &a, 11), 1);
	assert_true(presence_forget(&p, &a));
	assert_int_equal(p.users, 0);
	assert_null(presence_find(&p, &a));
	presence_fini(&p);
}

/* Every third one stays, every third left early, every third left late. */
static void a_crowd_goes_each_once(void **state)
{
	static bool has_gone[CROWD];
	struct presence p = { 0 };
	const struct presence_user *u;
	uint32_t pos = 0, count = 0, n;
	struct uid uid;

	(void)state;
	for (n = 0; n < CROWD; n++) {
		uid = uid_of(n);
		assert_int_equal(presence_join(&p, &uid), 1);
	}
	for (n = 0; n < CROWD; n++) {
		uid = uid_of(n);
		if (n % 3)
			assert_int_equal(presence_leave(&p, &uid, n % 3 == 1 ? 10 : 20), 1);
	}
	while (presence_expire(&p, &pos, 15, &uid)) {
		n = (uint32_t)uid.b[0] << 8 | uid.b[9];
		assert_int_equal(n % 3, 1);
		assert_false(has_gone[n]);
		has_gone[n] = true;
		count++;
	}
	assert_int_equal(count, (CROWD + 1) / 3);
	assert_int_equal(p.users, CROWD - count);
	for (pos = 0; presence_expire(&p, &pos, 25, &uid); count++)
		assert_int_equal(((uint32_t)uid.b[0] << 8 | uid.b[9]) % 3, 2);
	assert_int_equal(p.users, CROWD - count);
	assert_int_equal(p.gone, 0);
	for (pos = 0, n = 0; (u = presence_next(&p, &pos)); n++)
		assert_int_equal(((uint32_t)u->uid.b[0] << 8 | u->uid.b[9]) % 3, 0);
	assert_int_equal(n, p.users);
	presence_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_counts_once_whatever_the_connections),
		cmocka_unit_test(a_crowd_goes_each_once),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
