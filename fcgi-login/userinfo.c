/* userinfo.c - WeChat's signature and encrypted data.  No requests, no store, no clock. */
#include "userinfo.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encode.h"

enum { KEY_LEN = 16, CIPHER_MAX = 64 << 10 };

bool userinfo_signed(const char *raw, size_t raw_len, const char *session_key, const char *signature)
{
	const struct span parts[] = { { raw, raw_len }, { session_key, strlen(session_key) } };
	uint8_t ours[SHA1_LEN], theirs[SHA1_LEN];

	if (hex_decode(signature, strlen(signature), theirs, sizeof(theirs)) < 0)
		return false;
	if (crypto_sha1(parts, 2, ours) < 0)
		return false;
	return crypto_equal(ours, sizeof(ours), theirs, sizeof(theirs));
}

bool userinfo_plausible(const char *encrypted, const char *iv)
{
	size_t len = strlen(encrypted);

	/* 22 blocks of 16 bytes and so on: base64 of whole blocks */
	return len >= 24 && len % 4 == 0 && len / 4 * 3 <= CIPHER_MAX && strlen(iv) == 24;
}

static bool watermark_ok(struct json_object *info, const char *app_id)
{
	struct json_object *mark = json_member(info, "watermark");
	const char *for_app;
	size_t len;

	return mark && (for_app = json_text(mark, "appid", &len)) && len == strlen(app_id) && memcmp(for_app, app_id, len) == 0;
}

static bool openid_ok(struct json_object *info, const char *openid)
{
	struct json_object *value;
	const char *text;
	size_t len;

	/* data of wx.getUserProfile has none, or an empty one; one that is there and odd is refused */
	if (!openid || !json_object_object_get_ex(info, "openId", &value) || !value)
		return true;
	text = json_text(info, "openId", &len);
	return text && (len == 0 || (len == strlen(openid) && !memcmp(text, openid, len)));
}

struct json_object *userinfo_open(const char *encrypted, const char *iv, const char *session_key,
				  const char *app_id, const char *openid)
{
	struct json_object *info = NULL;
	uint8_t key[KEY_LEN], start[KEY_LEN];
	uint8_t *cipher = NULL, *plain = NULL;
	size_t size = strlen(encrypted) / 4 * 3 + 3;
	int len = 0, n;

	if (size > CIPHER_MAX)
		return NULL;
	cipher = malloc(size);
	plain = malloc(size);
	if (!cipher || !plain)
		goto out;
	if (base64_decode(session_key, strlen(session_key), key, sizeof(key)) != KEY_LEN ||
	    base64_decode(iv, strlen(iv), start, sizeof(start)) != KEY_LEN)
		goto out;
	len = base64_decode(encrypted, strlen(encrypted), cipher, size);
	if (len <= 0 || len % KEY_LEN)
		goto out;
	n = crypto_cbc128_decrypt(key, start, cipher, (size_t)len, plain);
	if (n < 0)
		goto out;
	info = json_parse_lenient((const char *)plain, (size_t)n);
	if (info && (!watermark_ok(info, app_id) || !openid_ok(info, openid))) {
		json_object_put(info);
		info = NULL;
	}
out:
	explicit_bzero(key, sizeof(key));
	if (plain)
		explicit_bzero(plain, size);
	free(plain);
	free(cipher);
	return info;
}

bool userinfo_is_anonymous(const char *nick, size_t len)
{
	static const char name[] = "微信用户";

	return len == sizeof(name) - 1 && !memcmp(nick, name, len);
}
