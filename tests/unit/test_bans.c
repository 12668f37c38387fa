/* test_bans.c - who is banned, as the login program reads it from the push server's store. */
#include "store_dir.h"

#include <endian.h>
#include <unistd.h>

#include "shared/bans.h"
#include "shared/mdb.h"

enum { NOW = 1000000 };

static char why[200];

struct ban {
	MDB_dbi table;
	const char *key;
	uint64_t until_ms;
	size_t len;	/* of the value */
};

static int put_ban(MDB_txn *txn, void *arg)
{
	struct ban *b = arg;
	uint64_t until = htobe64(b->until_ms);
	char bytes[16] = "--------reason";
	MDB_val key = { strlen(b->key), (void *)(uintptr_t)b->key }, value = { b->len, bytes };

	memcpy(bytes, &until, sizeof(until));
	return mdb_errno(mdb_put(txn, b->table, &key, &value, 0));
}

static void write_bans(void)
{
	static const char *const tables[] = { "rooms", "bans", NULL };
	const struct mdb_options options = { .dir = dir, .mode = MDB_MODE_WRITER, .map_size = 1 << 20,
					     .tables = tables, .schema = "another" };
	struct ban bans[] = {
		{ 0, "u0123456789abcdef0123", 0, 14 },
		{ 0, "u0123456789abcdef0124", NOW + 10, 14 },
		{ 0, "a192.0.2.7", 0, 8 },
		{ 0, "a192.0.2.8", 0, 7 },	/* no whole record */
	};
	struct mdb *m;
	size_t i;

	assert_int_equal(mdb_open(&options, &m, why), 0);
	for (i = 0; i < COUNT(bans); i++) {
		bans[i].table = mdb_table(m, 1);
		assert_int_equal(mdb_write(m, put_ban, &bans[i]), 0);
	}
	mdb_close(m);
}

static void bans_are_found_by_uid_and_address(void **state)
{
	static const struct {
		const char *sentence, *uid, *address;
		int64_t now_ms;
		bool hit;
	} rows[] = {
		{ "a ban for ever holds", "0123456789abcdef0123", NULL, NOW, true },
		{ "a ban with an end holds until then", "0123456789abcdef0124", NULL, NOW + 9, true },
		{ "and no longer", "0123456789abcdef0124", NULL, NOW + 10, false },
		{ "another user is let in", "0123456789abcdef0125", "192.0.2.1", NOW, false },
		{ "an address is banned whoever comes from it", "0123456789abcdef0125", "192.0.2.7", NOW, true },
		{ "an address is no uid", "192.0.2.7", NULL, NOW, false },
		{ "half a record bans nobody", NULL, "192.0.2.8", NOW, false },
		{ "nobody is not banned", NULL, NULL, NOW, false },
		{ "nor is nothing", "", "", NOW, false },
		{ "nor what is too long to be an address", NULL,
		  "1111111111111111111111111111111111111111111111111111111111111111111111111111111", NOW, false },
	};
	struct bans *b;
	size_t i;

	(void)state;
	write_bans();
	b = bans_open(dir);
	for (i = 0; i < COUNT(rows); i++)
		if (bans_hit(b, rows[i].uid, rows[i].address, rows[i].now_ms) != rows[i].hit)
			ROW_FAILS(rows[i].sentence, "hit is %d", !rows[i].hit);
	bans_close(b);
}

static void a_store_that_comes_later_is_found_later(void **state)
{
	struct bans *b = bans_open(dir);

	(void)state;
	assert_false(bans_hit(b, "0123456789abcdef0123", NULL, NOW));
	write_bans();
	assert_false(bans_hit(b, "0123456789abcdef0123", NULL, NOW + 1));	/* not looked for with each request */
	assert_true(bans_hit(b, "0123456789abcdef0123", NULL, NOW + 10000));
	bans_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bans_are_found_by_uid_and_address, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_that_comes_later_is_found_later, setup, teardown),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
