/* http_loop.h - requests to other servers for which no thread waits: one thread of the loop's own carries out many at once
 * over libcurl's multi interface.  The same rules and errors as http.h, and -EBUSY when no place came free in time.
 * Threads:  any may submit; done is called in the loop's, and must neither wait nor take long.
 * Waiting:  nobody. */
#ifndef WXCHAT_HTTP_LOOP_H
#define WXCHAT_HTTP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

struct http_loop;

/* One request.  Its maker fills it, and keeps it and what it points to until done has been called. */
struct http_job {
	struct http_request request;
	const char *ca_file;		/* as in struct http_options */
	int64_t not_before_ms;		/* monotonic; 0: at once.  request.timeout_ms counts from then */
	/* r and answer as http_perform leaves them; the answer is the job's until then, done frees its body. */
	void (*done)(void *arg, int r, struct http_answer *answer);
	void *arg;

	int64_t give_up_ms;		/* the loop's */
	struct http_job *next;
};

/* Starts the thread.  at_once requests are under way at once, over connections that are kept; up to HTTP_LOOP_WAITING times
 * as many wait for a place, wait_ms at most.  0 or a negative errno. */
enum { HTTP_LOOP_WAITING = 4 };
int http_loop_start(unsigned at_once, unsigned wait_ms, struct http_loop **out);

/* done is called once, sooner or later: later than this returns, or before that. */
void http_loop_submit(struct http_loop *l, struct http_job *job);

/* Waits up to deadline_ms until all that was submitted is done, and ends the thread.  Nobody may submit any more but from
 * done.  false: not yet, and nothing of it may be freed.  NULL is fine. */
bool http_loop_stop(struct http_loop *l, int deadline_ms);

#endif
