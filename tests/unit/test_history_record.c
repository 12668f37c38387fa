/* test_history_record.c - records of rooms and messages: what is written comes back, and what is damaged is told. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "push-server/history_record.h"

static void a_room_comes_back_and_a_damaged_one_does_not(void **state)
{
	struct room_record room = { 7, 1, UINT64_MAX }, out = { 0, 0, 0 };
	uint8_t bytes[ROOM_RECORD_LEN + 1] = { 0 };
	char *cut;
	size_t n;

	(void)state;
	room_record_encode(&room, bytes);
	assert_int_equal(room_record_decode(bytes, ROOM_RECORD_LEN, &out), 0);
	assert_int_equal(out.number, 7);
	assert_true(out.first == 1 && out.last == UINT64_MAX);
	for (n = 0; n <= sizeof(bytes); n++) {
		if (n == ROOM_RECORD_LEN)
			continue;
		cut = exact(bytes, n);
		assert_int_equal(room_record_decode(cut, n, &out), -EBADMSG);
		free(cut);
	}
	bytes[0]++;
	assert_int_equal(room_record_decode(bytes, ROOM_RECORD_LEN, &out), -EBADMSG);
}

static void a_message_comes_back_and_a_short_one_does_not(void **state)
{
	static const struct {
		const char *sentence, *uid, *sealed;
		int64_t time_ms;
		bool is_recalled;
	} table[] = {
		{ "a message", "0123456789abcdef0123", "sealed text", 1767139200000, false },
		{ "one of nobody, with no text", "", "", 0, false },
		{ "a recalled one", "0123456789abcdef0123", "", -1, true },
	};
	struct message_record message, out;
	uint8_t bytes[RECORD_HEAD_MAX + 32];
	size_t i, head, len, n;
	char *cut;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		message = (struct message_record){ .time_ms = table[i].time_ms, .is_recalled = table[i].is_recalled,
						   .slot = 1000 + i, .nonce = UINT64_MAX - i, .uid = table[i].uid };
		head = message_record_encode(&message, bytes);
		assert_int_equal(head, message_record_head_len(table[i].uid));
		len = head + strlen(table[i].sealed);
		memcpy(bytes + head, table[i].sealed, len - head);
		for (n = 0; n <= len; n++) {
			int r;

			cut = exact(bytes, n);
			r = message_record_decode(cut, n, &out);
			if (r != (n < head ? -EBADMSG : 0))
				ROW_FAILS(table[i].sentence, "cut to %zu: %d", n, r);
			if (n == len) {
				assert_string_equal(out.uid, table[i].uid);
				assert_int_equal(out.sealed_len, len - head);
				assert_memory_equal(out.sealed, table[i].sealed, len - head);
				assert_true(out.time_ms == table[i].time_ms && out.slot == 1000 + i);
				assert_true(out.nonce == UINT64_MAX - i && out.is_recalled == table[i].is_recalled);
			}
			free(cut);
		}
	}
}

static void a_message_of_another_kind_is_refused(void **state)
{
	static const struct {
		const char *sentence;
		size_t at;
		uint8_t value;
	} table[] = {
		{ "another version", 0, 2 },
		{ "no version", 0, 0 },
		{ "a flag that nobody knows", 1, 2 },
		{ "a uid longer than uids are", 26, UID_LEN + 1 },
		{ "a uid without an end", 26, UID_LEN - 1 },
		{ "a uid that ends early", 27 + 3, 0 },
	};
	struct message_record message = { .uid = "0123456789abcdef0123" }, out;
	uint8_t bytes[RECORD_HEAD_MAX + 4];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		message_record_encode(&message, bytes);
		memset(bytes + RECORD_HEAD_MAX, 'x', 4);
		assert_int_equal(message_record_decode(bytes, sizeof(bytes), &out), 0);
		bytes[table[i].at] = table[i].value;
		if (message_record_decode(bytes, sizeof(bytes), &out) != -EBADMSG)
			ROW_FAILS(table[i].sentence, "accepted");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_room_comes_back_and_a_damaged_one_does_not),
		cmocka_unit_test(a_message_comes_back_and_a_short_one_does_not),
		cmocka_unit_test(a_message_of_another_kind_is_refused),
	};

	return !!cmocka_run_group_tests_name("history record", tests, NULL, NULL);
}
