/* fuzz_inflate.c - compressed messages: never more comes out than is allowed, and what was compressed comes back. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "buf.h"
#include "push-server/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct deflater *d;
	struct buf out = BUF_INIT, small = BUF_INIT, again = BUF_INIT;
	size_t most;
	int r;

	if (!d)
		d = deflater_new(6);
	if (!d || len < 2)
		return 0;
	most = (size_t)data[0] << 8 | data[1];
	data += 2;
	len -= 2;
	r = inflate_message(d, data, len, most, &out);
	assert(r == 0 || r == -EMSGSIZE || r == -EBADMSG);
	assert(r != 0 || out.len <= most);
	assert(out.size <= 2 * (most + 32768));

	assert(deflate_message(d, data, len, &small) == 0);
	assert(inflate_message(d, small.data, small.len, len, &again) == 0);
	assert(again.len == len && (len == 0 || memcmp(again.data, data, len) == 0));
	buf_free(&out);
	buf_free(&small);
	buf_free(&again);
	return 0;
}
