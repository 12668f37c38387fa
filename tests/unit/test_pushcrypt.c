/* test_pushcrypt.c - WeChat's message push, with WeChat's own vectors. */
#include "unit.h"

#include <errno.h>
#include <openssl/evp.h>

#include "crypto.h"
#include "encode.h"
#include "fcgi-login/pushcrypt.h"

static const char encrypted[] =
	"+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT"
	"740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8Y"
	"L/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
static const uint8_t key[32];	/* 43 times A */

static void official_signatures_fit(void **state)
{
	static const struct {
		const char *sentence, *timestamp, *nonce, *encrypted, *signature;
		int fits;
	} rows[] = {
		{ "the console's question", "1714036504", "1514711492", NULL,
		  "f464b24fc39322e44b38aa78f5edd27bd1441696", 1 },
		{ "a plain message", "1714037059", "486452656", NULL, "899cf89e464efb63f54ddac96b0a0a235f53aa78", 1 },
		{ "an encrypted message without its text", "1714112445", "415670741", NULL,
		  "6c5c811b55cc85e0e1b54100749188c20beb3f5d", 1 },
		{ "an encrypted message with its text", "1714112445", "415670741", encrypted,
		  "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", 1 },
		{ "another time", "1714112446", "415670741", encrypted,
		  "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", 0 },
		{ "the signature without the text", "1714112445", "415670741", encrypted,
		  "6c5c811b55cc85e0e1b54100749188c20beb3f5d", 0 },
		{ "half a signature", "1714036504", "1514711492", NULL, "f464b24fc39322e44b38", 0 },
		{ "no signature", "1714036504", "1514711492", NULL, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (pushcrypt_signed("AAAAA", rows[i].timestamp, rows[i].nonce, rows[i].encrypted,
				     rows[i].signature) != rows[i].fits)
			ROW_FAILS(rows[i].sentence, "expected %d", rows[i].fits);
}

/* As PHP, Java, Node and Python decode it, and WeChat itself: what the last character has too much is dropped. */
static void a_key_may_end_in_any_letter_or_digit(void **state)
{
	static const char last[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char text[] = "q7XvT0bLm4RkZp2WcYs9HdNf6GjUe1QaVx8EtBi3Mo?=";
	uint8_t ours[PUSH_KEY_LEN], theirs[PUSH_KEY_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(last) - 1; i++) {
		text[42] = last[i];
		text[43] = '=';
		assert_int_equal(EVP_DecodeBlock(theirs, (const unsigned char *)text, 44), sizeof(theirs));
		text[43] = '\0';
		assert_int_equal(pushcrypt_key(text, ours), 0);
		if (memcmp(ours, theirs, sizeof(ours)) != 0)
			ROW_FAILS(text, "last byte %02x instead of %02x", ours[31], theirs[31]);
	}
}

static void forty_three_characters_of_base64_are_a_key(void **state)
{
	static const char whole[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", letter[] = "q7XvT0bLm4RkZp2WcYs9HdNf6GjUe1QaVx8EtBi3Mo9";
	uint8_t ours[PUSH_KEY_LEN];
	char text[45];

	(void)state;
	assert_int_equal(pushcrypt_key(whole, ours), 0);
	assert_memory_equal(ours, key, sizeof(ours));
	assert_int_equal(pushcrypt_key(letter, ours), 0);
	assert_int_equal(ours[31], 0x8f);	/* o9=, as Python decodes it */
	for (size_t len = 0; len < 43; len++) {
		snprintf(text, sizeof(text), "%.*s", (int)len, whole);
		assert_int_equal(pushcrypt_key(text, ours), -EINVAL);
	}
	snprintf(text, sizeof(text), "%sA", whole);
	assert_int_equal(pushcrypt_key(text, ours), -EINVAL);
	for (size_t at = 0; at < 43; at++) {
		snprintf(text, sizeof(text), "%s", whole);
		text[at] = '=';
		assert_int_equal(pushcrypt_key(text, ours), -EINVAL);
	}
}

static void the_official_message_opens(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(pushcrypt_open(key, "wxba5fad812f8e6fb9", encrypted, &out), 0);
	assert_string_equal(out.data, "{\"ToUserName\":\"gh_97417a04a28d\",\"FromUserName\":\"o9AgO5Kd5ggOC-bXrbNODIiE3bGY\","
			    "\"CreateTime\":1714112445,\"MsgType\":\"event\",\"Event\":\"debug_demo\","
			    "\"debug_str\":\"hello world\"}");
	buf_free(&out);
}

static void a_message_for_others_stays_closed(void **state)
{
	static const uint8_t other[32] = { 1 };
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(pushcrypt_open(key, "wxba5fad812f8e6fb8", encrypted, &out), -EBADMSG);
	assert_int_equal(pushcrypt_open(key, "wxba5fad812f8e6fb", encrypted, &out), -EBADMSG);
	assert_int_equal(pushcrypt_open(key, "", encrypted, &out), -EBADMSG);
	assert_int_equal(pushcrypt_open(other, "wxba5fad812f8e6fb9", encrypted, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
	for (size_t len = 0; len < sizeof(encrypted) - 1; len++) {
		char *text = malloc(len + 1);

		assert_non_null(text);
		memcpy(text, encrypted, len);
		text[len] = '\0';
		assert_int_equal(pushcrypt_open(key, "wxba5fad812f8e6fb9", text, &out), -EBADMSG);
		free(text);
	}
}

/* What is encrypted well but says wrong things of itself. */
static void lengths_inside_are_not_believed(void **state)
{
	static const struct {
		const char *sentence;
		size_t len;		/* of the plain text */
		unsigned char told;	/* length that it gives the message */
		int result;
	} rows[] = {
		{ "the whole rest is the message, no appid", 30, 10, -EBADMSG },
		{ "a message of four bytes and our appid", 30, 4, 0 },
		{ "an empty message", 26, 0, 0 },
		{ "a message past the end", 30, 255, -EBADMSG },
		{ "no place for a length", 19, 0, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t plain[64] = { 0 }, cipher[96 + 32];
		char text[200];
		struct buf out = BUF_INIT;
		int n, r;

		plain[19] = rows[i].told;
		if (rows[i].len >= 6)
			memcpy(plain + rows[i].len - 6, "wxabcd", 6);
		if (rows[i].len == 19)
			memset(plain, 0, sizeof(plain));
		n = crypto_push_encrypt(key, plain, rows[i].len, cipher);
		assert_true(n > 0);
		base64_encode(cipher, (size_t)n, text);
		r = pushcrypt_open(key, "wxabcd", text, &out);
		buf_free(&out);
		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "result %d", r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_signatures_fit),
		cmocka_unit_test(a_key_may_end_in_any_letter_or_digit),
		cmocka_unit_test(forty_three_characters_of_base64_are_a_key),
		cmocka_unit_test(the_official_message_opens),
		cmocka_unit_test(a_message_for_others_stays_closed),
		cmocka_unit_test(lengths_inside_are_not_believed),
	};

	if (crypto_init() < 0)
		return 1;
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
