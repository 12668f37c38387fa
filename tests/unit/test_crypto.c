/* test_crypto.c - the primitives against the vectors of their standards and of WeChat's documents. */
#include "unit.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>

#include "crypto.h"
#include "encode.h"

static struct span text_span(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static const char *hex_of(const void *bytes, size_t len)
{
	static char out[2 * 64 + 1];

	assert_true(len <= 64);
	hex_encode(bytes, len, out);
	return out;
}

static void sha1_has_the_vectors(void **state)
{
	static const struct {
		const char *sentence, *parts[4], *digest;
	} rows[] = {
		{ "FIPS 180: abc", { "abc" }, "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "nothing", { "" }, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "RFC 6455 1.3: the key and its GUID",
		  { "dGhlIHNhbXBsZSBub25jZQ==", "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" },
		  "b37a4f2cc0624f1690f64606cf385945b2bec4ea" },
		{ "WeChat: rawData, then session_key as text",
		  { "{\"nickName\":\"Band\",\"gender\":1,\"language\":\"zh_CN\",\"city\":\"Guangzhou\",\"provin"
		    "ce\":\"Guangdong\",\"country\":\"CN\",\"avatarUrl\":\"http://wx.qlogo.cn/mmopen/vi_32/1vZv"
		    "I39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0\"}",
		    "HyVFkGl5F5OQWJZZaNzBBg==" },
		  "75e81ceda165f4ffa64f4068af58c64b8f54b88c" },
		{ "WeChat: verification of the message push, its parts sorted",
		  { "1514711492", "1714036504", "AAAAA" }, "f464b24fc39322e44b38aa78f5edd27bd1441696" },
		{ "WeChat: a plain message push",
		  { "1714037059", "486452656", "AAAAA" }, "899cf89e464efb63f54ddac96b0a0a235f53aa78" },
		{ "WeChat: the signature beside a safe message push",
		  { "1714112445", "415670741", "AAAAA" }, "6c5c811b55cc85e0e1b54100749188c20beb3f5d" },
		{ "WeChat: msg_signature of a safe message push",
		  { "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcv"
		    "ZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3F"
		    "n2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSe"
		    "OBrebufAlr7F9mFUPAJGj04=",
		    "1714112445",
		    "415670741",
		    "AAAAA" },
		  "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3" },
		{ "WeChat: MsgSignature of a safe answer",
		  { "1713424427", "415670741", "AAAAA",
		    "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==" },
		  "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1" },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct span parts[4];
		uint8_t out[SHA1_LEN];

		for (n = 0; n < 4 && rows[i].parts[n]; n++)
			parts[n] = text_span(rows[i].parts[n]);
		assert_int_equal(crypto_sha1(parts, n, out), 0);
		if (strcmp(hex_of(out, sizeof(out)), rows[i].digest) != 0)
			ROW_FAILS(rows[i].sentence, "%s", hex_of(out, sizeof(out)));
	}
}

static void sha256_has_the_vectors(void **state)
{
	const struct span abc[] = { { "a", 1 }, { NULL, 0 }, { "bc", 2 } };
	uint8_t out[SHA256_LEN];

	(void)state;
	assert_int_equal(crypto_sha256(abc, 3, out), 0);
	assert_string_equal(hex_of(out, sizeof(out)),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(crypto_sha256(NULL, 0, out), 0);
	assert_string_equal(hex_of(out, sizeof(out)),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231; each is asked for twice in a row and between the others, because the last key is kept. */
static void hmac_has_the_vectors_whatever_key_came_before(void **state)
{
	static const struct {
		const char *sentence;
		int key_byte;
		size_t key_len;
		const char *key, *text, *mac;
	} rows[] = {
		{ "case 1", 0x0b, 20, NULL, "Hi There",
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "case 2", 0, 4, "Jefe", "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "case 6, a key longer than a block", 0xaa, 131, NULL,
		  "Test Using Larger Than Block-Size Key - Hash Key First",
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ "an empty key is a key too", 0, 0, "", "",
		  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};
	size_t i, again;

	(void)state;
	for (i = 0; i < 3 * COUNT(rows); i++) {
		size_t row = i % COUNT(rows);
		struct span text = text_span(rows[row].text);
		uint8_t key[131], out[SHA256_LEN];

		memset(key, rows[row].key_byte, sizeof(key));
		if (rows[row].key)
			memcpy(key, rows[row].key, rows[row].key_len);
		for (again = 0; again < 2; again++) {
			assert_int_equal(crypto_hmac_sha256(key, rows[row].key_len, &text, 1, out), 0);
			if (strcmp(hex_of(out, sizeof(out)), rows[row].mac) != 0)
				ROW_FAILS(rows[row].sentence, "%s", hex_of(out, sizeof(out)));
		}
	}
}

static void equality_needs_equal_lengths(void **state)
{
	(void)state;
	assert_true(crypto_equal("abc", 3, "abc", 3));
	assert_true(crypto_equal("", 0, "", 0));
	assert_false(crypto_equal("abc", 3, "abd", 3));
	assert_false(crypto_equal("abc", 3, "abc", 2));
	assert_false(crypto_equal("", 0, "a", 1));
}

static void random_bytes_differ(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_int_equal(crypto_random(a, sizeof(a)), 0);
	assert_int_equal(crypto_random(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static const struct {
	const char *sentence, *session_key, *iv, *encrypted, *plain;
} userinfo_rows[] = {
	{ "the userInfo of WeChat's own demo", "tiihtNczf5v6AKRyjwEUhQ==", "r7BXXKkLb8qrSNn05n0qiA==",
		"CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNP"
		"dbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyx"
		"VLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid"
		"1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEB"
		"vB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVu"
		"nYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==",
		"{\"openId\":\"oGZUI0egBJY1zhBYw2KhdUfwVJJE\",\"nickName\":\"Band\",\"gender\":1,\"language"
		"\":\"zh_CN\",\"city\":\"Guangzhou\",\"province\":\"Guangdong\",\"country\":\"CN\",\"avatar"
		"Url\":\"http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2AHWr8MHM4WgMEm7GF"
		"hsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0\",\"unionId\":\"ocMvos6NjeKLIBqg5Mr9QjxrP1FA\""
		",\"watermark\":{\"timestamp\":1477314187,\"appid\":\"wx4f4bc4dec97d474b\"}}" },
	{ "a phone number", "lyY4HPQbaOYzZdG+JcYK9w==", "Cds8j3VYoGvnTp1BrjXdJg==",
		"Kf3TdPbzEmhWMuPKtlKxIWDkijhn402w1bxoHL4kLdcKr6jT1jNcIhvDJfjXmJcgDWLjmBiIGJ5acUuSvxLws3WgAkER"
		"mtTuiCG10CKLsJiR+AXVk7B2TUQzsq88YVilDz/YAN3647REE7glGmeBPfvUmdbfDzhL9BzvEiuRhABuCYyTMz4iaM8h"
		"FjbLB1caaeoOlykYAFMWC5pZi9P8uw==",
		"{\"phoneNumber\":\"18017448610\",\"purePhoneNumber\":\"18017448610\",\"countryCode\":\"86"
		"\",\"watermark\":{\"timestamp\":1558787160,\"appid\":\"wxdaa2ab9ef87b5497\"}}" },
};

static void encrypted_data_is_decrypted(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(userinfo_rows); i++) {
		uint8_t key[16], iv[16], cipher[512], *in, *out;
		int len, n;

		assert_int_equal(base64_decode(userinfo_rows[i].session_key, 24, key, 16), 16);
		assert_int_equal(base64_decode(userinfo_rows[i].iv, 24, iv, 16), 16);
		len = base64_decode(userinfo_rows[i].encrypted, strlen(userinfo_rows[i].encrypted), cipher,
				    sizeof(cipher));
		assert_true(len > 0);
		in = (uint8_t *)exact(cipher, (size_t)len);
		out = malloc((size_t)len);
		n = crypto_cbc128_decrypt(key, iv, in, (size_t)len, out);
		if (n != (int)strlen(userinfo_rows[i].plain) ||
		    memcmp(out, userinfo_rows[i].plain, (size_t)n) != 0)
			ROW_FAILS(userinfo_rows[i].sentence, "%d bytes", n);
		free(in);
		free(out);
	}
}

/* Encrypts blocks as they are, so that any padding can be tried: CBC of 32 in two of 16 is CBC all the same. */
static void every_failure_to_decrypt_looks_alike(void **state)
{
	static const struct {
		const char *sentence, *last;	/* the plain text's last 32 bytes in hex */
		int result;			/* length of the plain text, of 64 bytes */
	} rows[] = {
		{ "one byte of padding", "0000000000000000000000000000000000000000000000000000000000000001", 63 },
		{ "a whole block of padding", "2020202020202020202020202020202020202020202020202020202020202020", 32 },
		{ "19 bytes", "0000000000000000000000000013131313131313131313131313131313131313", 45 },
		{ "no padding", "0000000000000000000000000000000000000000000000000000000000000000", -EBADMSG },
		{ "more than a block", "2121212121212121212121212121212121212121212121212121212121212121", -EBADMSG },
		{ "one byte of it wrong", "0000000000000000000000000013131313131313131314131313131313131313", -EBADMSG },
		{ "its first byte wrong", "0000000000000000000000000012131313131313131313131313131313131313", -EBADMSG },
		{ "255", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", -EBADMSG },
	};
	uint8_t key[32], plain[64], cipher[96], out[96];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (i = 0; i < COUNT(rows); i++) {
		int r;

		memset(plain, 'x', 32);
		assert_int_equal(hex_decode(rows[i].last, 64, plain + 32, 32), 0);
		/* encrypt adds a third block of its own padding, which is cut off */
		assert_int_equal(crypto_push_encrypt(key, plain, sizeof(plain), cipher), 96);
		r = crypto_push_decrypt(key, cipher, 64, out);
		if (r != rows[i].result)
			ROW_FAILS(rows[i].sentence, "%d", r);
		for (j = 0; r < 0 && j < 64; j++)
			if (out[j])
				ROW_FAILS(rows[i].sentence, "plain text was left behind");
	}
	assert_int_equal(crypto_push_decrypt(key, cipher, 0, out), -EBADMSG);
	assert_int_equal(crypto_push_decrypt(key, cipher, 16, out), -EBADMSG);
	assert_int_equal(crypto_push_decrypt(key, cipher, 63, out), -EBADMSG);
	assert_int_equal(crypto_cbc128_decrypt(key, key, cipher, 0, out), -EBADMSG);
	assert_int_equal(crypto_cbc128_decrypt(key, key, cipher, 17, out), -EBADMSG);
	assert_int_equal(ERR_peek_error(), 0);
}

static void message_pushes_are_decrypted_and_encrypted(void **state)
{
	static const char aes_key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const char encrypted[] =
		"+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcv"
		"ZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3F"
		"n2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSe"
		"OBrebufAlr7F9mFUPAJGj04=";
	static const char msg[] = "{\"ToUserName\":\"gh_97417a04a28d\",\"FromUserName\":\"o9AgO5Kd5ggOC-bXrbNODIiE3bGY\",\"Cr"
		"eateTime\":1714112445,\"MsgType\":\"event\",\"Event\":\"debug_demo\",\"debug_str\":\"hello"
		" world\"}";
	static const char answer[] = "707722b803182950\0\0\0\031{\"demo_resp\":\"good luck\"}wxba5fad812f8e6fb9";
	uint8_t key[32], cipher[224], plain[224], out[96];
	char text[129];
	int n;

	(void)state;
	assert_int_equal(base64_decode(aes_key, 44, key, sizeof(key)), 32);
	assert_int_equal(base64_decode(encrypted, strlen(encrypted), cipher, sizeof(cipher)), 224);
	assert_int_equal(crypto_push_decrypt(key, cipher, 224, plain), 205);
	assert_memory_equal(plain, "a8eedb185eb2fecf\0\0\0\247", 20);
	assert_memory_equal(plain + 20, msg, 167);
	assert_memory_equal(plain + 187, "wxba5fad812f8e6fb9", 18);

	n = crypto_push_encrypt(key, (const uint8_t *)answer, sizeof(answer) - 1, out);
	assert_int_equal(n, 64);
	base64_encode(out, (size_t)n, text);
	assert_string_equal(text, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==");
}

static void every_length_comes_back(void **state)
{
	uint8_t key[32] = { 7 }, in[100];
	size_t len;

	(void)state;
	memset(in, 'p', sizeof(in));
	for (len = 0; len <= sizeof(in); len++) {
		uint8_t *plain = (uint8_t *)exact(in, len), *cipher = malloc(len + 32), *back;
		int n = crypto_push_encrypt(key, plain, len, cipher);

		assert_int_equal(n, (int)(len / 32 * 32 + 32));
		back = malloc((size_t)n);
		assert_int_equal(crypto_push_decrypt(key, cipher, (size_t)n, back), (int)len);
		assert_memory_equal(back, in, len);
		free(plain);
		free(cipher);
		free(back);
	}
}

static void what_is_sealed_opens_only_untouched_and_in_its_place(void **state)
{
	uint8_t key[32] = { 1 }, other[32] = { 2 };
	const struct span here = { "session 1", 9 }, there = { "session 2", 9 }, nowhere = { NULL, 0 };
	const char secret[] = "tiihtNczf5v6AKRyjwEUhQ==";
	size_t len = sizeof(secret) - 1, i;
	uint8_t *sealed = malloc(len + SEAL_OVERHEAD), *again = malloc(len + SEAL_OVERHEAD), *out = malloc(len);
	uint8_t empty[SEAL_OVERHEAD];

	(void)state;
	assert_int_equal(crypto_seal(key, &here, secret, len, sealed), (int)len + SEAL_OVERHEAD);
	assert_int_equal(crypto_open(key, &here, sealed, len + SEAL_OVERHEAD, out), (int)len);
	assert_memory_equal(out, secret, len);
	assert_int_equal(crypto_seal(key, &here, secret, len, again), (int)len + SEAL_OVERHEAD);
	assert_memory_not_equal(sealed, again, len + SEAL_OVERHEAD);

	assert_int_equal(crypto_open(key, &there, sealed, len + SEAL_OVERHEAD, out), -EBADMSG);
	assert_int_equal(crypto_open(key, &nowhere, sealed, len + SEAL_OVERHEAD, out), -EBADMSG);
	assert_int_equal(crypto_open(other, &here, sealed, len + SEAL_OVERHEAD, out), -EBADMSG);
	for (i = 0; i < len + SEAL_OVERHEAD; i++) {
		uint8_t *cut = (uint8_t *)exact(sealed, i);

		assert_int_equal(crypto_open(key, &here, cut, i, out), -EBADMSG);
		free(cut);
		sealed[i] ^= 1;
		assert_int_equal(crypto_open(key, &here, sealed, len + SEAL_OVERHEAD, out), -EBADMSG);
		sealed[i] ^= 1;
	}
	assert_int_equal(out[0], 0);	/* nothing unproven is left */
	assert_int_equal(crypto_open(key, &here, sealed, len + SEAL_OVERHEAD, out), (int)len);

	assert_int_equal(crypto_seal(key, &nowhere, NULL, 0, empty), SEAL_OVERHEAD);
	assert_int_equal(crypto_open(key, &nowhere, empty, SEAL_OVERHEAD, out), 0);
	assert_int_equal(ERR_peek_error(), 0);
	free(sealed);
	free(again);
	free(out);
}

static void *hash_in_a_thread(void *arg)
{
	const struct span abc = { "abc", 3 };

	if (crypto_sha1(&abc, 1, arg) < 0)
		memset(arg, 0, SHA1_LEN);
	return NULL;
}

/* LeakSanitizer tells if a thread's contexts stay. */
static void threads_come_and_go(void **state)
{
	uint8_t out[4][SHA1_LEN];
	pthread_t threads[4];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_in_a_thread, out[i]), 0);
	for (i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_string_equal(hex_of(out[i], SHA1_LEN), "a9993e364706816aba3e25717850c26c9cd0d89d");
	}
}

static int setup(void **state)
{
	(void)state;
	return crypto_init() < 0 || crypto_init() < 0;	/* twice is as good as once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha1_has_the_vectors),
		cmocka_unit_test(sha256_has_the_vectors),
		cmocka_unit_test(hmac_has_the_vectors_whatever_key_came_before),
		cmocka_unit_test(equality_needs_equal_lengths),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(encrypted_data_is_decrypted),
		cmocka_unit_test(every_failure_to_decrypt_looks_alike),
		cmocka_unit_test(message_pushes_are_decrypted_and_encrypted),
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(what_is_sealed_opens_only_untouched_and_in_its_place),
		cmocka_unit_test(threads_come_and_go),
	};

	return !!cmocka_run_group_tests(tests, setup, NULL);
}
