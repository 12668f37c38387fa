/* test_encode.c - hexadecimal, base64 and percent-encoding as promised in shared/encode.h. */
#include "unit.h"

#include <errno.h>

#include "encode.h"

static void hex_is_written_in_lower_case(void **state)
{
	char out[2 * 4 + 1];

	(void)state;
	hex_encode("\x00\x1f\xab\xff", 4, out);
	assert_string_equal(out, "001fabff");
	hex_encode("", 0, out);
	assert_string_equal(out, "");
}

static void hex_is_read_strictly(void **state)
{
	static const struct {
		const char *sentence, *text;
		size_t out_len;
		int result;
	} rows[] = {
		{ "both cases are read", "00aBCdeF", 4, 0 },
		{ "nothing is nothing", "", 0, 0 },
		{ "half a byte is refused", "00aBCde", 4, -EINVAL },
		{ "a length that is not the one asked for is refused", "00aB", 4, -EINVAL },
		{ "too many digits are refused", "00aBCdeF00", 4, -EINVAL },
		{ "a letter past f is refused", "00aBCdeG", 4, -EINVAL },
		{ "a character before 0 is refused", "00aBCde/", 4, -EINVAL },
		{ "a character behind 9 is refused", "00aBCde:", 4, -EINVAL },
		{ "a blank is refused", "00 aBCde", 4, -EINVAL },
		{ "a byte past ASCII is refused", "00aBCd\xc3\xa4", 4, -EINVAL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t out[4] = { 9, 9, 9, 9 };
		size_t len;
		char *text = exact_text(rows[i].text, &len);
		int r = hex_decode(text, len, out, rows[i].out_len);

		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "%d", r);
		if (r < 0 && out[0] != 9)
			ROW_FAILS(rows[i].sentence, "out was written");
		if (r == 0 && len && memcmp(out, "\x00\xab\xcd\xef", 4) != 0)
			ROW_FAILS(rows[i].sentence, "wrong bytes");
		free(text);
	}
}

/* RFC 4648 section 10 */
static const struct {
	const char *plain, *text;
} rfc4648[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
};

static void base64_has_the_rfc_vectors(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rfc4648); i++) {
		size_t plain_len = strlen(rfc4648[i].plain), len;
		char *plain = exact(rfc4648[i].plain, plain_len), *text = exact_text(rfc4648[i].text, &len);
		char *out = malloc((plain_len + 2) / 3 * 4 + 1), *back = malloc(plain_len ? plain_len : 1);

		base64_encode(plain, plain_len, out);
		assert_string_equal(out, rfc4648[i].text);
		assert_int_equal(base64_decode(text, len, back, plain_len), (int)plain_len);
		assert_memory_equal(back, plain, plain_len);
		if (plain_len)
			assert_int_equal(base64_decode(text, len, back, plain_len - 1), -EMSGSIZE);
		free(plain);
		free(text);
		free(out);
		free(back);
	}
}

static void base64_keeps_every_byte(void **state)
{
	uint8_t in[256], back[256];
	char text[(256 + 2) / 3 * 4 + 1];
	size_t len, i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 37 + 5);
	for (len = 0; len <= sizeof(in); len++) {
		base64_encode(in, len, text);
		assert_int_equal(base64_decode(text, strlen(text), back, len), (int)len);
		assert_memory_equal(in, back, len);
	}
}

static void base64_is_read_strictly(void **state)
{
	static const struct {
		const char *sentence, *text;
		int strict, loose;
	} rows[] = {
		{ "a session_key is 16 bytes", "HyVFkGl5F5OQWJZZaNzBBg==", 16, 16 },
		{ "a blank was a plus before a form decoded it", "++ + +++", 6, 6 },
		{ "missing padding is refused", "HyVFkGl5F5OQWJZZaNzBBg", -EINVAL, -EINVAL },
		{ "padding in the middle is refused", "Zg==Zg==", -EINVAL, -EINVAL },
		{ "padding alone is refused", "====", -EINVAL, -EINVAL },
		{ "three paddings are refused", "Z===", -EINVAL, -EINVAL },
		{ "a digit behind padding is refused", "Zg=a", -EINVAL, -EINVAL },
		{ "four spare bits that are not zero are refused, unless loose", "Zh==", -EINVAL, 1 },
		{ "two spare bits that are not zero are refused, unless loose", "Zm9=", -EINVAL, 2 },
		{ "the URL's alphabet is refused", "Zm-_", -EINVAL, -EINVAL },
		{ "a line's end is refused", "Zm9v\n", -EINVAL, -EINVAL },
		{ "a line's end inside is refused", "Zm9v\nZm", -EINVAL, -EINVAL },
		{ "bytes past ASCII are refused", "\xe5\xa5\xbdv", -EINVAL, -EINVAL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t out[32];
		size_t len;
		char *text = exact_text(rows[i].text, &len);
		int strict = base64_decode(text, len, out, sizeof(out));
		int loose = base64_decode_loose(text, len, out, sizeof(out));

		if (strict != rows[i].strict || loose != rows[i].loose)
			ROW_FAILS(rows[i].sentence, "%d, loose %d", strict, loose);
		free(text);
	}
}

static void percent_escapes_are_decoded(void **state)
{
	static const struct {
		const char *sentence, *text;
		int plus_is_blank;
		size_t size;
		const char *out;
		int result;
	} rows[] = {
		{ "plain text stays", "abc", 0, 3, "abc", 3 },
		{ "Chinese comes back", "%E4%BD%a0%e5%A5%BD", 0, 6, "\xe4\xbd\xa0\xe5\xa5\xbd", 6 },
		{ "plus stays a plus", "a+b", 0, 3, "a+b", 3 },
		{ "plus is a blank in forms", "a+b", 1, 3, "a b", 3 },
		{ "an escaped plus is a plus in forms", "a%2Bb", 1, 3, "a+b", 3 },
		{ "an escaped percent sign is not decoded twice", "%2541", 0, 3, "%41", 3 },
		{ "an escape cut short is refused", "abc%", 0, 9, NULL, -EINVAL },
		{ "an escape with one digit is refused", "abc%4", 0, 9, NULL, -EINVAL },
		{ "an escape without digits is refused", "%zz", 0, 9, NULL, -EINVAL },
		{ "a signed escape is refused", "%+1", 0, 9, NULL, -EINVAL },
		{ "what does not fit is refused", "abcd", 0, 3, NULL, -EMSGSIZE },
		{ "nothing fits nowhere", "", 0, 0, "", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text = exact_text(rows[i].text, &len), *out = exact("", 0);
		int r;

		out = realloc(out, rows[i].size ? rows[i].size : 1);
		r = percent_decode(text, len, rows[i].plus_is_blank, out, rows[i].size);
		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "%d", r);
		if (r > 0 && memcmp(out, rows[i].out, (size_t)r) != 0)
			ROW_FAILS(rows[i].sentence, "%.*s", r, out);
		/* and in place */
		r = percent_decode(text, len, rows[i].plus_is_blank, text, rows[i].size < len ? rows[i].size : len);
		if (r != rows[i].result && rows[i].result >= 0)
			ROW_FAILS(rows[i].sentence, "in place: %d", r);
		if (r > 0 && memcmp(text, rows[i].out, (size_t)r) != 0)
			ROW_FAILS(rows[i].sentence, "in place: %.*s", r, text);
		free(text);
		free(out);
	}
}

static void percent_encoding_leaves_only_the_unreserved(void **state)
{
	char in[256], out[3 * 256 + 1], back[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	assert_int_equal(percent_encode("az09-._~/?+ %", 13, out, sizeof(out)), 8 + 5 * 3);
	assert_string_equal(out, "az09-._~%2F%3F%2B%20%25");
	assert_int_equal(percent_encode(in, 256, out, sizeof(out)), 66 + 190 * 3);
	assert_int_equal(percent_decode(out, strlen(out), 0, back, sizeof(back)), 256);
	assert_memory_equal(in, back, 256);
}

static void percent_encoding_needs_room_for_the_end(void **state)
{
	char *out = malloc(8);

	(void)state;
	assert_int_equal(percent_encode("a b", 3, out, 6), 5);
	assert_int_equal(percent_encode("a b", 3, out, 5), -EMSGSIZE);
	assert_int_equal(percent_encode("a ", 2, out, 4), -EMSGSIZE);
	assert_int_equal(percent_encode("", 0, out, 1), 0);
	assert_int_equal(percent_encode("", 0, out, 0), -EMSGSIZE);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_is_written_in_lower_case),
		cmocka_unit_test(hex_is_read_strictly),
		cmocka_unit_test(base64_has_the_rfc_vectors),
		cmocka_unit_test(base64_keeps_every_byte),
		cmocka_unit_test(base64_is_read_strictly),
		cmocka_unit_test(percent_escapes_are_decoded),
		cmocka_unit_test(percent_encoding_leaves_only_the_unreserved),
		cmocka_unit_test(percent_encoding_needs_room_for_the_end),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
