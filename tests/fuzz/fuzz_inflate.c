/* fuzz_inflate.c - any bytes as a compressed message: bounded, and what we compress comes back. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "push-server/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { INFLATED_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct deflater *d;
	struct buf packed = BUF_INIT, out = BUF_INIT;
	int r;

	if (!d)
		d = deflater_new(1);
	r = inflate_message(d, data, len, INFLATED_MAX, &out);
	assert(r == 0 || r == -EBADMSG || r == -EMSGSIZE || r == -ENOMEM);
	assert(r < 0 || out.len <= INFLATED_MAX);
	buf_reset(&out);
	assert(deflate_message(d, data, len, &packed) == 0);
	assert(inflate_message(d, packed.data, packed.len, len, &out) == 0);
	assert(out.len == len && (len == 0 || memcmp(out.data, data, len) == 0));
	buf_free(&packed);
	buf_free(&out);
	return 0;
}
