/* words.h - the JSON that the server says of its own accord: system objects, users, refusals.
 * Threads: any.  Errors: -ENOMEM; what was begun is then incomplete and to be thrown away. */
#ifndef WXCHAT_WORDS_H
#define WXCHAT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "post.h"
#include "store.h"

/* `{"type":"system","event":E,"room":R,"num":N`: the caller goes on with `,"name":value` and a closing brace.
 * cid and room may be NULL or empty: left out. */
int words_event(struct buf *out, const char *event, const char *room, uint32_t num, const char *cid);

/* Is p an event of that name, begun by words_event? */
bool words_is_event(const struct post *p, const char *event);

/* `{"uid":…,"nickName":…,"avatarUrl":…}` with `,"connections":n` when n is not 0. */
int words_user(struct buf *out, const struct member *who, unsigned connections);

/* A refusal, whole.  message NULL: the error's own. */
int words_refused(struct buf *out, enum error e, const char *message, const char *room, uint32_t num, const char *cid);

/* `,"name":"text"`. */
int words_text(struct buf *out, const char *name, const char *text);

/* Takes the bytes into an event; NULL when memory is short or r < 0.  The buf is freed. */
struct post *words_post(struct buf *words, int r, uint32_t num);

#endif
