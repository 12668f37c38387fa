/* webhook.h - what the owner's backend is told and asked: POSTs of JSON, signed.
 *   X-Wxchat-Timestamp: Unix seconds
 *   X-Wxchat-Signature: sha256=<hex HMAC-SHA-256, keyed by [webhook] secret, of timestamp "." body>
 * A report:   {"type":"events","batch":B,"events":[{"event":"join","room":R,"time":MS,"user":UID}, …]}; any 2xx takes it.
 * A question: {"type":"message","room":R,"uid":UID,"message":{…}}; answered by 2xx with nothing or {"allow":true}, by
 *             {"allow":false,"message":"why"}, or by {"replace":{…}} with other fields for the message.
 * Threads:  webhook_post any; the pure functions any; an http handle is one thread's. */
#ifndef WXCHAT_WEBHOOK_H
#define WXCHAT_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "hooks.h"
#include "http.h"
#include "request.h"

enum {
	WEBHOOK_SIGNATURE_SIZE = 7 + 64 + 1,
	WEBHOOK_BATCH_MAX = 100,		/* events in one report */
	WEBHOOK_BATCH_BYTES = 256 << 10,
	WEBHOOK_QUEUE_BYTES = 16 << 20,		/* past it, as past [webhook] queue, events are dropped */
	WEBHOOK_TRIES = 5,			/* after 1, 2, 4 and 8 seconds; then the batch is dropped */
	WEBHOOK_GATHER_MS = 200			/* how long the first event of a batch waits for others */
};

/* --- pure --- */

const char *webhook_event_name(enum hook_event kind);
int webhook_sign(const char *secret, int64_t time_s, const char *body, size_t len,
		 char out[static WEBHOOK_SIGNATURE_SIZE]);

/* Appends one event as a JSON object; arguments as hooks_event's. */
int webhook_event(struct buf *out, enum hook_event kind, const char *room, const struct uid *uid, uint64_t id,
		  int64_t time_ms, const char *text, size_t len);

/* Appends the question about a message. */
int webhook_question(struct buf *out, const struct ask *ask);

enum webhook_verdict { WEBHOOK_ALLOW, WEBHOOK_REFUSE, WEBHOOK_REPLACE };

/* Reads the backend's answer: a verdict, with the reason (NUL-ended, may be "") in why; -EMSGSIZE for one
 * that is nested too deep, as an answer is that holds a message which is as deep as may be; -EPROTO for anything else. */
enum { WEBHOOK_WHY_SIZE = 256 };
int webhook_verdict(const char *body, size_t len, char why[static WEBHOOK_WHY_SIZE]);

/* Puts the fields of the answer's "replace" in place of those that the client sent; what the server added, and the cid,
 * stays.  -EPROTO when they are not an object, -EMSGSIZE when that is longer than max, -ENOMEM; the ask is then as before. */
int webhook_rewrite(struct ask *ask, const char *body, size_t len, size_t max);

/* --- asking about messages: each thread has its own --- */

/* Asks; fills why when refused, rewrites the ask when told so.  Waits up to [webhook] timeout_ms.
 * ERR_NONE, ERR_FORBIDDEN, ERR_TOO_LARGE when the answer or what it puts in place is too large or too deep, ERR_STORE when
 * memory is short; *failed when the backend gave no usable answer (the caller decides then). */
enum error webhook_ask(struct http *http, const struct config *config, struct ask *ask,
		       char why[static WEBHOOK_WHY_SIZE], bool *failed);

/* One signed POST; 0 when a 2xx came back.  answer->body is the caller's to free, whatever is returned. */
int webhook_send(struct http *http, const struct config *config, unsigned timeout_ms, const char *body, size_t len,
		 struct http_answer *answer);

/* --- reporting events: webhook_report.c --- */

struct webhook;
struct webhook *webhook_new(const struct config *config);	/* NULL when memory or threads are short */
/* Tries once more to report what waits, then ends the thread. */
void webhook_free(struct webhook *w);

bool webhook_wants(const struct webhook *w, enum hook_event kind);
void webhook_post(struct webhook *w, enum hook_event kind, const char *room, const struct uid *uid, uint64_t id,
		  int64_t time_ms, const char *text, size_t len);
void webhook_stats(struct webhook *w, struct hooks_stats *out);

#endif
