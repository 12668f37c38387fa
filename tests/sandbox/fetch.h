/* fetch.h - one HTTP request to a loopback address, without waiting for the answer. */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct fetch;

/* status 0: no answer came.  body is borrowed for the call, and ends with a NUL beyond len. */
typedef void fetch_done(void *arg, int status, const char *body, size_t len);

/* Is it http to 127.0.0.0/8 or localhost?  Nothing else is ever fetched. */
bool fetch_allows(const char *url);

/* POSTs body (GETs, if body is NULL).  The url must be allowed; all texts are copied.  done
 * is called once, later, from the loop; the fetch is gone then. */
struct fetch *fetch_start(struct event_base *base, const char *url, const char *type,
			  const char *body, int timeout_ms, fetch_done *done, void *arg);

/* Ends it without calling done. */
void fetch_cancel(struct fetch *fetch);

#endif
