/* pushcrypt.c - the signatures and the encryption of WeChat's message push.  No requests. */
#include "pushcrypt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encode.h"

enum { KEY_TEXT_LEN = 43, RANDOM_LEN = 16, LENGTH_LEN = 4, TEXTS_MAX = 4 };

int pushcrypt_key(const char *text, uint8_t key[static PUSH_KEY_LEN])
{
	char padded[KEY_TEXT_LEN + 1];
	int n;

	if (strlen(text) != KEY_TEXT_LEN)
		return -EINVAL;
	memcpy(padded, text, KEY_TEXT_LEN);
	padded[KEY_TEXT_LEN] = '=';
	n = base64_decode_loose(padded, sizeof(padded), key, PUSH_KEY_LEN);
	explicit_bzero(padded, sizeof(padded));
	return n == PUSH_KEY_LEN ? 0 : -EINVAL;
}

static int by_bytes(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t shorter = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->data, y->data, shorter);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

bool pushcrypt_signed(const char *token, const char *timestamp, const char *nonce, const char *encrypted,
		      const char *signature)
{
	struct span texts[TEXTS_MAX] = { { token, strlen(token) }, { timestamp, strlen(timestamp) },
					 { nonce, strlen(nonce) } };
	uint8_t ours[SHA1_LEN], theirs[SHA1_LEN];
	size_t count = 3;

	if (encrypted)
		texts[count++] = (struct span){ encrypted, strlen(encrypted) };
	if (hex_decode(signature, strlen(signature), theirs, sizeof(theirs)) < 0)
		return false;
	qsort(texts, count, sizeof(*texts), by_bytes);
	return crypto_sha1(texts, count, ours) == 0 && crypto_equal(ours, sizeof(ours), theirs, sizeof(theirs));
}

int pushcrypt_open(const uint8_t key[static PUSH_KEY_LEN], const char *app_id, const char *encrypted, struct buf *out)
{
	size_t size = strlen(encrypted) / 4 * 3 + 3, id_len = strlen(app_id), len;
	uint8_t *cipher = malloc(size), *plain = malloc(size);
	const uint8_t *p;
	int n, r = -ENOMEM;

	if (!cipher || !plain)
		goto out;
	r = -EBADMSG;
	n = base64_decode(encrypted, strlen(encrypted), cipher, size);
	if (n <= 0)
		goto out;
	n = crypto_push_decrypt(key, cipher, (size_t)n, plain);
	if (n < RANDOM_LEN + LENGTH_LEN)
		goto out;
	p = plain + RANDOM_LEN;
	len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	n -= RANDOM_LEN + LENGTH_LEN;
	p += LENGTH_LEN;
	if (len > (size_t)n || !crypto_equal(p + len, (size_t)n - len, app_id, id_len))
		goto out;
	r = buf_add(out, p, len);
out:
	if (plain)
		explicit_bzero(plain, size);
	free(plain);
	free(cipher);
	return r;
}
