/* frame.c - RFC 6455 section 5, byte by byte. */
#include "frame.h"

#include <string.h>

#include "utf8.h"

static bool opcode_is_control(uint8_t opcode)
{
	return opcode & 0x8;
}

int frame_head(const uint8_t *p, size_t len, uint64_t max_payload, bool may_compress, struct frame *out)
{
	struct frame f;
	size_t head = 2, i;

	if (len < 1)
		return 0;
	f.is_final = p[0] & 0x80;
	f.is_compressed = p[0] & 0x40;
	f.opcode = p[0] & 0x0f;
	if (p[0] & 0x30)
		return -CLOSE_PROTOCOL;		/* 5.2: RSV2, RSV3 */
	if ((f.opcode > FRAME_BINARY && f.opcode < FRAME_CLOSE) || f.opcode > FRAME_PONG)
		return -CLOSE_PROTOCOL;		/* 5.2: reserved opcodes */
	if (f.is_compressed &&
	    (!may_compress || opcode_is_control(f.opcode) || f.opcode == FRAME_CONTINUATION))
		return -CLOSE_PROTOCOL;		/* RFC 7692 6.1 */
	if (opcode_is_control(f.opcode) && !f.is_final)
		return -CLOSE_PROTOCOL;		/* 5.5: control frames are not fragmented */
	if (len < 2)
		return 0;
	if (!(p[1] & 0x80))
		return -CLOSE_PROTOCOL;		/* 5.1: a client masks */
	f.length = p[1] & 0x7f;
	if (opcode_is_control(f.opcode) && f.length > FRAME_CONTROL_MAX)
		return -CLOSE_PROTOCOL;		/* 5.5 */
	if (f.length >= 126) {
		size_t bytes = f.length == 126 ? 2 : 8;

		head += bytes;
		if (len < head)
			return 0;
		f.length = 0;
		for (i = 0; i < bytes; i++)
			f.length = f.length << 8 | p[2 + i];
		/* 5.2: the shortest form, and the top bit is clear */
		if (f.length < (bytes == 2 ? 126u : 65536u) || f.length >> 63)
			return -CLOSE_PROTOCOL;
	}
	if (!opcode_is_control(f.opcode) && f.length > max_payload)
		return -CLOSE_TOO_BIG;
	if (len < head + 4)
		return 0;
	memcpy(f.mask, p + head, 4);
	*out = f;
	return (int)head + 4;
}

void frame_unmask(uint8_t *p, size_t len, const uint8_t mask[static 4], uint64_t offset)
{
	uint8_t turned[8];
	uint64_t wide, word;
	size_t i;

	for (i = 0; i < 8; i++)
		turned[i] = mask[(offset + i) & 3];
	memcpy(&wide, turned, 8);
	for (i = 0; len - i >= 8; i += 8) {
		memcpy(&word, p + i, 8);
		word ^= wide;
		memcpy(p + i, &word, 8);
	}
	for (; i < len; i++)
		p[i] ^= turned[i & 7];
}

size_t frame_write_head(uint8_t out[static FRAME_HEAD_MAX], enum frame_opcode opcode, bool is_compressed,
			uint64_t length)
{
	size_t i, bytes;

	out[0] = (uint8_t)(0x80 | (is_compressed ? 0x40 : 0) | opcode);
	if (length < 126) {
		out[1] = (uint8_t)length;
		return 2;
	}
	bytes = length < 65536 ? 2 : 8;
	out[1] = bytes == 2 ? 126 : 127;
	for (i = 0; i < bytes; i++)
		out[2 + i] = (uint8_t)(length >> (8 * (bytes - 1 - i)));
	return 2 + bytes;
}

bool close_code_valid(unsigned code)
{
	if (code >= 3000 && code <= 4999)
		return true;
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

int close_read(const uint8_t *payload, size_t len)
{
	unsigned code;

	if (len == 0)
		return CLOSE_NO_CODE;
	if (len == 1)
		return -CLOSE_PROTOCOL;
	code = (unsigned)payload[0] << 8 | payload[1];
	if (!close_code_valid(code))
		return -CLOSE_PROTOCOL;
	if (!utf8_valid(payload + 2, len - 2))
		return -CLOSE_BAD_DATA;
	return (int)code;
}
