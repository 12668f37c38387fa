/* input.h - from bytes as they arrive to whole messages: fragments put together, control frames between them, text
 * checked as it comes.  Knows frames and UTF-8, no sockets and no meaning.
 * Threads: the connection's.  Memory: nothing between messages; the message's own bytes within one. */
#ifndef WXCHAT_INPUT_H
#define WXCHAT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct input;

enum {
	INPUT_STOP = 1,		/* what a handler returns to be given nothing more now */
	EMPTY_FRAGMENTS_MAX = 1000	/* in one message; past it the peer only wants to keep us busy */
};

struct input_handler {
	/* A whole message.  data may be changed; it lives until the call returns.  Uncompressed text has been found to be UTF-8.
	 * 0, INPUT_STOP, or minus a close code. */
	int (*on_message)(void *arg, enum frame_opcode opcode, bool is_compressed, uint8_t *data, size_t len);
	int (*on_control)(void *arg, enum frame_opcode opcode, uint8_t *data, size_t len);
	uint64_t max_message;		/* bytes */
	uint64_t max_compressed;	/* bytes on the wire of a compressed one; 0 when none may come */
};

/* Feeds bytes[0..len), which are changed.  *in is NULL between messages.  Returns how many were used (fewer than len
 * only after INPUT_STOP), or minus the close code that the peer has earned (-CLOSE_INTERNAL when memory is short). */
int64_t input_feed(struct input **in, const struct input_handler *handler, void *arg, uint8_t *bytes, size_t len);

/* Keeps bytes for later (after INPUT_STOP); -ENOMEM.  input_has_held tells whether there are any. */
int input_hold(struct input **in, const uint8_t *bytes, size_t len);
bool input_has_held(const struct input *in);
const char *input_held(const struct input *in);
size_t input_held_len(const struct input *in);

/* Feeds what was held, like input_feed; what is not used stays held.  Returns 0, INPUT_STOP, or minus a close code. */
int input_feed_held(struct input **in, const struct input_handler *handler, void *arg);

void input_free(struct input *in);

#endif
