/* seal.c - signing and encrypting as WeChat does it.  Knows keys and bytes; no users, no JSON. */
#include "seal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

static void must(int ok)
{
	if (ok <= 0) {
		fputs("wechat-sandbox: OpenSSL failed\n", stderr);
		exit(1);
	}
}

static void hex(const unsigned char *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static void digest(const EVP_MD *kind, const char *const *parts, size_t n, unsigned char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(ctx != NULL);
	must(EVP_DigestInit_ex(ctx, kind, NULL));
	for (size_t i = 0; i < n; i++)
		must(EVP_DigestUpdate(ctx, parts[i], strlen(parts[i])));
	must(EVP_DigestFinal_ex(ctx, out, NULL));
	EVP_MD_CTX_free(ctx);
}

static void sha1_hex(const char *const *parts, size_t n, char out[static SEAL_SHA1_HEX])
{
	unsigned char sum[20];

	digest(EVP_sha1(), parts, n, sum);
	hex(sum, sizeof(sum), out);
}

void seal_random_text(char *out, size_t n)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	must(RAND_bytes((unsigned char *)out, (int)n));
	for (size_t i = 0; i < n; i++)
		out[i] = letters[(unsigned char)out[i] % (sizeof(letters) - 1)];
	out[n] = '\0';
}

void seal_random_key(char out[static SEAL_KEY_B64])
{
	unsigned char key[16];

	must(RAND_bytes(key, sizeof(key)));
	EVP_EncodeBlock((unsigned char *)out, key, sizeof(key));
}

char *seal_base64(const void *p, size_t len)
{
	char *out = mem_new(4 * ((len + 2) / 3) + 1);

	EVP_EncodeBlock((unsigned char *)out, p, (int)len);
	return out;
}

void seal_signature(const char *raw_data, const char *session_key,
		    char out[static SEAL_SHA1_HEX])
{
	const char *parts[] = { raw_data, session_key };

	sha1_hex(parts, 2, out);
}

void seal_login_state(const char *session_key, char out[static SEAL_SHA256_HEX])
{
	unsigned char sum[32];

	must(HMAC(EVP_sha256(), session_key, (int)strlen(session_key),
		  (const unsigned char *)"", 0, sum, NULL) != NULL);
	hex(sum, sizeof(sum), out);
}

void seal_open_id(const char *app_id, const char *name, char out[static 29])
{
	const char *parts[] = { app_id, "\n", name };
	unsigned char sum[32];
	char text[33];

	digest(EVP_sha256(), parts, 3, sum);
	EVP_EncodeBlock((unsigned char *)text, sum, 24);
	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	snprintf(out, 29, "o%.27s", text);
}

/* Encrypts in[0..len) with the cipher's own padding or, when the caller has padded, none. */
static char *encrypt(const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
		     int padding, const void *in, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *out = mem_new(len + EVP_MAX_BLOCK_LENGTH);
	int used, last;
	char *text;

	must(ctx != NULL);
	must(EVP_EncryptInit_ex(ctx, cipher, NULL, key, iv));
	EVP_CIPHER_CTX_set_padding(ctx, padding);
	must(EVP_EncryptUpdate(ctx, out, &used, in, (int)len));
	must(EVP_EncryptFinal_ex(ctx, out + used, &last));
	EVP_CIPHER_CTX_free(ctx);
	text = seal_base64(out, (size_t)used + (size_t)last);
	free(out);
	return text;
}

char *seal_user_data(const char *session_key, const char *text, char iv[static SEAL_KEY_B64])
{
	unsigned char key[18], start[18];	/* base64 of 16 bytes decodes to whole threes */

	seal_random_key(iv);
	must(EVP_DecodeBlock(key, (const unsigned char *)session_key, SEAL_KEY_B64 - 1));
	must(EVP_DecodeBlock(start, (const unsigned char *)iv, SEAL_KEY_B64 - 1));
	return encrypt(EVP_aes_128_cbc(), key, start, 1, text, strlen(text));
}

char *seal_push(const char *push_key, const char *text, const char *app_id)
{
	size_t len = strlen(text), id_len = strlen(app_id), whole = 16 + 4 + len + id_len;
	size_t pad = 32 - whole % 32;
	unsigned char key[33], *plain;
	char padded_key[SEAL_PUSH_KEY_LEN + 2];
	char *sealed;

	if (strlen(push_key) != SEAL_PUSH_KEY_LEN)
		return NULL;
	snprintf(padded_key, sizeof(padded_key), "%s=", push_key);
	if (EVP_DecodeBlock(key, (const unsigned char *)padded_key, SEAL_PUSH_KEY_LEN + 1) != 33)
		return NULL;
	plain = mem_new(whole + pad);
	seal_random_text((char *)plain, 16);
	plain[16] = (unsigned char)(len >> 24);
	plain[17] = (unsigned char)(len >> 16);
	plain[18] = (unsigned char)(len >> 8);
	plain[19] = (unsigned char)len;
	/* Bytes, whose length stands before them: no NUL is wanted. */
	memcpy(plain + 20, text, len);			/* NOLINT(bugprone-not-null-terminated-result) */
	memcpy(plain + 20 + len, app_id, id_len);	/* NOLINT(bugprone-not-null-terminated-result) */
	memset(plain + whole, (int)pad, pad);
	sealed = encrypt(EVP_aes_256_cbc(), key, key, 0, plain, whole + pad);
	free(plain);
	return sealed;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void seal_push_signature(const char **parts, size_t n, char out[static SEAL_SHA1_HEX])
{
	qsort(parts, n, sizeof(*parts), by_bytes);
	sha1_hex(parts, n, out);
}
