/* test_history.c - what rooms remember, and what they promise about it. */
#include "tests/unit/history_help.h"

#include <sys/resource.h>
#include <sys/wait.h>

/* --- messages --- */

static void ids_begin_at_one_and_have_no_gaps(void **state)
{
	struct history *h = start_with(history_defaults());
	uint64_t first = 9, last = 9;

	(void)state;
	bounds(h, "lobby", &first, &last);
	assert_int_equal(first, 0);
	assert_int_equal(last, 0);
	assert_int_equal(append(h, "lobby", "one"), 1);
	assert_int_equal(append(h, "other", "eins"), 1);
	assert_int_equal(append(h, "lobby", "two"), 2);
	assert_string_equal(shown(h, "lobby", 1, 2), "1:one 2:two ");
	assert_string_equal(shown(h, "other", 0, UINT64_MAX), "1:eins ");
	stop(h);

	h = start_with(history_defaults());
	assert_int_equal(append(h, "lobby", "three"), 3);
	assert_string_equal(shown(h, "lobby", 0, UINT64_MAX), "1:one 2:two 3:three ");
	stop(h);
}

static void room_names_and_texts_of_all_lengths_come_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 1900, 2000, 2100, 4000, 4096, 5000, 16384, 70000 };
	struct history *h = start_with(history_defaults());
	struct history_request q;
	char name[ROOM_NAME_MAX + 1], *expected;
	size_t i, j;

	(void)state;
	memset(name, 'r', ROOM_NAME_MAX);
	name[ROOM_NAME_MAX] = '\0';
	for (i = 0; i < COUNT(lengths); i++) {
		request_init(&q, HISTORY_APPEND, name, i % 2 ? "" : UID_B);
		q.text = malloc(lengths[i] + 1);
		q.text_len = lengths[i];
		for (j = 0; j < lengths[i]; j++)
			q.text[j] = (char)('a' + (i + j) % 26);
		assert_int_equal(ask(h, &q), 0);
		expected = malloc(lengths[i] + 32);
		sprintf(expected, "%zu:%.*s ", i + 1, (int)lengths[i], lengths[i] ? q.text : "");
		assert_string_equal(shown(h, name, i + 1, i + 1), expected);
		free(expected);
		request_fini(&q);
	}
	stop(h);
}

static void odd_ranges_are_harmless(void **state)
{
	struct history *h = start_with(history_defaults());

	(void)state;
	append(h, "lobby", "one");
	append(h, "lobby", "two");
	append(h, "room after", "x");
	assert_string_equal(shown(h, "lobby", 0, 0), "");
	assert_string_equal(shown(h, "lobby", 3, UINT64_MAX), "");
	assert_string_equal(shown(h, "lobby", UINT64_MAX, UINT64_MAX), "");
	assert_string_equal(shown(h, "lobby", 2, 1), "");
	assert_string_equal(shown(h, "lobby", 2, UINT64_MAX), "2:two ");
	assert_string_equal(shown(h, "nowhere", 0, UINT64_MAX), "");
	assert_string_equal(shown(h, "", 0, UINT64_MAX), "");
	stop(h);
}

static void bad_requests_are_refused_alone(void **state)
{
	struct history *h = start_with(history_defaults());
	struct history_request q;

	(void)state;
	assert_int_equal(append(h, "", "no room"), -EINVAL);
	request_init(&q, HISTORY_APPEND, "lobby", UID_A);
	q.text_len = 5;
	assert_int_equal(ask(h, &q), -EINVAL);
	q.text = calloc(1, TEXT_MAX + 1);
	assert_non_null(q.text);
	q.text_len = TEXT_MAX + 1;
	assert_int_equal(ask(h, &q), -EMSGSIZE);
	free(q.text);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_COUNT, "k", "v", 0, NULL), -EINVAL);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_MARKS, "", "v", 0, NULL), -EINVAL);
	assert_int_equal(append(h, "lobby", "one"), 1);
	stop(h);
}

static int room_join(const char *room, uint64_t first, uint64_t last, void *arg)
{
	buf_addf(arg, "%s %llu-%llu, ", room, (unsigned long long)first, (unsigned long long)last);
	return 0;
}

static void all_rooms_are_listed(void **state)
{
	struct history *h = start_with(history_defaults());
	struct buf out = BUF_INIT;
	struct history_reader *r;

	(void)state;
	append(h, "b", "1");
	append(h, "a", "1");
	append(h, "b", "2");
	assert_int_equal(history_reader_new(h, &r), 0);
	append(h, "ab", "1");
	assert_int_equal(history_each_room(r, "", room_join, &out), 0);
	assert_string_equal(buf_str(&out), "a 1-1, ab 1-1, b 1-2, ");
	buf_reset(&out);
	assert_int_equal(history_each_room(r, "a", room_join, &out), 0);
	assert_string_equal(buf_str(&out), "ab 1-1, b 1-2, ");
	buf_reset(&out);
	assert_int_equal(history_each_room(r, "aa", room_join, &out), 0);
	assert_int_equal(history_each_room(r, "b", room_join, &out), 0);
	assert_string_equal(buf_str(&out), "ab 1-1, b 1-2, ");
	history_reader_free(r);
	buf_free(&out);
	stop(h);
}

static int room_spoils(const char *room, uint64_t first, uint64_t last, void *arg)
{
	room_join(room, first, last, arg);
	return -EMSGSIZE;
}

static int entry_spoils(const struct history_entry *entry, void *arg)
{
	entry_join(entry, arg);
	return -ENOENT;		/* not taken for a room's being unknown */
}

static int entry_ends(const struct history_entry *entry, void *arg)
{
	entry_join(entry, arg);
	return 1;
}

static int key_spoils(const void *key, size_t key_len, const void *value, size_t len, void *arg)
{
	(void)value;
	(void)len;
	buf_add(arg, key, key_len);
	return -ENOMEM;
}

static void what_a_callback_finds_wrong_is_the_result(void **state)
{
	struct history *h = start_with(history_defaults());
	struct buf out = BUF_INIT;
	struct history_reader *r;

	(void)state;
	append(h, "a", "one");
	append(h, "a", "two");
	append(h, "b", "one");
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_BANS, "u1", "A", 0, NULL), 0);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_BANS, "u2", "B", 0, NULL), 0);
	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_each(r, "a", 0, UINT64_MAX, entry_spoils, &out), -ENOENT);
	assert_int_equal(history_each(r, "a", 0, UINT64_MAX, entry_ends, &out), 0);
	assert_int_equal(history_each_room(r, "", room_spoils, &out), -EMSGSIZE);
	assert_int_equal(history_each_key(r, TABLE_BANS, "u", 1, key_spoils, &out), -ENOMEM);
	assert_string_equal(buf_str(&out), "1:one 1:one a 1-2, u1");
	history_reader_free(r);
	buf_free(&out);
	stop(h);
}

/* --- resends --- */

static void a_resend_is_stored_once(void **state)
{
	struct history *h = start_with(history_defaults());
	struct history_stats stats;

	(void)state;
	assert_int_equal(append_at(h, "lobby", UID_A, "c1", "hi", T0), 1);
	assert_int_equal(append_at(h, "lobby", UID_A, "c1", "hi", T0 + 5), 1);
	assert_int_equal(append_at(h, "lobby", UID_A, "c1", "hi", T0 - 5000), 1);	/* a clock set back */
	assert_int_equal(append_at(h, "lobby", UID_B, "c1", "another's", T0), 2);
	assert_int_equal(append_at(h, "other", UID_A, "c1", "elsewhere", T0), 1);
	assert_int_equal(append_at(h, "lobby", UID_A, "c11", "a longer cid", T0), 3);
	history_stats(h, &stats);
	assert_int_equal(stats.appended, 4);
	assert_int_equal(stats.duplicates, 2);
	stop(h);

	h = start_with(history_defaults());
	assert_int_equal(append_at(h, "lobby", UID_A, "c1", "hi", T0 + CID_KEPT_MS - 1), 1);
	assert_int_equal(append_at(h, "lobby", UID_A, "c1", "hi", T0 + CID_KEPT_MS), 4);
	stop(h);
}

static void a_resend_in_the_same_batch_is_stored_once(void **state)
{
	struct history *h = open_with(history_defaults());
	struct history_request q[3];
	struct history_stats stats;
	sem_t done;
	size_t i;

	(void)state;
	sem_init(&done, 0, 0);
	for (i = 0; i < COUNT(q); i++) {
		request_init(&q[i], HISTORY_APPEND, "lobby", UID_A);
		strcpy(q[i].cid, i == 1 ? "other" : "same");
		q[i].time_ms = T0 + (int64_t)i;
		request_text(&q[i], "hi");
		q[i].context = &done;
		assert_int_equal(history_submit(h, &q[i]), 0);
	}
	assert_int_equal(history_start(h), 0);
	for (i = 0; i < COUNT(q); i++)
		sem_wait(&done);
	history_stats(h, &stats);
	assert_int_equal(stats.batches, 1);
	assert_int_equal(q[0].id, 1);
	assert_int_equal(q[1].id, 2);
	assert_int_equal(q[2].id, 1);
	assert_false(q[0].is_duplicate);
	assert_true(q[2].is_duplicate);
	assert_int_equal(q[2].number, T0);
	for (i = 0; i < COUNT(q); i++)
		request_fini(&q[i]);
	sem_destroy(&done);
	stop(h);
}

static size_t rows(struct history *h, unsigned table)
{
	MDB_stat stat;
	MDB_txn *txn;

	assert_int_equal(mdb_read_begin(h->db, &txn), 0);
	mdb_stat(txn, mdb_table(h->db, table), &stat);
	mdb_read_end(h->db, txn);
	return stat.ms_entries;
}

static void what_is_kept_against_resends_is_bounded(void **state)
{
	struct history *h = start_with(history_defaults());
	char cid[16];
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(cid, sizeof(cid), "c%d", i);
		append_at(h, "lobby", UID_A, cid, "x", T0 + i * (CID_KEPT_MS / 50));	/* fifty in ten minutes */
	}
	assert_in_range(rows(h, TABLE_CIDS), 50, 101);
	append_at(h, "lobby", UID_A, "z", "a clock wrong by a year", T0 + INT64_C(31536000000));
	append_at(h, "lobby", UID_A, "z", "right again", T0 + 300 * (CID_KEPT_MS / 50));
	assert_in_range(rows(h, TABLE_CIDS), 1, 101);
	stop(h);
}

/* --- recalling --- */

static void who_may_recall_what(void **state)
{
	static const struct {
		const char *sentence;
		uint64_t id;
		const char *uid;
		bool may_any;
		int64_t after_ms;
		int error;
	} table[] = {
		{ "one's own within two minutes", 1, UID_A, false, RECALL_OWN_MS, 0 },
		{ "again, because the answer was lost", 1, UID_A, false, RECALL_OWN_MS + 1, 0 },
		{ "one's own too late", 2, UID_A, false, RECALL_OWN_MS + 1, -ETIME },
		{ "another's", 2, UID_B, false, 0, -EPERM },
		{ "another's that is recalled already", 1, UID_B, false, 0, -EPERM },
		{ "a moderator, a year later", 2, UID_B, true, INT64_C(31536000000), 0 },
		{ "no such message", 4, UID_B, true, 0, -ENOENT },
		{ "no such message either", 0, UID_B, true, 0, -ENOENT },
	};
	struct history *h = start_with(history_defaults());
	struct history_stats stats;
	size_t i;
	int r;

	(void)state;
	append(h, "lobby", "one");
	append(h, "lobby", "two");
	append(h, "lobby", "three");
	for (i = 0; i < COUNT(table); i++) {
		r = recall_at(h, "lobby", table[i].id, table[i].uid, table[i].may_any, T0 + table[i].after_ms);
		if (r != table[i].error)
			ROW_FAILS(table[i].sentence, "%d", r);
	}
	assert_int_equal(recall_at(h, "nowhere", 1, UID_B, true, T0), -ENOENT);
	assert_int_equal(recall_at(h, "", 1, UID_B, true, T0), -ENOENT);
	assert_string_equal(shown(h, "lobby", 0, 9), "1!: 2!: 3:three ");
	assert_int_equal(append(h, "lobby", "four"), 4);
	history_stats(h, &stats);
	assert_int_equal(stats.erased, 2);
	stop(h);
	h = start_with(history_defaults());
	assert_string_equal(shown(h, "lobby", 0, 9), "1!: 2!: 3:three 4:four ");
	stop(h);
}

/* --- pruning --- */

static void a_room_keeps_the_last_messages(void **state)
{
	struct history_options options = history_defaults();
	uint64_t first, last;
	struct history *h;
	char text[16];
	int i;

	(void)state;
	options.per_room = 3;
	h = start_with(options);
	for (i = 1; i <= 50; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		assert_int_equal(append(h, "lobby", text), i);
		bounds(h, "lobby", &first, &last);
		assert_int_equal(last, i);
		assert_int_equal(first, i <= 3 ? 1 : i - 2);
	}
	assert_string_equal(shown(h, "lobby", 0, UINT64_MAX), "48:m48 49:m49 50:m50 ");
	assert_int_equal(rows(h, TABLE_MESSAGES), 3);
	assert_int_equal(rows(h, TABLE_SLOTS), 0);
	stop(h);
}

static void what_is_pruned_meanwhile_is_still_in_a_frozen_view(void **state)
{
	struct history_options options = history_defaults();
	struct history_reader *r;
	struct buf seen = BUF_INIT;
	uint64_t first = 0, last = 0;
	struct history *h;

	(void)state;
	options.per_room = 2;
	h = start_with(options);
	append(h, "lobby", "one");
	append(h, "lobby", "two");
	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_freeze(r), 0);
	append(h, "lobby", "three");
	append(h, "lobby", "four");
	assert_string_equal(shown(h, "lobby", 0, UINT64_MAX), "3:three 4:four ");
	assert_int_equal(history_bounds(r, "lobby", &first, &last), 0);
	assert_int_equal(first, 1);
	assert_int_equal(last, 2);
	assert_int_equal(history_each(r, "lobby", 0, UINT64_MAX, entry_join, &seen), 0);
	assert_string_equal(buf_str(&seen), "1:one 2:two ");
	history_thaw(r);
	assert_int_equal(history_bounds(r, "lobby", &first, &last), 0);
	assert_int_equal(first, 3);
	assert_int_equal(last, 4);
	history_reader_free(r);
	buf_free(&seen);
	stop(h);
}

static void old_messages_go_also_from_silent_rooms(void **state)
{
	struct history_options options = history_defaults();
	uint64_t first, last;
	struct history *h;
	char room[32];
	int i;

	(void)state;
	options.max_age_ms = 1000;
	h = start_with(options);
	for (i = 0; i < 20; i++) {
		snprintf(room, sizeof(room), "silent%d", i);
		append_at(h, room, UID_A, "", "old", T0);
		append_at(h, room, UID_A, "", "younger", T0 + 500);
	}
	for (i = 0; i < 20 / SWEEP_ROOMS + 2; i++)	/* a few rooms at a time */
		append_at(h, "loud", UID_A, "", "x", T0 + 1200);
	for (i = 0; i < 20; i++) {
		snprintf(room, sizeof(room), "silent%d", i);
		assert_string_equal(shown(h, room, 0, 9), "2:younger ");
	}
	for (i = 0; i < 20 / SWEEP_ROOMS + 2; i++)
		append_at(h, "loud", UID_A, "", "x", T0 + 5000);
	bounds(h, "silent7", &first, &last);
	assert_int_equal(first, 3);
	assert_int_equal(last, 2);
	assert_int_equal(append_at(h, "silent7", UID_A, "", "back", T0 + 5000), 3);
	assert_string_equal(shown(h, "silent7", 0, 9), "3:back ");
	stop(h);
}

static void a_lowered_limit_is_reached_in_steps(void **state)
{
	struct history_options options = history_defaults();
	struct history *h = start_with(options);
	uint64_t first, last;
	int i;

	(void)state;
	for (i = 0; i < 600; i++)
		append(h, "lobby", "x");
	stop(h);
	options.per_room = 10;
	h = start_with(options);
	append(h, "other", "x");
	bounds(h, "lobby", &first, &last);
	assert_int_equal(first, 1 + SWEEP_MESSAGES);	/* no batch prunes without end */
	for (i = 0; i < 2; i++)
		append(h, "other", "x");
	bounds(h, "lobby", &first, &last);
	assert_int_equal(first, 591);
	assert_int_equal(last, 600);
	stop(h);
}

/* --- values about people --- */

static int key_join(const void *key, size_t key_len, const void *value, size_t len, void *arg)
{
	buf_add(arg, key, key_len);
	buf_adds(arg, "=");
	buf_add(arg, value, len);
	buf_adds(arg, " ");
	return 0;
}

static void values_are_set_and_removed(void **state)
{
	struct history *h = start_with(history_defaults());
	struct buf value = BUF_INIT, out = BUF_INIT;
	struct history_reader *r;
	char long_key[600];

	(void)state;
	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_count(h, TABLE_BANS), 0);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_BANS, "u1", "a", 0, NULL), 0);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_BANS, "u2", "b", 0, NULL), 0);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_BANS, "v", "c", 0, NULL), 0);
	assert_int_equal(value_ask(h, HISTORY_SET, TABLE_BANS, "u1", "A", 0, NULL), 0);
	assert_int_equal(history_count(h, TABLE_BANS), 3);
	assert_int_equal(history_count(h, TABLE_MUTES), 0);
	assert_int_equal(history_get(r, TABLE_BANS, "u1", 2, &value), 0);
	assert_string_equal(buf_str(&value), "A");
	assert_int_equal(history_get(r, TABLE_BANS, "u", 1, NULL), -ENOENT);
	assert_int_equal(history_get(r, TABLE_MUTES, "u1", 2, NULL), -ENOENT);
	assert_int_equal(history_get(r, TABLE_MUTES, "", 0, NULL), -ENOENT);
	memset(long_key, 'k', sizeof(long_key));
	assert_int_equal(history_get(r, TABLE_MUTES, long_key, sizeof(long_key), NULL), -ENOENT);
	assert_int_equal(history_each_key(r, TABLE_BANS, "u", 1, key_join, &out), 0);
	assert_string_equal(buf_str(&out), "u1=A u2=b ");
	buf_reset(&out);
	assert_int_equal(history_each_key(r, TABLE_BANS, "", 0, key_join, &out), 0);
	assert_string_equal(buf_str(&out), "u1=A u2=b v=c ");
	assert_int_equal(value_ask(h, HISTORY_DELETE, TABLE_BANS, "u1", "", 0, NULL), 0);
	assert_int_equal(value_ask(h, HISTORY_DELETE, TABLE_BANS, "u1", "", 0, NULL), -ENOENT);
	assert_int_equal(history_count(h, TABLE_BANS), 2);
	history_reader_free(r);
	stop(h);
	h = start_with(history_defaults());
	assert_int_equal(history_count(h, TABLE_BANS), 2);
	buf_free(&value);
	buf_free(&out);
	stop(h);
}

static void numbers_are_raised_and_counted(void **state)
{
	static const struct {
		const char *sentence;
		enum history_verb verb;
		int64_t amount;
		int error;
		uint64_t number;
	} table[] = {
		{ "a mark is set", HISTORY_RAISE, 5, 0, 5 },
		{ "and never falls", HISTORY_RAISE, 3, 0, 5 },
		{ "nor below nothing", HISTORY_RAISE, -1, 0, 5 },
		{ "and rises", HISTORY_RAISE, 6, 0, 6 },
		{ "adding counts up", HISTORY_ADD, 2, 0, 8 },
		{ "and down", HISTORY_ADD, -7, 0, 1 },
		{ "to nothing", HISTORY_ADD, -1, 0, 0 },
		{ "and no further", HISTORY_ADD, -1, -ERANGE, 0 },
		{ "by far", HISTORY_ADD, INT64_MIN, -ERANGE, 0 },
		{ "up to the end", HISTORY_ADD, INT64_MAX, 0, INT64_MAX },
		{ "of numbers", HISTORY_ADD, INT64_MAX, 0, UINT64_MAX - 1 },
		{ "and no further either", HISTORY_ADD, 2, -ERANGE, UINT64_MAX - 1 },
	};
	struct history *h = start_with(history_defaults());
	struct history_reader *r;
	uint64_t number;
	size_t i;

	(void)state;
	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_get_number(r, TABLE_READS, "k", 1, &number), -ENOENT);
	for (i = 0; i < COUNT(table); i++) {
		int error = value_ask(h, table[i].verb, TABLE_READS, "k", "", table[i].amount, &number);

		if (error != table[i].error || number != table[i].number)
			ROW_FAILS(table[i].sentence, "%d %llu", error, (unsigned long long)number);
		assert_int_equal(history_get_number(r, TABLE_READS, "k", 1, &number), 0);
		if (number != table[i].number)
			ROW_FAILS(table[i].sentence, "stored: %llu", (unsigned long long)number);
	}
	history_reader_free(r);
	stop(h);
}

static void a_key_joins_room_and_user(void **state)
{
	struct buf key = BUF_INIT;

	(void)state;
	assert_int_equal(history_key(&key, "", "u"), 0);
	assert_int_equal(key.len, 2);
	assert_memory_equal(key.data, "\0u", 2);
	buf_reset(&key);
	assert_int_equal(history_key(&key, "room", UID_A), 0);
	assert_int_equal(key.len, 5 + UID_LEN);
	assert_memory_equal(key.data, "room\0" UID_A, 5 + UID_LEN);
	buf_free(&key);
}

/* --- the queue, the disk, the start --- */

static void nothing_is_taken_after_a_stop_nor_past_the_mark(void **state)
{
	struct history *h = open_with(history_defaults());
	struct history_request q[10], late;
	sem_t done;
	int i, taken = 0, r = 0;

	(void)state;
	sem_init(&done, 0, 0);
	for (i = 0; i < 10; i++) {
		request_init(&q[i], HISTORY_APPEND, "lobby", UID_A);
		q[i].text_len = 10 << 20;
		q[i].text = calloc(1, q[i].text_len);
		q[i].context = &done;
		if ((r = history_submit(h, &q[i])) < 0)
			break;
		taken++;
	}
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(taken, 6);
	history_stop(h);	/* carries out what was taken */
	for (i = 0; i < taken; i++)
		assert_int_equal(sem_trywait(&done), 0);
	assert_int_equal(q[5].id, 6);
	request_init(&late, HISTORY_APPEND, "lobby", UID_A);
	assert_int_equal(history_submit(h, &late), -ESHUTDOWN);
	for (i = 0; i <= taken; i++)
		request_fini(&q[i]);
	sem_destroy(&done);
	history_close(h);
}

static void a_full_disk_fails_the_batch_and_the_thread_goes_on(void **state)
{
	struct history *h = start_with(history_defaults());
	struct rlimit old, tight;
	struct history_stats stats;
	struct stat st;
	char path[128], *big = malloc(200001);
	int64_t r;

	(void)state;
	memset(big, 'x', 200000);
	big[200000] = '\0';
	assert_int_equal(append(h, "lobby", "one"), 1);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)st.st_size + 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	r = append_at(h, "lobby", UID_A, "c", big, T0);
	assert_true(r == -ENOSPC || r == -EIO);		/* LMDB says EIO of half a write */
	r = append_at(h, "new room", UID_A, "c", big, T0);
	assert_true(r == -ENOSPC || r == -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_string_equal(shown(h, "lobby", 0, 9), "1:one ");
	assert_int_equal(append_at(h, "lobby", UID_A, "c", "two", T0), 2);	/* neither id nor cid was used up */
	assert_int_equal(append_at(h, "new room", UID_A, "c", "one", T0), 1);
	history_stats(h, &stats);
	assert_int_equal(stats.failed, 2);
	assert_int_equal(stats.appended, 3);
	free(big);
	stop(h);
}

static void a_full_map_grows(void **state)
{
	struct history_options options = history_defaults();
	struct history *h;
	char *big = malloc(100001);
	int i;

	(void)state;
	memset(big, 'x', 100000);
	big[100000] = '\0';
	options.map_size = 1 << 20;
	h = start_with(options);
	for (i = 1; i <= 60; i++)
		assert_int_equal(append(h, "lobby", big), i);
	free(big);
	stop(h);
}

static int break_schema(MDB_txn *txn, void *arg)
{
	MDB_val k = { 6, (void *)(uintptr_t)"schema" }, v = { 3, (void *)(uintptr_t)"999" };

	return mdb_errno(mdb_put(txn, mdb_meta(arg), &k, &v, 0));
}

static void an_unknown_schema_is_refused(void **state)
{
	const struct history_options options = history_defaults();
	struct history *h = start_with(options);

	(void)state;
	append(h, "lobby", "one");
	assert_int_equal(mdb_write(h->db, break_schema, h->db), 0);
	stop(h);
	why[0] = '\0';
	assert_int_equal(history_open(&options, &h, why), -EUCLEAN);
	assert_true(strlen(why) > 0);
}

static int break_message(MDB_txn *txn, void *arg)
{
	uint8_t key[MESSAGE_KEY_LEN];
	MDB_val k = { sizeof(key), key }, v = { 3, (void *)(uintptr_t)"\1\0\0" };

	message_key_encode(1, 2, key);
	return mdb_errno(mdb_put(txn, mdb_table(arg, TABLE_MESSAGES), &k, &v, 0));
}

static void a_damaged_record_costs_one_message(void **state)
{
	struct history *h = start_with(history_defaults());

	(void)state;
	append(h, "lobby", "one");
	append(h, "lobby", "two");
	append(h, "lobby", "three");
	assert_int_equal(mdb_write(h->db, break_message, h->db), 0);
	assert_string_equal(shown(h, "lobby", 0, 9), "1:one 2!: 3:three ");
	assert_int_equal(recall_at(h, "lobby", 2, UID_A, true, T0), -ENOENT);
	assert_int_equal(append(h, "lobby", "four"), 4);
	stop(h);
}

/* --- the epoch --- */

static void epoch_of(bool relaxed, const char *boot_id, bool is_killed, char out[static EPOCH_LEN + 1])
{
	struct history_options options = history_defaults();
	struct history *h;

	options.relaxed = relaxed;
	if (history_open_as(&options, boot_id, &h, why) < 0)
		fail_msg("%s", why);
	strcpy(out, history_epoch(h));
	assert_int_equal(strspn(out, "0123456789abcdef"), EPOCH_LEN);
	if (is_killed) {	/* closed but for what a kill would leave undone */
		struct mdb *db = h->db;

		mdb_close(db);
		close(h->claim);
		text_sealer_free(h->sealer);
		free(h);
	} else {
		stop(h);
	}
}

static void the_epoch_changes_when_messages_may_be_lost(void **state)
{
	static const struct {
		const char *sentence;
		bool relaxed;
		const char *boot_id;
		bool is_killed, is_new;
	} table[] = {
		{ "it begins", false, "boot 1", true, true },
		{ "a kill loses nothing when each batch is flushed", false, "boot 1", true, false },
		{ "nor does a power cut", false, "boot 2", false, false },
		{ "relaxed begins", true, "boot 2", true, false },
		{ "a kill loses nothing while the kernel lives", true, "boot 2", true, false },
		{ "a power cut may have", true, "boot 3", true, true },
		{ "also when the mode was changed meanwhile", false, "boot 4", false, true },
		{ "but only once", false, "boot 5", false, false },
		{ "relaxed, and closed", true, "boot 5", false, false },
		{ "so that the next kernel finds all", true, "boot 6", true, false },
		{ "without a boot id nobody knows", true, "", true, true },
		{ "nor now", true, "", false, true },
	};
	char epoch[EPOCH_LEN + 1], last[EPOCH_LEN + 1] = "";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		epoch_of(table[i].relaxed, table[i].boot_id, table[i].is_killed, epoch);
		if ((strcmp(epoch, last) != 0) != table[i].is_new)
			ROW_FAILS(table[i].sentence, "%s after %s", epoch, last);
		strcpy(last, epoch);
	}
}

static void a_backup_is_whole_and_once_restored_of_another_epoch(void **state)
{
	struct history *h = start_with(history_defaults());
	struct history_options options = history_defaults();
	char copy[64], epoch[EPOCH_LEN + 1], other[EPOCH_LEN + 1];

	(void)state;
	append_at(h, "lobby", UID_A, "c1", "one", T0);
	append(h, "lobby", "two");
	assert_int_equal(recall_at(h, "lobby", 2, UID_A, false, T0), 0);
	strcpy(epoch, history_epoch(h));
	store_dir_make(copy);
	assert_int_equal(history_backup(h, copy), 0);
	append(h, "lobby", "three");
	stop(h);

	options.dir = copy;
	put_back(options);
	h = start_with(options);
	strcpy(other, history_epoch(h));
	assert_string_not_equal(other, epoch);
	assert_string_equal(shown(h, "lobby", 0, 9), "1:one 2!: ");
	assert_int_equal(append_at(h, "lobby", UID_A, "c1", "one", T0), 1);
	assert_int_equal(append(h, "lobby", "another three"), 3);
	stop(h);
	h = start_with(options);
	assert_string_equal(history_epoch(h), other);
	stop(h);
	store_dir_remove(copy);
}

static void one_at_a_time_writes(void **state)
{
	const struct history_options options = history_defaults();
	struct history *h = start_with(options), *second = NULL;
	pid_t child;
	int status;

	(void)state;
	append(h, "lobby", "one");
	if ((child = fork()) == 0)	/* another process, as it would be */
		_exit(history_open(&options, &second, why) == -EWOULDBLOCK && strstr(why, "another push-server") ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	history_stop(h);
	if ((child = fork()) == 0) {
		if (history_open(&options, &second, why) < 0)
			_exit(1);
		history_stop(second);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	history_close(h);
}

int main(void)
{
#define ON_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ON_A_DIRECTORY(ids_begin_at_one_and_have_no_gaps),
		ON_A_DIRECTORY(room_names_and_texts_of_all_lengths_come_back),
		ON_A_DIRECTORY(odd_ranges_are_harmless),
		ON_A_DIRECTORY(bad_requests_are_refused_alone),
		ON_A_DIRECTORY(all_rooms_are_listed),
		ON_A_DIRECTORY(what_a_callback_finds_wrong_is_the_result),
		ON_A_DIRECTORY(a_resend_is_stored_once),
		ON_A_DIRECTORY(a_resend_in_the_same_batch_is_stored_once),
		ON_A_DIRECTORY(what_is_kept_against_resends_is_bounded),
		ON_A_DIRECTORY(who_may_recall_what),
		ON_A_DIRECTORY(a_room_keeps_the_last_messages),
		ON_A_DIRECTORY(what_is_pruned_meanwhile_is_still_in_a_frozen_view),
		ON_A_DIRECTORY(old_messages_go_also_from_silent_rooms),
		ON_A_DIRECTORY(a_lowered_limit_is_reached_in_steps),
		ON_A_DIRECTORY(values_are_set_and_removed),
		ON_A_DIRECTORY(numbers_are_raised_and_counted),
		cmocka_unit_test(a_key_joins_room_and_user),
		ON_A_DIRECTORY(nothing_is_taken_after_a_stop_nor_past_the_mark),
		ON_A_DIRECTORY(a_full_disk_fails_the_batch_and_the_thread_goes_on),
		ON_A_DIRECTORY(a_full_map_grows),
		ON_A_DIRECTORY(an_unknown_schema_is_refused),
		ON_A_DIRECTORY(a_damaged_record_costs_one_message),
		ON_A_DIRECTORY(the_epoch_changes_when_messages_may_be_lost),
		ON_A_DIRECTORY(one_at_a_time_writes),
		ON_A_DIRECTORY(a_backup_is_whole_and_once_restored_of_another_epoch),
	};

	log_init("test", LOG_ERROR_LEVEL + 1);
	return !!cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
