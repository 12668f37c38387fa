/* fuzz_message_push.c - what claims to come from WeChat's message push: XML, JSON, and encrypted text. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encode.h"
#include "fcgi-login/pushcrypt.h"
#include "fcgi-login/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[32] = { 1 };
	static bool ready;
	struct buf out = BUF_INIT;
	struct json_object *m;
	uint8_t *cipher;
	char *text;
	int n;

	if (!ready)
		ready = crypto_init() == 0;
	text = malloc(len * 2 + 200);
	memcpy(text, data, len);
	text[len] = '\0';
	m = xml_parse(text, len);
	if (m) {
		assert(json_add(&out, m) == 0);
		json_object_put(m);
		m = json_parse(out.data, out.len);	/* what goes into the queue is JSON again */
		assert(m || out.len > 4096);
	}
	json_object_put(m);
	json_object_put(json_parse_lenient(text, len));
	buf_reset(&out);
	pushcrypt_open(key, "wx", text, &out);
	assert(!pushcrypt_signed("token", text, text, text, text) || len == 0);

	cipher = malloc(len + 32);
	n = crypto_push_encrypt(key, data, len, cipher);
	assert(n > 0);
	base64_encode(cipher, (size_t)n, text);
	buf_reset(&out);
	if (pushcrypt_open(key, "wx", text, &out) == 0)
		assert(len >= 22 && out.len <= len - 22);
	buf_free(&out);
	free(cipher);
	free(text);
	return 0;
}
