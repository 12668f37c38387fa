/* http_loop.h - requests to other servers for which no thread waits: one thread of the loop's own carries out as many at once
 * as there are, over libcurl's multi interface.  The same rules and errors as http.h.
 * Threads:  any may submit; done is called in the loop's, and must neither wait nor take long.
 * Waiting:  nobody. */
#ifndef WXCHAT_HTTP_LOOP_H
#define WXCHAT_HTTP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

struct http_loop;
struct http_flight;	/* the loop's, for a job under way */

/* One request.  Its maker fills it, and keeps it and what it points to until done has been called. */
struct http_job {
	struct http_request request;
	const char *ca_file;		/* as in struct http_options */
	int64_t not_before_ms;		/* monotonic; 0: at once.  request.timeout_ms counts from then */
	/* r and answer as http_perform leaves them; the answer is the job's until then, done frees its body. */
	void (*done)(void *arg, int r, struct http_answer *answer);
	void *arg;

	struct http_job *next;		/* the loop's */
};

/* Starts the thread.  kept: connections kept open between requests.  0 or a negative errno. */
int http_loop_start(unsigned kept, struct http_loop **out);

/* done is called once, sooner or later: later than this returns, or before that. */
void http_loop_submit(struct http_loop *l, struct http_job *job);

/* Waits up to deadline_ms until all that was submitted is done, and ends the thread.  Nobody may submit any more but from
 * done.  false: not yet, and nothing of it may be freed.  NULL is fine. */
bool http_loop_stop(struct http_loop *l, int deadline_ms);

#endif
