/* history_record.h - how rooms and messages are written down in the history's tables.
 * Knows bytes; no transaction, no key, no clock.
 * Threads: any.  Decoders read nothing past len, and leave *out alone unless they return 0; -EBADMSG otherwise. */
#ifndef WXCHAT_HISTORY_RECORD_H
#define WXCHAT_HISTORY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

enum {
	ROOM_RECORD_LEN = 1 + 4 + 8 + 8,
	MESSAGE_KEY_LEN = 4 + 8,
	RECORD_HEAD_MAX = 1 + 1 + 8 + 8 + 8 + 1 + UID_LEN + 1
};

/* A room: the number that stands for its name in keys, the oldest message kept, the last one given. */
struct room_record {
	uint32_t number;
	uint64_t first, last;
};
void room_record_encode(const struct room_record *room, uint8_t out[static ROOM_RECORD_LEN]);
int room_record_decode(const void *p, size_t len, struct room_record *out);

/* room's number and id: the key of a message. */
void message_key_encode(uint32_t room, uint64_t id, uint8_t out[static MESSAGE_KEY_LEN]);

/* A message but for its text, which follows sealed (see history_erase.h); a recalled one has none. */
struct message_record {
	int64_t time_ms;
	bool is_recalled;
	uint64_t slot, nonce;		/* the key that the text is sealed with */
	const char *uid;		/* NUL-ended, borrowed from what was decoded */
	const uint8_t *sealed;
	size_t sealed_len;
};
/* Writes all but sealed; returns how many bytes.  uid has at most UID_LEN bytes. */
size_t message_record_encode(const struct message_record *message, uint8_t out[static RECORD_HEAD_MAX]);
size_t message_record_head_len(const char *uid);
int message_record_decode(const void *p, size_t len, struct message_record *out);

#endif
