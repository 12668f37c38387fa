/* uid.h - a user's public id in ten bytes, as memory holds it; its text is 20 lower-case hex characters.
 * The store draws uids at random, so their bytes serve as a hash. */
#ifndef WXCHAT_UID_H
#define WXCHAT_UID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "encode.h"
#include "store.h"

struct uid {
	uint8_t b[UID_LEN / 2];
};

static inline bool uid_equal(const struct uid *a, const struct uid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline uint64_t uid_hash(const struct uid *u)
{
	uint64_t h;

	memcpy(&h, u->b, sizeof(h));
	return h;
}

static inline bool uid_parse(const char *text, size_t len, struct uid *out)
{
	return len == UID_LEN && hex_decode(text, len, out->b, sizeof(out->b)) == 0;
}

static inline void uid_text(const struct uid *u, char out[static UID_LEN + 1])
{
	hex_encode(u->b, sizeof(u->b), out);
}

#endif
