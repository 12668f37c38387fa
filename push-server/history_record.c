/* history_record.c - how rooms and messages are written down. */
#include "history_record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "be.h"

enum {
	ROOM_VERSION = 1,
	MESSAGE_VERSION = 1,
	MESSAGE_RECALLED = 1,	/* flag */
	MESSAGE_FIXED = 1 + 1 + 8 + 8 + 8 + 1
};

void room_record_encode(const struct room_record *room, uint8_t out[static ROOM_RECORD_LEN])
{
	out[0] = ROOM_VERSION;
	be_put(out + 1, room->number, 4);
	be_put(out + 5, room->first, 8);
	be_put(out + 13, room->last, 8);
}

int room_record_decode(const void *p, size_t len, struct room_record *out)
{
	const uint8_t *in = p;

	if (len != ROOM_RECORD_LEN || in[0] != ROOM_VERSION)
		return -EBADMSG;
	out->number = (uint32_t)be_get(in + 1, 4);
	out->first = be_get(in + 5, 8);
	out->last = be_get(in + 13, 8);
	return 0;
}

void message_key_encode(uint32_t room, uint64_t id, uint8_t out[static MESSAGE_KEY_LEN])
{
	be_put(out, room, 4);
	be_put(out + 4, id, 8);
}

size_t message_record_head_len(const char *uid)
{
	return MESSAGE_FIXED + strlen(uid) + 1;
}

size_t message_record_encode(const struct message_record *message, uint8_t out[static RECORD_HEAD_MAX])
{
	size_t uid_len = strlen(message->uid);

	assert(uid_len <= UID_LEN);
	out[0] = MESSAGE_VERSION;
	out[1] = message->is_recalled ? MESSAGE_RECALLED : 0;
	be_put(out + 2, (uint64_t)message->time_ms, 8);
	be_put(out + 10, message->slot, 8);
	be_put(out + 18, message->nonce, 8);
	out[26] = (uint8_t)uid_len;
	memcpy(out + MESSAGE_FIXED, message->uid, uid_len + 1);
	return MESSAGE_FIXED + uid_len + 1;
}

int message_record_decode(const void *p, size_t len, struct message_record *out)
{
	const uint8_t *in = p;
	size_t uid_len;

	if (len < MESSAGE_FIXED || in[0] != MESSAGE_VERSION || in[1] & ~MESSAGE_RECALLED)
		return -EBADMSG;
	uid_len = in[26];
	if (uid_len > UID_LEN || len - MESSAGE_FIXED < uid_len + 1 ||
	    memchr(in + MESSAGE_FIXED, '\0', uid_len + 1) != in + MESSAGE_FIXED + uid_len)
		return -EBADMSG;
	out->is_recalled = in[1] & MESSAGE_RECALLED;
	out->time_ms = (int64_t)be_get(in + 2, 8);
	out->slot = be_get(in + 10, 8);
	out->nonce = be_get(in + 18, 8);
	out->uid = (const char *)in + MESSAGE_FIXED;
	out->sealed = in + MESSAGE_FIXED + uid_len + 1;
	out->sealed_len = len - MESSAGE_FIXED - uid_len - 1;
	return 0;
}
