/* fuzz_history_record.c - records as a damaged disk might give them back: no byte is read past their end, and
 * whatever is accepted is written again as it was. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "push-server/history_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1), again[RECORD_HEAD_MAX];
	struct message_record message;
	struct room_record room;
	size_t head;

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	if (room_record_decode(bytes, size, &room) == 0) {
		room_record_encode(&room, again);
		assert(memcmp(again, bytes, size) == 0);
	}
	if (message_record_decode(bytes, size, &message) == 0) {
		head = message_record_encode(&message, again);
		assert(head + message.sealed_len == size && message.sealed == bytes + head);
		assert(memcmp(again, bytes, head) == 0);
	}
	free(bytes);
	return 0;
}
