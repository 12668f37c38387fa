/* frame.h - RFC 6455 section 5: the bytes of frames.  Knows no sockets, no rooms, no compression.
 * Threads: any; no state but the caller's. */
#ifndef WXCHAT_FRAME_H
#define WXCHAT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_opcode {
	FRAME_CONTINUATION = 0x0, FRAME_TEXT = 0x1, FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8, FRAME_PING = 0x9, FRAME_PONG = 0xa
};

/* Section 7.4.1, and the product's own. */
enum close_code {
	CLOSE_NONE = 0,			/* no close frame: the TCP connection just ends */
	CLOSE_NORMAL = 1000, CLOSE_GOING_AWAY = 1001, CLOSE_PROTOCOL = 1002, CLOSE_NO_CODE = 1005,
	CLOSE_BAD_DATA = 1007, CLOSE_POLICY = 1008, CLOSE_TOO_BIG = 1009, CLOSE_INTERNAL = 1011,
	CLOSE_RESTART = 1012,
	CLOSE_NO_SESSION = 4401, CLOSE_BANNED = 4403, CLOSE_SLOW = 4408, CLOSE_RATE = 4429
};

enum { FRAME_HEAD_MAX = 14, FRAME_CONTROL_MAX = 125 };

struct frame {
	uint64_t length;	/* of the payload, bytes */
	uint8_t mask[4];
	uint8_t opcode;
	bool is_final;
	bool is_compressed;	/* RSV1, RFC 7692 section 6 */
};

/* The head of one client frame, from p[0..len).  Returns its length and fills *out; 0 if more bytes are needed;
 * or minus the close code that the peer has earned.  RSV1 passes only where may_compress and on a data frame that
 * begins a message.  A payload over max_payload is -CLOSE_TOO_BIG; for control frames 125 is the limit. */
int frame_head(const uint8_t *p, size_t len, uint64_t max_payload, bool may_compress, struct frame *out);

/* XORs p[0..len) with the mask, offset bytes into the payload (section 5.3). */
void frame_unmask(uint8_t *p, size_t len, const uint8_t mask[static 4], uint64_t offset);

/* Writes the head of an unmasked server frame with FIN set; returns its length (2, 4 or 10). */
size_t frame_write_head(uint8_t out[static FRAME_HEAD_MAX], enum frame_opcode opcode, bool is_compressed,
			uint64_t length);

/* Whether a peer may send this code in a close frame (section 7.4). */
bool close_code_valid(unsigned code);

/* Reads a close frame's payload (section 5.5.1).  Returns the code to answer with, CLOSE_NO_CODE for an empty one;
 * minus a close code when malformed. */
int close_read(const uint8_t *payload, size_t len);

#endif
