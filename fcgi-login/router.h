/* router.h - from a request to its handler and from the handler's word to the answer.
 * Threads: any; worker and request are the caller's. */
#ifndef WXCHAT_ROUTER_H
#define WXCHAT_ROUTER_H

#include "service.h"

/* Serves one request.  c is filled here; it and the request live until on_ended, which is called
 * once, when the answer has been sent: before this returns, or later by another thread if the handler has let go of this
 * one.  word is request_init's on the request. */
void router_serve(struct call *c, struct worker *w, struct request *rq, int word, int64_t now_ms,
		  void (*on_ended)(struct call *c));

/* For handlers that answer by themselves: sends what the call has, or what e means, and ends the call. */
void router_end(struct call *c, enum error e);

#endif
