/* verdicts.h - WeChat judges images and sound minutes after they were uploaded: the login program puts what it hears
 * of them into the store's queue of events, and here the messages that show a risky file are recalled.
 * Threads:  one of its own, which looks once a second; verdicts_recalled any.
 * Kept:     how far the queue was read, in TABLE_MARKS ("events"); from its beginning again when that is no longer there.
 * Errors:   an event whose messages could not all be recalled is tried again, with pauses of up to a minute, for about an
 *           hour; then it is given up with a line in the log. */
#ifndef WXCHAT_VERDICTS_H
#define WXCHAT_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	VERDICTS_TICK_MS = 1000,
	VERDICTS_TRIES = 60,
	VERDICTS_REACH_MS = 24 * 3600 * 1000	/* how far back messages are searched for the file */
};

/* Does the event, {"kind":"media","url":U,"risky":true,…}, say that a file is risky?  Then its URL is appended. */
bool verdict_read(const char *json, size_t len, struct buf *url);

struct server;
struct verdicts;
struct verdicts *verdicts_new(struct server *s);	/* NULL when memory or threads are short */
void verdicts_stop(struct verdicts *v);
void verdicts_free(struct verdicts *v);
uint64_t verdicts_recalled(const struct verdicts *v);

#endif
