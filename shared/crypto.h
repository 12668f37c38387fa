/* crypto.h - the few primitives that the product needs, over OpenSSL's EVP.
 * Threads:  any, after crypto_init; contexts are kept per thread.
 * Errors:   0 or a negative errno; decrypting fails with -EBADMSG whatever was wrong. */
#ifndef WXCHAT_CRYPTO_H
#define WXCHAT_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA1_LEN = 20, SHA256_LEN = 32, SEAL_OVERHEAD = 12 + 16 };

/* One piece of a message that is hashed in pieces. */
struct span {
	const void *data;
	size_t len;
};

/* Before threads start; fetches the algorithms once.  -ENOSYS if OpenSSL lacks one. */
int crypto_init(void);

int crypto_random(void *out, size_t len);
int crypto_sha1(const struct span *parts, size_t count, uint8_t out[static SHA1_LEN]);
int crypto_sha256(const struct span *parts, size_t count, uint8_t out[static SHA256_LEN]);
int crypto_hmac_sha256(const void *key, size_t key_len, const struct span *parts, size_t count,
		       uint8_t out[static SHA256_LEN]);

/* Constant time in the contents; lengths are not secret. */
bool crypto_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* AES-128-CBC with PKCS#7 blocks of 16.  out holds len bytes; returns the length of the plain text. */
int crypto_cbc128_decrypt(const uint8_t key[static 16], const uint8_t iv[static 16],
			  const uint8_t *in, size_t len, uint8_t *out);

/* AES-256-CBC as WeChat's message push uses it: PKCS#7 blocks of 32, IV = key[0..16).
 * decrypt: out holds len bytes.  encrypt: out holds len + 32 bytes.  Both return a length. */
int crypto_push_decrypt(const uint8_t key[static 32], const uint8_t *in, size_t len, uint8_t *out);
int crypto_push_encrypt(const uint8_t key[static 32], const uint8_t *in, size_t len, uint8_t *out);

/* AES-256-GCM: out holds len + SEAL_OVERHEAD bytes (nonce, cipher text, tag); aad binds the place
 * where the sealed bytes belong.  Both return the length written. */
int crypto_seal(const uint8_t key[static 32], const struct span *aad, const void *in, size_t len,
		uint8_t *out);
int crypto_open(const uint8_t key[static 32], const struct span *aad, const uint8_t *in, size_t len,
		void *out);

#endif
