/* test_userinfo.c - what WeChat signs and encrypts about users, with WeChat's own vectors. */
#include "unit.h"

#include <openssl/evp.h>

#include "crypto.h"
#include "encode.h"
#include "fcgi-login/userinfo.h"

/* WeChat's documentation of the signature */
static const char sign_key[] = "HyVFkGl5F5OQWJZZaNzBBg==";
static const char sign_raw[] =
	"{\"nickName\":\"Band\",\"gender\":1,\"language\":\"zh_CN\",\"city\":\"Guangzhou\",\"province\":\"Guangdong\","
	"\"country\":\"CN\",\"avatarUrl\":\"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol65"
	"03Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0\"}";
static const char signature[] = "75e81ceda165f4ffa64f4068af58c64b8f54b88c";

/* the demo that comes with WXBizDataCrypt */
static const char app_id[] = "wx4f4bc4dec97d474b";
static const char key[] = "tiihtNczf5v6AKRyjwEUhQ==";
static const char iv[] = "r7BXXKkLb8qrSNn05n0qiA==";
static const char encrypted[] =
	"CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz"
	"6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz"
	"/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1p"
	"JAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO"
	"0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==";
static const char openid[] = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";

static void the_official_signature_fits(void **state)
{
	char other[sizeof(sign_raw)];

	(void)state;
	assert_int_equal(sizeof(sign_raw) - 1, 243);
	assert_true(userinfo_signed(sign_raw, sizeof(sign_raw) - 1, sign_key, signature));
	assert_true(userinfo_signed(sign_raw, sizeof(sign_raw) - 1, sign_key,
				    "75E81CEDA165F4FFA64F4068AF58C64B8F54B88C"));
	memcpy(other, sign_raw, sizeof(other));
	other[20] ^= 1;
	assert_false(userinfo_signed(other, sizeof(other) - 1, sign_key, signature));
	assert_false(userinfo_signed(sign_raw, sizeof(sign_raw) - 2, sign_key, signature));
	/* a copy of the vector's key that circulates with a typing error */
	assert_false(userinfo_signed(sign_raw, sizeof(sign_raw) - 1, "HyVFkGl5F5OQWWZZaNzBBg==", signature));
	assert_true(userinfo_signed(sign_raw, sizeof(sign_raw) - 1, "HyVFkGl5F5OQWWZZaNzBBg==",
				    "75f7769438073f4d1a32d92c7cc44c9d198e40e3"));
}

static void only_forty_digits_are_a_signature(void **state)
{
	static const char *const rows[] = { "", "75e8", "75e81ceda165f4ffa64f4068af58c64b8f54b88",
		"75e81ceda165f4ffa64f4068af58c64b8f54b88c0", "75e81ceda165f4ffa64f4068af58c64b8f54b88g",
		" 75e81ceda165f4ffa64f4068af58c64b8f54b88" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_false(userinfo_signed(sign_raw, sizeof(sign_raw) - 1, sign_key, rows[i]));
}

static void the_official_data_opens(void **state)
{
	struct json_object *info = userinfo_open(encrypted, iv, key, app_id, openid);

	(void)state;
	assert_non_null(info);
	assert_string_equal(json_text(info, "nickName", NULL), "Band");
	assert_string_equal(json_text(info, "openId", NULL), openid);
	assert_string_equal(json_text(info, "unionId", NULL), "ocMvos6NjeKLIBqg5Mr9QjxrP1FA");
	json_object_put(info);
}

static void a_phone_number_opens_without_openid(void **state)
{
	struct json_object *info = userinfo_open(
		"Kf3TdPbzEmhWMuPKtlKxIWDkijhn402w1bxoHL4kLdcKr6jT1jNcIhvDJfjXmJcgDWLjmBiIGJ5acUuSvxLws3WgAkERmtTuiCG10CKLsJiR+AXVk7B2"
		"TUQzsq88YVilDz/YAN3647REE7glGmeBPfvUmdbfDzhL9BzvEiuRhABuCYyTMz4iaM8hFjbLB1caaeoOlykYAFMWC5pZi9P8uw==",
		"Cds8j3VYoGvnTp1BrjXdJg==", "lyY4HPQbaOYzZdG+JcYK9w==", "wxdaa2ab9ef87b5497", "oAnybody");

	(void)state;
	assert_non_null(info);
	assert_string_equal(json_text(info, "purePhoneNumber", NULL), "18017448610");
	json_object_put(info);
}

static void whatever_does_not_fit_stays_closed(void **state)
{
	static const struct {
		const char *sentence, *encrypted, *iv, *key, *app_id, *openid;
		int opens;
	} rows[] = {
		{ "any openId will do where none is known", encrypted, iv, key, app_id, NULL, 1 },
		{ "another user's openId will not", encrypted, iv, key, app_id,
		  "oGZUI0egBJY1zhBYw2KhdUfwVJJF", 0 },
		{ "another mini-program's data will not", encrypted, iv, key, "wx4f4bc4dec97d474c", openid, 0 },
		{ "the beginning of our appid will not", encrypted, iv, key, "wx4f4bc4dec97d474", openid, 0 },
		{ "another key will not", encrypted, iv, sign_key, app_id, openid, 0 },
		{ "another iv garbles the beginning", encrypted, "r7BXXKkLb8qrSNn05n0qiQ==", key, app_id, openid, 0 },
		{ "a key of 15 bytes is none", encrypted, iv, "tiihtNczf5v6AKRyjwEU", app_id, openid, 0 },
		{ "a key that is no base64 is none", encrypted, iv, "tiihtNczf5v6AKRyjw=UhQ==", app_id, openid, 0 },
		{ "an iv of 12 bytes is none", encrypted, "r7BXXKkLb8qrSNn0", key, app_id, openid, 0 },
		{ "half a block is no ciphertext", "CiyLU1Aw2Kg=", iv, key, app_id, openid, 0 },
		{ "one block of the data has no padding", "CiyLU1Aw2KjvrjMdj8YKlg==", iv, key, app_id, openid, 0 },
		{ "nothing is no ciphertext", "", iv, key, app_id, openid, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_object *info = userinfo_open(rows[i].encrypted, rows[i].iv, rows[i].key, rows[i].app_id,
							 rows[i].openid);
		int opened = info != NULL;

		json_object_put(info);
		if (opened != rows[i].opens)
			ROW_FAILS(rows[i].sentence, "it %s", opened ? "opens" : "does not open");
	}
}

/* Encrypted as WeChat does it, under key and iv; to be freed. */
static char *sealed(const char *plain)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char raw_key[18], raw_iv[18], *cipher = malloc(strlen(plain) + 16);
	char *text = malloc((strlen(plain) + 16) * 2);
	int n, last;

	assert_true(ctx && cipher && text);
	assert_int_equal(EVP_DecodeBlock(raw_key, (const unsigned char *)key, 24), 18);
	assert_int_equal(EVP_DecodeBlock(raw_iv, (const unsigned char *)iv, 24), 18);
	assert_true(EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, raw_key, raw_iv));
	assert_true(EVP_EncryptUpdate(ctx, cipher, &n, (const unsigned char *)plain, (int)strlen(plain)));
	assert_true(EVP_EncryptFinal_ex(ctx, cipher + n, &last));
	EVP_CIPHER_CTX_free(ctx);
	base64_encode(cipher, (size_t)(n + last), text);
	free(cipher);
	return text;
}

static void watermark_and_openid_are_judged(void **state)
{
	static const struct {
		const char *sentence, *plain;
		int opens;
	} rows[] = {
		{ "both", "{\"openId\":\"o1\",\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\",\"timestamp\":1477314187}}", 1 },
		{ "a watermark without a time", "{\"openId\":\"o1\",\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\"}}", 1 },
		{ "a time that is no number", "{\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\",\"timestamp\":null}}", 1 },
		{ "no openId", "{\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\"}}", 1 },
		{ "an openId of null", "{\"openId\":null,\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\"}}", 1 },
		{ "an empty openId", "{\"openId\":\"\",\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\"}}", 1 },
		{ "somebody else's openId", "{\"openId\":\"o2\",\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\"}}", 0 },
		{ "an openId that is no text", "{\"openId\":1,\"watermark\":{\"appid\":\"wx4f4bc4dec97d474b\"}}", 0 },
		{ "no watermark", "{\"openId\":\"o1\"}", 0 },
		{ "a watermark without appid", "{\"openId\":\"o1\",\"watermark\":{\"timestamp\":1477314187}}", 0 },
		{ "somebody else's watermark", "{\"openId\":\"o1\",\"watermark\":{\"appid\":\"wx0000000000000000\"}}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = sealed(rows[i].plain);
		struct json_object *info = userinfo_open(text, iv, key, app_id, "o1");
		int opened = info != NULL;

		json_object_put(info);
		free(text);
		if (opened != rows[i].opens)
			ROW_FAILS(rows[i].sentence, "it %s", opened ? "opens" : "does not open");
	}
}

static void blanks_in_base64_were_plus_signs(void **state)
{
	char *text = exact(encrypted, sizeof(encrypted));
	struct json_object *info;

	(void)state;
	for (char *p = text; *p; p++)
		if (*p == '+')
			*p = ' ';
	info = userinfo_open(text, iv, key, app_id, openid);
	assert_non_null(info);
	json_object_put(info);
	free(text);
}

static void every_shortened_text_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(encrypted) - 1; len++) {
		char *text = malloc(len + 1);

		assert_non_null(text);
		memcpy(text, encrypted, len);
		text[len] = '\0';
		assert_null(userinfo_open(text, iv, key, app_id, openid));
		free(text);
	}
}

static void plausible_data_has_whole_base64(void **state)
{
	(void)state;
	assert_true(userinfo_plausible(encrypted, iv));
	assert_false(userinfo_plausible(encrypted, "short"));
	assert_false(userinfo_plausible("", iv));
	assert_false(userinfo_plausible("abc", iv));
	assert_false(userinfo_plausible("CiyLU1Aw2KjvrjMdj8YKlg=", iv));
}

static void the_name_of_everybody_says_nothing(void **state)
{
	(void)state;
	assert_true(userinfo_is_anonymous("微信用户", strlen("微信用户")));
	assert_false(userinfo_is_anonymous("微信用户1", strlen("微信用户1")));
	assert_false(userinfo_is_anonymous("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_official_signature_fits),
		cmocka_unit_test(only_forty_digits_are_a_signature),
		cmocka_unit_test(the_official_data_opens),
		cmocka_unit_test(a_phone_number_opens_without_openid),
		cmocka_unit_test(whatever_does_not_fit_stays_closed),
		cmocka_unit_test(watermark_and_openid_are_judged),
		cmocka_unit_test(blanks_in_base64_were_plus_signs),
		cmocka_unit_test(every_shortened_text_is_refused),
		cmocka_unit_test(plausible_data_has_whole_base64),
		cmocka_unit_test(the_name_of_everybody_says_nothing),
	};

	if (crypto_init() < 0)
		return 1;
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
