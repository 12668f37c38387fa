/* test_credentials.c - the forms in which clients prove their session. */
#include "unit.h"

#include <errno.h>

#include "credentials.h"

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_ID "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SKEY "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
#define UPPER_SKEY "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"
#define OTHER_SKEY "bbcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
#define PAIR ID "." SKEY
#define OTHER_ID_TAIL "f112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void check(const char *sentence, int r, int expected, const struct credentials *c)
{
	static const uint8_t untouched[SESSION_ID_LEN] = { 0 };

	if (r != expected)
		ROW_FAILS(sentence, "%d", r);
	if (r == 0 && (memcmp(c->id, "\x00\x11\x22\x33", 4) != 0 || c->id[31] != 0xff || strcmp(c->skey, SKEY) != 0))
		ROW_FAILS(sentence, "wrong credentials");
	if (r < 0 && (memcmp(c->id, untouched, sizeof(untouched)) != 0 || c->skey[0]))
		ROW_FAILS(sentence, "out was touched");
}

static void each_form_is_read(void **state)
{
	static const struct {
		const char *sentence, *id, *skey, *authorization;
		int result;
	} rows[] = {
		{ "nothing shown is absent", NULL, NULL, NULL, -ENOENT },
		{ "empty values are absent", "", "", "", -ENOENT },
		{ "wafer v1 sends id and skey", ID, SKEY, NULL, 0 },
		{ "wafer v2 sends both in the skey", NULL, PAIR, NULL, 0 },
		{ "others send a bearer token", NULL, NULL, "Bearer " PAIR, 0 },
		{ "the scheme has any case", NULL, NULL, "bearer  " PAIR, 0 },
		{ "the skey comes out in lower case", ID, UPPER_SKEY, NULL, 0 },
		{ "the same twice is fine", ID, SKEY, "Bearer " PAIR, 0 },
		{ "the same thrice is fine", ID, PAIR, "Bearer " PAIR, 0 },
		{ "another scheme is somebody else's", NULL, NULL, "Basic dXNlcjpwYXNz", -ENOENT },
		{ "another scheme does not disturb", ID, SKEY, "Basic dXNlcjpwYXNz", 0 },
		{ "an id alone is malformed", ID, NULL, NULL, -EINVAL },
		{ "an id beside a bearer token is malformed", ID, "", "Bearer " PAIR, -EINVAL },
		{ "a skey alone without its id is malformed", NULL, SKEY, NULL, -EINVAL },
		{ "two ids that disagree", OTHER_ID, PAIR, NULL, -EINVAL },
		{ "two skeys that disagree", ID, OTHER_SKEY, "Bearer " PAIR, -EINVAL },
		{ "two pairs that disagree", NULL, PAIR, "Bearer " OTHER_ID "." SKEY, -EINVAL },
		{ "a short id", "0011", SKEY, NULL, -EINVAL },
		{ "a short skey", ID, "abcd", NULL, -EINVAL },
		{ "a long id", ID "00", SKEY, NULL, -EINVAL },
		{ "a bad id beside a good pair", "x", PAIR, NULL, -EINVAL },
		{ "an id that is no hex", "zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", SKEY, NULL, -EINVAL },
		{ "a skey that is no hex", ID, "zbcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789", NULL, -EINVAL },
		{ "a pair with another separator", NULL, ID ":" SKEY, NULL, -EINVAL },
		{ "a pair with something behind", NULL, PAIR " ", NULL, -EINVAL },
		{ "two headers that a web server joined", NULL, PAIR ", " PAIR, NULL, -EINVAL },
		{ "an empty bearer token is none", NULL, NULL, "Bearer ", -ENOENT },
		{ "a bearer token of somebody else's is none of ours", NULL, NULL, "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", -ENOENT },
		{ "a bearer token of somebody else's does not disturb", ID, SKEY, "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", 0 },
		{ "a bearer token of our form that is no hex", NULL, NULL, "Bearer z" OTHER_ID_TAIL "." SKEY, -EINVAL },
		{ "wafer v2's own sha1 skey", NULL, "75e81ceda165f4ffa64f4068af58c64b8f54b88c", NULL, -EINVAL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct credentials c = { 0 };

		check(rows[i].sentence,
		      credentials_read(rows[i].id, rows[i].skey, rows[i].authorization, &c), rows[i].result, &c);
	}
}

static void the_query_is_read(void **state)
{
	static const struct {
		const char *sentence, *query;
		int result;
	} rows[] = {
		{ "nothing shown is absent", "room=lobby", -ENOENT },
		{ "an empty query", "", -ENOENT },
		{ "both parameters", "room=1&X-WX-Id=" ID "&X-WX-Skey=" SKEY, 0 },
		{ "in any case", "x-wx-id=" ID "&x-wx-skey=" SKEY, 0 },
		{ "the skey alone", "X-WX-Skey=" PAIR, 0 },
		{ "percent-encoded", "X-WX-Skey=" ID "%2E" SKEY, 0 },
		{ "an id alone is malformed", "X-WX-Id=" ID, -EINVAL },
		{ "an id that is none, beside a pair", "X-WX-Id=x&X-WX-Skey=" PAIR, 0 },
		{ "two ids that disagree", "X-WX-Id=" OTHER_ID "&X-WX-Skey=" PAIR, -EINVAL },
		{ "empty ones are absent", "X-WX-Id=&X-WX-Skey=", -ENOENT },
		{ "too long an id is malformed", "X-WX-Id=" ID "0&X-WX-Skey=" SKEY, -EINVAL },
		{ "too long a skey is malformed", "X-WX-Skey=" PAIR "0", -EINVAL },
		{ "a bad escape is malformed", "X-WX-Skey=%zz", -EINVAL },
		{ "an escaped NUL is malformed", "X-WX-Skey=%00", -EINVAL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct credentials c = { 0 };
		size_t len;
		char *query = exact_text(rows[i].query, &len);

		check(rows[i].sentence, credentials_find(NULL, NULL, NULL, query, len, &c), rows[i].result, &c);
		free(query);
	}
}

static void headers_and_query_complete_each_other(void **state)
{
	static const struct {
		const char *sentence, *id, *skey, *authorization, *query;
		int result;
	} rows[] = {
		{ "nothing anywhere", NULL, "", NULL, "room=lobby&X-WX-Id=", -ENOENT },
		{ "the id in a header, the skey in the query", ID, NULL, NULL, "X-WX-Skey=" SKEY, 0 },
		{ "the skey in a header, the id in the query", NULL, SKEY, NULL, "X-WX-Id=" ID, 0 },
		{ "the id in a header, both in the query", ID, NULL, NULL, "X-WX-Skey=" PAIR, 0 },
		{ "the headers count before the query", ID, SKEY, NULL, "X-WX-Id=" OTHER_ID "&X-WX-Skey=" OTHER_SKEY, 0 },
		{ "a bearer token counts before the query", NULL, NULL, "Bearer " PAIR, "X-WX-Id=" OTHER_ID "&X-WX-Skey=" OTHER_SKEY, 0 },
		{ "half of a header's credentials leaves the query's whole", OTHER_ID, NULL, NULL, "X-WX-Id=" ID "&X-WX-Skey=" SKEY, 0 },
		{ "a mangled skey in a header is none", NULL, "[object Object]", NULL, "X-WX-Skey=" PAIR, 0 },
		{ "a mangled skey beside a good id is none", ID, "undefined", NULL, "X-WX-Skey=" SKEY, 0 },
		{ "a mangled id in a header is none", "undefined", SKEY, NULL, "X-WX-Id=" ID, 0 },
		{ "a mangled id beside a pair is none", "undefined", PAIR, NULL, "", 0 },
		{ "a mangled skey leaves the bearer token", NULL, "undefined", "Bearer " PAIR, "", 0 },
		{ "a bearer token that is no hex is none", ID, SKEY, "Bearer z" OTHER_ID_TAIL "." SKEY, "", 0 },
		{ "two headers that a web server joined are none", NULL, PAIR ", " OTHER_ID "." SKEY, NULL, "X-WX-Skey=" PAIR, 0 },
		{ "headers that disagree leave the query", NULL, OTHER_ID "." SKEY, "Bearer " OTHER_ID "." OTHER_SKEY, "X-WX-Skey=" PAIR, 0 },
		{ "headers that disagree are no good alone", NULL, PAIR, "Bearer " ID "." OTHER_SKEY, "", -EINVAL },
		{ "mangled ones alone are no good", NULL, "undefined", NULL, "", -EINVAL },
		{ "mangled ones everywhere are no good", "x", "y", NULL, "X-WX-Id=x&X-WX-Skey=y", -EINVAL },
		{ "half in the header and the same half in the query", ID, NULL, NULL, "X-WX-Id=" ID, -EINVAL },
		{ "somebody else's Authorization is nothing", NULL, NULL, "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "", -ENOENT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct credentials c = { 0 };
		size_t len;
		char *query = exact_text(rows[i].query, &len);

		check(rows[i].sentence, credentials_find(rows[i].id, rows[i].skey, rows[i].authorization, query, len, &c),
		      rows[i].result, &c);
		free(query);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read),
		cmocka_unit_test(the_query_is_read),
		cmocka_unit_test(headers_and_query_complete_each_other),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
