/* test_address.c - whose address a request has. */
#include "unit.h"

#include "fcgi-login/address.h"

static void proxies_are_believed_when_they_are_trusted(void **state)
{
	static const struct {
		const char *sentence, *peer, *forwarded, *trusted, *address;
	} rows[] = {
		{ "the peer, when nobody is trusted", "1.2.3.4", "6.6.6.6", "", "1.2.3.4" },
		{ "what a trusted proxy says", "127.0.0.1", "1.2.3.4", "127.0.0.1", "1.2.3.4" },
		{ "the last one that is no proxy", "127.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.1", "127.0.0.1 10.0.0.1", "1.2.3.4" },
		{ "the first, when all are proxies", "127.0.0.1", "10.0.0.1", "127.0.0.1,10.0.0.1", "10.0.0.1" },
		{ "the proxy, when it says nothing", "127.0.0.1", NULL, "127.0.0.1", "127.0.0.1" },
		{ "the proxy, when it says nonsense", "127.0.0.1", "1.2.3.4, unknown", "127.0.0.1", "127.0.0.1" },
		{ "an empty piece is nonsense", "127.0.0.1", "1.2.3.4,", "127.0.0.1", "127.0.0.1" },
		{ "IPv6 in its usual form", "::1", "[2001:DB8:0:0::1]", "::1", "2001:db8::1" },
		{ "IPv4 in IPv6 is IPv4", "::ffff:1.2.3.4", NULL, "", "1.2.3.4" },
		{ "a trusted one in IPv6's clothes", "::ffff:127.0.0.1", "1.2.3.4", "127.0.0.1", "1.2.3.4" },
		{ "no address at all", NULL, "1.2.3.4", "127.0.0.1", "" },
		{ "a unix socket's", "unix:", "1.2.3.4", "127.0.0.1", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char address[ADDRESS_MAX];

		address_of_client(rows[i].peer, rows[i].forwarded, rows[i].trusted, address);
		if (strcmp(address, rows[i].address) != 0)
			ROW_FAILS(rows[i].sentence, "%s", address);
	}
}

static void who_is_counted_is_one_customer(void **state)
{
	static const struct {
		const char *sentence, *address, *network;
	} rows[] = {
		{ "an IPv4 address is itself", "192.0.2.7", "192.0.2.7" },
		{ "of IPv6 the first half", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "whatever its second half", "2001:db8:1:2:ffff::1", "2001:db8:1:2::" },
		{ "another first half is another customer", "2001:db8:1:3::1", "2001:db8:1:3::" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char network[ADDRESS_MAX];

		address_network(rows[i].address, network);
		if (strcmp(network, rows[i].network) != 0)
			ROW_FAILS(rows[i].sentence, "%s", network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxies_are_believed_when_they_are_trusted),
		cmocka_unit_test(who_is_counted_is_one_customer),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
