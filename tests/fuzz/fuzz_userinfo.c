/* fuzz_userinfo.c - encryptedData: as text of any bytes, and as any bytes encrypted under the right key, which reach
 * what lies behind the decryption. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encode.h"
#include "fcgi-login/userinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char key_text[] = "AAECAwQFBgcICQoLDA0ODw==", iv_text[] = "Dw4NDAsKCQgHBgUEAwIBAA==";

static char *encrypted(const uint8_t *data, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char key[16], iv[16], *cipher = malloc(len + 32);
	char *text = malloc((len + 34) / 3 * 4 + 5);
	int n, last;

	for (int i = 0; i < 16; i++) {
		key[i] = (unsigned char)i;
		iv[i] = (unsigned char)(15 - i);
	}
	EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key, iv);
	EVP_EncryptUpdate(ctx, cipher, &n, data, (int)len);
	EVP_EncryptFinal_ex(ctx, cipher + n, &last);
	EVP_CIPHER_CTX_free(ctx);
	base64_encode(cipher, (size_t)(n + last), text);
	free(cipher);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready;
	struct json_object *info;
	char *text;

	if (!ready)
		ready = crypto_init() == 0;
	text = malloc(len + 1);
	memcpy(text, data, len);
	text[len] = '\0';
	assert(!userinfo_signed(text, strlen(text), key_text, text));
	userinfo_plausible(text, iv_text);
	json_object_put(userinfo_open(text, iv_text, key_text, "wx", "o"));
	json_object_put(userinfo_open(text, text, text, "wx", "o"));
	free(text);

	text = encrypted(data, len);
	info = userinfo_open(text, iv_text, key_text, "wx", "o");
	if (info) {
		struct json_object *mark = json_member(info, "watermark");

		assert(mark && !strcmp(json_text(mark, "appid", NULL), "wx"));
	}
	json_object_put(info);
	free(text);
	return 0;
}
