/* fuzz_handshake.c - whatever a request looks like, it is read to the same end in whatever pieces, and what is found in it
 * lies within it; refusals and answers are whole. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "crypto.h"
#include "push-server/bounds.h"
#include "push-server/handshake.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return crypto_init();
}

static void check_within(struct slice s, const char *text, size_t len)
{
	assert(s.len == 0 || (s.p >= text && s.p + s.len <= text + len));
}

static bool is_trusted(void *arg, const char *address)
{
	(void)arg;
	return strchr(address, '1') != NULL;
}

static void check_good(const char *text, const struct handshake *h)
{
	const struct slice *parts[] = { &h->path, &h->query, &h->key, &h->origin, &h->host, &h->wx_id, &h->wx_skey, &h->authorization,
					&h->protocol };
	struct buf answer = BUF_INIT;
	char address[46];
	size_t i;

	assert(h->length <= HANDSHAKE_MAX_BYTES && h->path.len > 0 && h->key.len == 24);
	assert(h->server_bits >= 8 && h->server_bits <= 15);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		check_within(*parts[i], text, h->length);
	assert(h->forwarded_count <= HANDSHAKE_MAX_FORWARDED);
	for (i = 0; i < h->forwarded_count; i++)
		check_within(h->forwarded_for[i], text, h->length);
	handshake_address(h, "127.0.0.1", is_trusted, NULL, address);
	assert(strlen(address) < sizeof(address));
	assert(handshake_answer(&answer, h, true) == 0);
	/* Nothing that was sent can end the head or begin another line. */
	assert(strstr(buf_str(&answer), "\r\n\r\n") == answer.data + answer.len - 4);
	assert(strlen(answer.data) == answer.len);
	buf_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len ? len : 1);
	struct buf refusal = BUF_INIT;
	struct handshake h, early;
	size_t cut;
	int status;

	memcpy(text, data, len);
	status = handshake_parse(text, len, &h);
	if (status == 101) {
		assert(h.length <= len);
		check_good(text, &h);
		assert(handshake_parse(text, h.length, &early) == 101);
	} else if (status == 0) {
		assert(len < HANDSHAKE_MAX_BYTES);
	} else {
		assert(handshake_refuse(&refusal, status) == 0);
	}
	/* What a part of it has decided, the rest does not change. */
	for (cut = 0; cut < len; cut += 1 + len / 16) {
		int r = handshake_parse(text, cut, &early);

		assert(r == 0 || r == status || (status == 431 && r != 101));
	}
	buf_free(&refusal);
	free(text);
	return 0;
}
