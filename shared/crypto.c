/* crypto.c - the few primitives that the product needs, over OpenSSL's EVP.  Algorithms are fetched once and
 * contexts kept per thread: fetching takes locks and costs more than hashing a hundred bytes. */
#include "crypto.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { NONCE_LEN = 12, TAG_LEN = 16, HMAC_KEY_KEPT = 64, PUSH_BLOCK = 32, AES_BLOCK = 16 };

static EVP_MD *sha1_md, *sha256_md;
static EVP_MAC *hmac_mac;
static EVP_CIPHER *cbc128_cipher, *cbc256_cipher, *gcm256_cipher;
static pthread_key_t crypto_key;

struct crypto_thread {
	EVP_MD_CTX *sha1, *sha256;
	EVP_MAC_CTX *hmac;
	EVP_CIPHER_CTX *cbc, *gcm;		/* apart: changing a context's cipher makes it anew */
	uint8_t hmac_key[HMAC_KEY_KEPT];	/* what hmac was keyed with last, to key it but once */
	size_t hmac_key_len;			/* 0: nothing that could be used again */
};
static __thread struct crypto_thread *crypto_thread;

static void crypto_thread_free(void *arg)
{
	struct crypto_thread *t = arg;

	EVP_MD_CTX_free(t->sha1);
	EVP_MD_CTX_free(t->sha256);
	EVP_MAC_CTX_free(t->hmac);
	EVP_CIPHER_CTX_free(t->cbc);
	EVP_CIPHER_CTX_free(t->gcm);
	OPENSSL_cleanse(t, sizeof(*t));
	free(t);
	crypto_thread = NULL;
}

int crypto_init(void)
{
	static bool is_done;

	if (is_done)
		return 0;
	sha1_md = EVP_MD_fetch(NULL, "SHA1", NULL);
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac_mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	cbc128_cipher = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	cbc256_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	gcm256_cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!sha1_md || !sha256_md || !hmac_mac || !cbc128_cipher || !cbc256_cipher || !gcm256_cipher)
		return -ENOSYS;
	if (pthread_key_create(&crypto_key, crypto_thread_free) != 0)
		return -ENOMEM;
	is_done = true;
	return 0;
}

static struct crypto_thread *crypto_here(void)
{
	struct crypto_thread *t = crypto_thread;

	if (t)
		return t;
	assert(gcm256_cipher);	/* crypto_init comes first */
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->sha1 = EVP_MD_CTX_new();
	t->sha256 = EVP_MD_CTX_new();
	t->hmac = EVP_MAC_CTX_new(hmac_mac);
	t->cbc = EVP_CIPHER_CTX_new();
	t->gcm = EVP_CIPHER_CTX_new();
	if (!t->sha1 || !t->sha256 || !t->hmac || !t->cbc || !t->gcm || pthread_setspecific(crypto_key, t) != 0) {
		crypto_thread_free(t);
		return NULL;
	}
	return crypto_thread = t;
}

/* A failure may have left entries in this thread's error queue, which a later TLS call would report as its own. */
static int crypto_failed(int r)
{
	ERR_clear_error();
	return r;
}

/* The kernel's generator, not OpenSSL's: a small request is cheaper there, and no fork can make two processes draw the same. */
int crypto_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int crypto_digest(EVP_MD_CTX *ctx, const EVP_MD *md, const struct span *parts, size_t count, uint8_t *out)
{
	size_t i;

	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		return crypto_failed(-EIO);
	for (i = 0; i < count; i++)
		if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1)
			return crypto_failed(-EIO);
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? 0 : crypto_failed(-EIO);
}

int crypto_sha1(const struct span *parts, size_t count, uint8_t out[static SHA1_LEN])
{
	struct crypto_thread *t = crypto_here();

	return t ? crypto_digest(t->sha1, sha1_md, parts, count, out) : -ENOMEM;
}

int crypto_sha256(const struct span *parts, size_t count, uint8_t out[static SHA256_LEN])
{
	struct crypto_thread *t = crypto_here();

	return t ? crypto_digest(t->sha256, sha256_md, parts, count, out) : -ENOMEM;
}

/* Keys the thread's HMAC, or only starts it anew if the key is the last one again. */
static int crypto_hmac_start(struct crypto_thread *t, const void *key, size_t key_len)
{
	char name[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
				      OSSL_PARAM_construct_end() };

	if (key_len > 0 && crypto_equal(key, key_len, t->hmac_key, t->hmac_key_len))
		return EVP_MAC_init(t->hmac, NULL, 0, NULL);
	t->hmac_key_len = 0;
	/* an empty key must be passed as one: NULL would mean the last one */
	if (EVP_MAC_init(t->hmac, key_len ? key : (const void *)"", key_len, params) != 1)
		return 0;
	if (key_len <= sizeof(t->hmac_key)) {
		memcpy(t->hmac_key, key_len ? key : (const void *)"", key_len);
		t->hmac_key_len = key_len;
	}
	return 1;
}

int crypto_hmac_sha256(const void *key, size_t key_len, const struct span *parts, size_t count,
		       uint8_t out[static SHA256_LEN])
{
	struct crypto_thread *t = crypto_here();
	size_t i, len;

	if (!t)
		return -ENOMEM;
	if (crypto_hmac_start(t, key, key_len) != 1)
		return crypto_failed(-EIO);
	for (i = 0; i < count; i++)
		if (EVP_MAC_update(t->hmac, parts[i].data, parts[i].len) != 1)
			return crypto_failed(-EIO);
	return EVP_MAC_final(t->hmac, out, &len, SHA256_LEN) == 1 ? 0 : crypto_failed(-EIO);
}

bool crypto_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

/* The padding's length, 1..block, from the last bytes of a plain text; 0 if it is malformed.  Looks at the same
 * bytes whatever they are, so that time tells nothing. */
static size_t crypto_padding(const uint8_t *plain, size_t len, size_t block)
{
	unsigned pad = plain[len - 1], bad = (pad - 1) >= block;
	size_t i;

	for (i = 0; i < block; i++)
		bad |= (i < pad) & (plain[len - 1 - i] != pad);
	return bad ? 0 : pad;
}

/* OpenSSL's own padding stays off: it knows no blocks of 32, and tells bad padding from bad keys. */
static int crypto_cbc_decrypt(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv, size_t block,
			      const uint8_t *in, size_t len, uint8_t *out)
{
	struct crypto_thread *t = crypto_here();
	size_t pad;
	int n = 0;

	if (!t)
		return -ENOMEM;
	if (len == 0 || len % block != 0 || len > INT_MAX)
		return -EBADMSG;
	if (EVP_DecryptInit_ex2(t->cbc, cipher, key, iv, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(t->cbc, 0) != 1 ||
	    EVP_DecryptUpdate(t->cbc, out, &n, in, (int)len) != 1 || (size_t)n != len)
		return crypto_failed(-EBADMSG);
	pad = crypto_padding(out, len, block);
	if (pad == 0) {
		OPENSSL_cleanse(out, len);
		return -EBADMSG;
	}
	return (int)(len - pad);
}

int crypto_cbc128_decrypt(const uint8_t key[static 16], const uint8_t iv[static 16],
			  const uint8_t *in, size_t len, uint8_t *out)
{
	return crypto_cbc_decrypt(cbc128_cipher, key, iv, AES_BLOCK, in, len, out);
}

int crypto_push_decrypt(const uint8_t key[static 32], const uint8_t *in, size_t len, uint8_t *out)
{
	return crypto_cbc_decrypt(cbc256_cipher, key, key, PUSH_BLOCK, in, len, out);
}

int crypto_push_encrypt(const uint8_t key[static 32], const uint8_t *in, size_t len, uint8_t *out)
{
	struct crypto_thread *t = crypto_here();
	uint8_t last[PUSH_BLOCK];
	size_t whole = len - len % PUSH_BLOCK, rest = len - whole;
	int n = 0, m = 0;

	if (!t)
		return -ENOMEM;
	if (len > INT_MAX - PUSH_BLOCK)
		return -EINVAL;
	memset(last, (int)(PUSH_BLOCK - rest), sizeof(last));
	if (rest)
		memcpy(last, in + whole, rest);
	if (EVP_EncryptInit_ex2(t->cbc, cbc256_cipher, key, key, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(t->cbc, 0) != 1 ||
	    (whole && EVP_EncryptUpdate(t->cbc, out, &n, in, (int)whole) != 1) ||
	    EVP_EncryptUpdate(t->cbc, out + n, &m, last, sizeof(last)) != 1 ||
	    (size_t)n + (size_t)m != whole + PUSH_BLOCK)
		return crypto_failed(-EIO);
	return n + m;
}

int crypto_seal(const uint8_t key[static 32], const struct span *aad, const void *in, size_t len,
		uint8_t *out)
{
	struct crypto_thread *t = crypto_here();
	uint8_t *text = out + NONCE_LEN, *tag = text + len;
	int n = 0, rest = 0;

	if (!t)
		return -ENOMEM;
	if (len > INT_MAX - SEAL_OVERHEAD || aad->len > INT_MAX)
		return -EINVAL;
	if (crypto_random(out, NONCE_LEN) < 0)
		return -EIO;
	if (EVP_EncryptInit_ex2(t->gcm, gcm256_cipher, key, out, NULL) != 1 ||
	    (aad->len && EVP_EncryptUpdate(t->gcm, NULL, &n, aad->data, (int)aad->len) != 1) ||
	    (len && EVP_EncryptUpdate(t->gcm, text, &n, in, (int)len) != 1) ||
	    EVP_EncryptFinal_ex(t->gcm, tag, &rest) != 1 || rest != 0 ||
	    EVP_CIPHER_CTX_ctrl(t->gcm, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) != 1)
		return crypto_failed(-EIO);
	return (int)len + SEAL_OVERHEAD;
}

int crypto_open(const uint8_t key[static 32], const struct span *aad, const uint8_t *in, size_t len,
		void *out)
{
	struct crypto_thread *t = crypto_here();
	uint8_t tag[TAG_LEN], end[AES_BLOCK];
	size_t text_len = len - SEAL_OVERHEAD;
	int n = 0, rest = 0;

	if (!t)
		return -ENOMEM;
	if (len < SEAL_OVERHEAD || len > INT_MAX || aad->len > INT_MAX)
		return -EBADMSG;
	memcpy(tag, in + len - TAG_LEN, TAG_LEN);
	if (EVP_DecryptInit_ex2(t->gcm, gcm256_cipher, key, in, NULL) != 1 ||
	    (aad->len && EVP_DecryptUpdate(t->gcm, NULL, &n, aad->data, (int)aad->len) != 1) ||
	    (text_len && EVP_DecryptUpdate(t->gcm, out, &n, in + NONCE_LEN, (int)text_len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(t->gcm, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1 ||
	    EVP_DecryptFinal_ex(t->gcm, end, &rest) != 1 || rest != 0) {
		if (text_len)
			OPENSSL_cleanse(out, text_len);	/* nobody uses what no tag vouches for */
		return crypto_failed(-EBADMSG);
	}
	return (int)text_len;
}
