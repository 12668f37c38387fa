/* fuzz_handshake.c - any bytes as an opening handshake: read whole and cut short, answered or refused. */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "push-server/bounds.h"
#include "push-server/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_inside(struct slice s, const char *p, size_t len)
{
	return s.len == 0 || (s.p >= p && s.p + s.len <= p + len);
}

static bool trusts_all(void *arg, const char *address)
{
	(void)arg;
	(void)address;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool is_ready;
	struct buf answer = BUF_INIT;
	struct handshake h;
	char address[46], *copy;
	int status;

	if (!is_ready)
		is_ready = crypto_init() == 0;
	copy = malloc(len ? len : 1);	/* exactly as long as it is, so that an over-read is seen */
	memcpy(copy, data, len);
	status = handshake_parse(copy, len, &h);
	if (status == 101) {
		assert(h.length <= len && h.length <= HANDSHAKE_MAX_BYTES && h.path.len > 0 && h.path.p[0] == '/');
		assert(is_inside(h.path, copy, len) && is_inside(h.query, copy, len) && is_inside(h.key, copy, len) &&
		       is_inside(h.origin, copy, len) && is_inside(h.wx_skey, copy, len) && is_inside(h.protocol, copy, len));
		assert(h.server_bits >= 8 && h.server_bits <= 15);
		assert(handshake_answer(&answer, &h, true) == 0);
		/* One head and no more: nothing of the client's ends it early. */
		assert(memmem(answer.data, answer.len, "\r\n\r\n", 4) == answer.data + answer.len - 4);
		handshake_address(&h, "192.0.2.1", trusts_all, NULL, address);
		assert(memchr(address, '\0', sizeof(address)));
	} else if (status == 0) {
		assert(len < HANDSHAKE_MAX_BYTES);
	} else {
		assert(status >= 400 && status < 600);
		assert(handshake_refuse(&answer, status) == 0);
	}
	buf_free(&answer);
	free(copy);
	return 0;
}
