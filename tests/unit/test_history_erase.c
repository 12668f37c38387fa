/* test_history_erase.c - a recalled text is gone from the file: searched for in its bytes.
 * Texts stand in the file sealed, each under a key that is there once; so it is the keys that are looked for. */
#include "tests/unit/history_help.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "be.h"

enum { KEY_LEN = 16 };

/* What overwrites keys passes through here (the program's symbol comes before the C library's), so that it can fail. */
static atomic_bool overwriting_fails;

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (len == KEY_LEN && atomic_load(&overwriting_fails)) {
		errno = EIO;
		return -1;
	}
	return pwritev(fd, &(struct iovec){ (void *)(uintptr_t)bytes, len }, 1, at);
}

/* The record and the key of a message of the first room, as they stand in the tables. */
static void key_of(struct history *h, uint64_t id, uint8_t out[static KEY_LEN], uint8_t *sealed, size_t *sealed_len)
{
	uint8_t key[MESSAGE_KEY_LEN], block[8];
	struct message_record message;
	MDB_val k = { sizeof(key), key }, v;
	size_t count;
	MDB_txn *txn;

	message_key_encode(1, id, key);
	assert_int_equal(mdb_read_begin(h->db, &txn), 0);
	assert_int_equal(mdb_get(txn, mdb_table(h->db, TABLE_MESSAGES), &k, &v), 0);
	assert_int_equal(message_record_decode(v.mv_data, v.mv_size, &message), 0);
	assert_false(message.is_recalled);
	if (sealed) {
		assert_true(message.sealed_len <= *sealed_len);
		*sealed_len = message.sealed_len;
		memcpy(sealed, message.sealed, message.sealed_len);
	}
	be_put(block, 0, 8);
	k = (MDB_val){ sizeof(block), block };
	assert_int_equal(mdb_get(txn, mdb_table(h->db, TABLE_KEYS), &k, &v), 0);
	count = v.mv_size / KEY_LEN;
	assert_true(message.slot < count);
	memcpy(out, (uint8_t *)v.mv_data + message.slot * KEY_LEN, KEY_LEN);
	mdb_read_end(h->db, txn);
}

static unsigned pieces_in_file(const uint8_t key[static KEY_LEN])
{
	unsigned i, count = 0;

	for (i = 0; i + 6 <= KEY_LEN; i++)	/* six bytes in a row are no accident */
		count += file_holds(dir, key + i, 6) > 0;
	return count;
}

static void churn(struct history *h, unsigned seed)
{
	char room[32], text[600];
	unsigned i;

	for (i = 0; i < 40; i++) {
		seed = seed * 1103515245 + 12345;
		snprintf(room, sizeof(room), "room %u", seed >> 16 & 7);
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		text[seed >> 8 & 511] = '\0';
		text[511] = '\0';
		assert_true(append(h, i % 3 ? room : "first", text) > 0);
	}
}

static void a_recalled_text_cannot_be_found_again(void **state)
{
	static const char marker[] = "meet me at the old pier at nine";
	struct history *h = start_with(history_defaults());
	uint8_t key[KEY_LEN], sealed[100];
	size_t sealed_len = sizeof(sealed);
	unsigned copies, i;

	(void)state;
	append(h, "first", "before");
	assert_int_equal(append(h, "first", marker), 2);
	key_of(h, 2, key, sealed, &sealed_len);
	append(h, "first", "after");
	copies = file_holds(dir, sealed, sealed_len);
	assert_true(copies > 1);	/* LMDB never overwrites, which is why it is not the text that is hunted */
	for (i = 0; i < 8; i++)
		churn(h, i);		/* its page is copied, split and written again */
	key_of(h, 2, key, sealed, &sealed_len);
	assert_int_equal(sealed_len, TEXT_CHECK_LEN + strlen(marker));
	assert_int_equal(file_holds(dir, key, KEY_LEN), 1);
	assert_int_equal(file_holds(dir, marker, 8), 0);
	assert_string_equal(shown(h, "first", 2, 2), "2:meet me at the old pier at nine ");

	assert_int_equal(recall_at(h, "first", 2, UID_A, false, T0), 0);
	assert_int_equal(pieces_in_file(key), 0);
	for (i = 0; i < 8; i++)
		churn(h, 100 + i);
	assert_int_equal(pieces_in_file(key), 0);
	assert_string_equal(shown(h, "first", 1, 2), "1:before 2!: ");
	stop(h);
	assert_int_equal(pieces_in_file(key), 0);
	h = start_with(history_defaults());
	churn(h, 5);
	assert_int_equal(pieces_in_file(key), 0);
	assert_string_equal(shown(h, "first", 1, 2), "1:before 2!: ");
	stop(h);
}

static int count_shown(const struct history_entry *entry, void *arg)
{
	unsigned *shown_at_all = arg;

	*shown_at_all += !entry->is_recalled;
	return 0;
}

static void only_the_recalled_one_is_erased(void **state)
{
	struct history *h = start_with(history_defaults());
	struct history_reader *r;
	unsigned count, i;
	char text[32];

	(void)state;
	for (i = 1; i <= 1500; i++) {		/* over more than one block of keys */
		snprintf(text, sizeof(text), "message %u", i);
		assert_int_equal(append(h, "first", text), i);
	}
	for (i = 1; i <= 1500; i += 100)
		assert_int_equal(recall_at(h, "first", i, UID_A, false, T0), 0);
	assert_int_equal(history_reader_new(h, &r), 0);
	count = 0;
	assert_int_equal(history_each(r, "first", 0, UINT64_MAX, count_shown, &count), 0);
	assert_int_equal(count, 1485);
	assert_string_equal(shown(h, "first", 1100, 1102), "1100:message 1100 1101!: 1102:message 1102 ");
	history_reader_free(r);
	stop(h);
}

static void what_could_not_be_overwritten_is_tried_again(void **state)
{
	struct history *h = start_with(history_defaults());
	uint8_t key[KEY_LEN];

	(void)state;
	append(h, "first", "secret");
	key_of(h, 1, key, NULL, NULL);
	atomic_store(&overwriting_fails, true);
	assert_int_equal(recall_at(h, "first", 1, UID_A, false, T0), 0);
	assert_string_equal(shown(h, "first", 1, 1), "1!: ");
	assert_int_equal(file_holds(dir, key, KEY_LEN), 1);
	atomic_store(&overwriting_fails, false);
	append(h, "first", "the next batch");
	assert_int_equal(pieces_in_file(key), 0);
	stop(h);
}

static void and_after_a_restart(void **state)
{
	struct history *h = start_with(history_defaults());
	uint8_t key[KEY_LEN];

	(void)state;
	append(h, "first", "secret");
	key_of(h, 1, key, NULL, NULL);
	atomic_store(&overwriting_fails, true);
	assert_int_equal(recall_at(h, "first", 1, UID_A, false, T0), 0);
	stop(h);
	assert_int_equal(file_holds(dir, key, KEY_LEN), 1);
	atomic_store(&overwriting_fails, false);
	stop(start_with(history_defaults()));
	assert_int_equal(pieces_in_file(key), 0);
}

static int recall_the_third(const struct history_entry *entry, void *arg)
{
	struct history *h = ((void **)arg)[0];

	if (entry->id == 1)
		assert_int_equal(recall_at(h, "first", 3, UID_A, false, T0), 0);
	return entry_join(entry, ((void **)arg)[1]);
}

static void a_reader_of_an_older_snapshot_sees_no_noise(void **state)
{
	struct history *h = start_with(history_defaults());
	struct buf out = BUF_INIT;
	void *arg[2] = { h, &out };
	struct history_reader *r;

	(void)state;
	append(h, "first", "one");
	append(h, "first", "two");
	append(h, "first", "three");
	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_each(r, "first", 0, 9, recall_the_third, arg), 0);
	assert_string_equal(buf_str(&out), "1:one 2:two 3!: ");
	history_reader_free(r);
	buf_free(&out);
	stop(h);
}

static void nor_who_looks_while_a_key_is_being_overwritten(void **state)
{
	struct history *h = start_with(history_defaults());
	uint8_t key[KEY_LEN];
	char path[128], *bytes;
	size_t len;
	int fd, n;

	(void)state;
	append(h, "first", "one");
	append(h, "first", "two");
	key_of(h, 1, key, NULL, NULL);
	bytes = file_bytes(dir, &len);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (n = 1; n <= KEY_LEN; n++) {
		char *at = memmem(bytes, len, key, KEY_LEN);

		assert_non_null(at);
		assert_int_equal(pwrite(fd, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", (size_t)n, at - bytes), n);
		if (key[0])
			assert_string_equal(shown(h, "first", 1, 2), "1!: 2:two ");
	}
	close(fd);
	free(bytes);
	stop(h);
}

static void keys_of_pruned_messages_serve_again(void **state)
{
	struct history_options options = history_defaults();
	struct history *h;
	struct slots slots;
	MDB_txn *txn;
	int i;

	(void)state;
	options.per_room = 5;
	options.max_age_ms = 1000;
	h = start_with(options);
	for (i = 0; i < 3000; i++)
		assert_true(append_at(h, i % 2 ? "a" : "b", UID_A, "", "x", T0) > 0);
	append_at(h, "c", UID_A, "", "y", T0 + 5000);	/* the sweep frees ten more, this takes one */
	append_at(h, "c", UID_A, "", "z", T0 + 5000);
	assert_string_equal(shown(h, "c", 0, 9), "1:y 2:z ");
	stop(h);
	h = start_with(options);
	assert_int_equal(mdb_read_begin(h->db, &txn), 0);
	assert_int_equal(slots_load(h->db, txn, &slots), 0);
	mdb_read_end(h->db, txn);
	assert_in_range(slots.next, 10, 12);
	assert_int_equal(slots.returned, slots.next - 2);
	stop(h);
}

static void a_restored_backup_can_be_erased_in(void **state)
{
	struct history *h = start_with(history_defaults());
	struct history_options options = history_defaults();
	uint8_t key[KEY_LEN], recalled[KEY_LEN];
	char copy[64], original[64];
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++)
		churn(h, i);
	key_of(h, 7, key, NULL, NULL);
	key_of(h, 8, recalled, NULL, NULL);
	assert_int_equal(recall_at(h, "first", 8, UID_A, false, T0), 0);
	store_dir_make(copy);
	assert_int_equal(history_backup(h, copy), 0);
	stop(h);
	assert_int_equal(file_holds(copy, recalled, KEY_LEN), 0);
	assert_int_equal(file_holds(copy, key, KEY_LEN), 1);
	options.dir = copy;
	put_back(options);
	h = start_with(options);
	assert_int_equal(recall_at(h, "first", 7, UID_A, false, T0), 0);
	stop(h);
	strcpy(original, dir);
	strcpy(dir, copy);
	assert_int_equal(pieces_in_file(key), 0);
	strcpy(dir, original);
	store_dir_remove(copy);
}

int main(void)
{
#define ON_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ON_A_DIRECTORY(a_recalled_text_cannot_be_found_again),
		ON_A_DIRECTORY(only_the_recalled_one_is_erased),
		ON_A_DIRECTORY(what_could_not_be_overwritten_is_tried_again),
		ON_A_DIRECTORY(and_after_a_restart),
		ON_A_DIRECTORY(a_reader_of_an_older_snapshot_sees_no_noise),
		ON_A_DIRECTORY(nor_who_looks_while_a_key_is_being_overwritten),
		ON_A_DIRECTORY(keys_of_pruned_messages_serve_again),
		ON_A_DIRECTORY(a_restored_backup_can_be_erased_in),
	};

	log_init("test", LOG_ERROR_LEVEL + 1);
	return !!cmocka_run_group_tests_name("history erase", tests, NULL, NULL);
}
