/* test_issue.c - sessions: no two alike, and nothing of use to a thief of the store. */
#include "unit.h"

#include <errno.h>

#include "crypto.h"
#include "encode.h"
#include "fcgi-login/issue.h"

static const char session_key[] = "tiihtNczf5v6AKRyjwEUhQ==";

static void a_session_is_made_of_the_secret_and_chance(void **state)
{
	uint8_t seal[32], mac[SHA256_LEN], expiry[8] = { 0, 0, 0, 0, 0, 0, 0x30, 0x39 };	/* 12345 */
	struct session s, t;
	char skey[SKEY_TEXT_LEN + 1], other[SKEY_TEXT_LEN + 1], expected[SKEY_TEXT_LEN + 1];
	const struct span parts[] = { { "wx", 3 }, { session_key, sizeof(session_key) }, { s.id, sizeof(s.id) }, { expiry, 8 } };
	const struct span text = { skey, SKEY_TEXT_LEN };

	(void)state;
	assert_int_equal(issue_seal_key("secret", seal), 0);
	assert_int_equal(issue_session("wx", "secret", seal, session_key, 1, 12345, &s, skey), 0);
	assert_int_equal(issue_session("wx", "secret", seal, session_key, 1, 12345, &t, other), 0);
	assert_memory_not_equal(s.id, t.id, sizeof(s.id));
	assert_string_not_equal(skey, other);
	assert_int_equal(crypto_hmac_sha256("secret", 6, parts, 4, mac), 0);
	hex_encode(mac, sizeof(mac), expected);
	assert_string_equal(skey, expected);
	assert_int_equal(crypto_sha256(&text, 1, mac), 0);
	assert_memory_equal(s.skey_hash, mac, sizeof(mac));
	assert_int_equal(s.expires_ms, 12345);
}

static void a_sealed_key_opens_for_its_session_and_secret_alone(void **state)
{
	char skey[SKEY_TEXT_LEN + 1], key[WECHAT_KEY_MAX + 1];
	uint8_t seal[32], other[32];
	struct session s, t;

	(void)state;
	assert_int_equal(issue_seal_key("secret", seal), 0);
	assert_int_equal(issue_seal_key("another", other), 0);
	assert_int_equal(issue_session("wx", "secret", seal, session_key, 1, 2, &s, skey), 0);
	assert_int_equal(issue_open(seal, &s, key), 0);
	assert_string_equal(key, session_key);
	assert_int_equal(issue_open(other, &s, key), -EBADMSG);
	t = s;
	t.id[0] ^= 1;
	assert_int_equal(issue_open(seal, &t, key), -EBADMSG);
	t = s;
	t.sealed_key[20] ^= 1;
	assert_int_equal(issue_open(seal, &t, key), -EBADMSG);
	for (t = s, t.sealed_len = 0; t.sealed_len < s.sealed_len; t.sealed_len++)
		assert_int_equal(issue_open(seal, &t, key), -EBADMSG);
	t.sealed_len = SEALED_MAX + 1;
	assert_int_equal(issue_open(seal, &t, key), -EBADMSG);
}

static void a_key_that_does_not_fit_is_not_sealed(void **state)
{
	char long_key[WECHAT_KEY_MAX + 2];
	uint8_t seal[32] = { 0 }, id[SESSION_ID_LEN] = { 0 }, sealed[SEALED_MAX];
	size_t len;

	(void)state;
	memset(long_key, 'x', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	assert_int_equal(issue_seal(seal, id, long_key, sealed, &len), -EMSGSIZE);
	long_key[WECHAT_KEY_MAX] = '\0';
	assert_int_equal(issue_seal(seal, id, long_key, sealed, &len), 0);
	assert_int_equal(len, WECHAT_KEY_MAX + SEAL_OVERHEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_made_of_the_secret_and_chance),
		cmocka_unit_test(a_sealed_key_opens_for_its_session_and_secret_alone),
		cmocka_unit_test(a_key_that_does_not_fit_is_not_sealed),
	};

	if (crypto_init() < 0)
		return 1;
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
