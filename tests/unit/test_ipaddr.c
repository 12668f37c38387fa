/* test_ipaddr.c - addresses as bytes and as text. */
#include "unit.h"

#include "push-server/ipaddr.h"

static void texts_are_read_and_written_in_one_form(void **state)
{
	static const struct {
		const char *given, *written;
		bool is_v4;
	} rows[] = {
		{ "1.2.3.4", "1.2.3.4", true },
		{ "::ffff:1.2.3.4", "1.2.3.4", true },
		{ "::FFFF:0102:0304", "1.2.3.4", true },
		{ "::1.2.3.4", "::1.2.3.4", false },
		{ "2001:DB8:0::0001", "2001:db8::1", false },
		{ "::", "::", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t address[IPADDR_LEN];
		char text[IPADDR_TEXT];

		if (!ipaddr_read(rows[i].given, address))
			ROW_FAILS(rows[i].given, "is not read");
		ipaddr_text(address, text);
		if (strcmp(text, rows[i].written) != 0 || ipaddr_is_v4(address) != rows[i].is_v4)
			ROW_FAILS(rows[i].given, "is written %s", text);
	}
}

static void what_is_no_address_leaves_all_as_it_was(void **state)
{
	static const char *const rows[] = { "", "1.2.3", "1.2.3.4:80", "[::1]", "::1%lo", "1.2.3.256", "01.2.3.4", " 1.2.3.4", "x" };
	uint8_t address[IPADDR_LEN], before[IPADDR_LEN];

	(void)state;
	memset(before, 7, sizeof(before));
	for (size_t i = 0; i < COUNT(rows); i++) {
		memcpy(address, before, sizeof(address));
		if (ipaddr_read(rows[i], address) || memcmp(address, before, sizeof(address)) != 0)
			ROW_FAILS(rows[i], "is taken for an address");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_and_written_in_one_form),
		cmocka_unit_test(what_is_no_address_leaves_all_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
