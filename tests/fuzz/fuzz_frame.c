/* fuzz_frame.c - heads of frames: what is decided early is not changed by what follows, and what passes keeps the rules. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "push-server/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int head_of(const uint8_t *data, size_t len, uint64_t most, bool may_compress, struct frame *f)
{
	uint8_t *part = malloc(len ? len : 1);
	int r;

	memcpy(part, data, len);
	r = frame_head(part, len, most, may_compress, f);
	free(part);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool may_compress;
	uint64_t most;
	struct frame f, again;
	size_t cut;
	int r;

	if (len < 9)
		return 0;
	may_compress = data[0] & 1;
	memcpy(&most, data + 1, 8);
	data += 9;
	len -= 9;
	r = head_of(data, len, most, may_compress, &f);
	for (cut = 0; cut < len && cut <= FRAME_HEAD_MAX; cut++) {
		int early = head_of(data, cut, most, may_compress, &again);

		assert(early == 0 || early == r);
	}
	if (r > 0) {
		uint8_t written[FRAME_HEAD_MAX];
		size_t head = frame_write_head(written, f.opcode, f.is_compressed, f.length);

		assert(r <= FRAME_HEAD_MAX && (size_t)r <= len);
		/* Written by us it is as long, but for the mask. */
		assert(head + 4 == (size_t)r);
		assert((written[0] & 0x7f) == (data[0] & 0x7f) && written[1] == (data[1] & 0x7f));
		assert(memcmp(written + 2, data + 2, head - 2) == 0);
		if (f.opcode & 8)
			assert(f.is_final && f.length <= FRAME_CONTROL_MAX && !f.is_compressed);
		else
			assert(f.length <= most);
	}
	if (len <= FRAME_CONTROL_MAX) {
		r = close_read(data, len);
		assert(r == CLOSE_NO_CODE || r == -CLOSE_PROTOCOL || r == -CLOSE_BAD_DATA || close_code_valid((unsigned)r));
	}
	return 0;
}
