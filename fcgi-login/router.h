/* router.h - from a request to its handler and from the handler's word to the answer.
 * Threads: any; worker and request are the caller's. */
#ifndef WXCHAT_ROUTER_H
#define WXCHAT_ROUTER_H

#include "service.h"

/* Serves one request to its answer.  trusted is request_init's word on it. */
void router_serve(struct worker *w, struct request *rq, bool trusted, int64_t now_ms);

#endif
