/* operate.h - asks rooms, and changes what is kept about people, on the operator's behalf.
 * Threads:  any.  done is called once, in a worker's thread, with the answer (see struct ask): it must not wait.
 * Waiting:  only the functions whose names say so: not in a worker's thread. */
#ifndef WXCHAT_OPERATE_H
#define WXCHAT_OPERATE_H

#include "buf.h"
#include "error.h"
#include "history.h"
#include "request.h"

struct server;

enum { OPERATE_WAIT_MS = 5000 };

typedef void operate_done(struct ask *ask, const char *json, size_t len);

/* An ask by the operator, to be filled further and given to home_ask_from_any.  NULL when memory is short. */
struct ask *operate_new(enum request_kind kind, const char *room, operate_done *done, void *context);

/* One change of a table: value for HISTORY_SET, amount for HISTORY_ADD and HISTORY_RAISE. */
struct change {
	enum history_verb verb;
	enum room_table table;
	const void *key;
	size_t key_len;
	const void *value;
	size_t value_len;
	int64_t amount;
};

/* The done function hears of it when it is on disk, or refused.  -EAGAIN, -ESHUTDOWN, -ENOMEM: then it is not called. */
int operate_change(struct server *s, const struct change *change, operate_done *done, void *context);

/* The same, and wait: 0, -ETIMEDOUT, -ENOMEM or as history_submit.  A refusal is an answer too. */
int operate_ask_wait(struct server *s, struct ask *ask, struct buf *answer);
int operate_change_wait(struct server *s, const struct change *change, struct buf *answer);

/* Recalls a message, and waits: ERR_NONE, why it was refused, or ERR_STORE when there was no answer. */
enum error operate_recall_wait(struct server *s, const char *room, uint64_t id);

/* Appends what done was given, as one whole object: a message comes without its opening brace. */
int operate_take(struct buf *answer, const char *json, size_t len);

/* Is the answer a refusal?  ERR_NONE if not; message (when not NULL) is set to the refusal's words. */
enum error operate_refusal(const char *json, size_t len, struct buf *message);

#endif
