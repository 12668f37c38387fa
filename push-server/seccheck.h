/* seccheck.h - asks WeChat's content check about the words of a message.
 * Threads: a struct wechat and a store_reader belong to one thread.  Waits: up to [check] timeout_ms for each piece. */
#ifndef WXCHAT_SECCHECK_H
#define WXCHAT_SECCHECK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"
#include "uid.h"
#include "wechat.h"

enum {
	SECCHECK_SCENE = 4,		/* social log: what is said to others */
	SECCHECK_CHARS_MAX = 2500	/* WeChat's limit; longer words are asked about in pieces */
};

enum seccheck { SECCHECK_PASS, SECCHECK_RISKY, SECCHECK_FAILED };

/* The verdict about words, said by uid in room.  What WeChat would have a human look at passes, with a line in the log.
 * users may be NULL while there is no store.  Once *stopping no further piece is asked about, and the check has failed. */
enum seccheck seccheck_words(struct wechat *wechat, struct store_reader *users, const char *room, const struct uid *uid,
			     const char *words, size_t len, const atomic_bool *stopping);

#endif
