/* stream.h - the two ways in which a web server speaks to this program: FastCGI over libfcgi, and plain CGI.
 * Threads:  a struct fastcgi belongs to one thread. */
#ifndef WXCHAT_STREAM_H
#define WXCHAT_STREAM_H

#include <fcgiapp.h>
#include <stdbool.h>

#include "request.h"

/* --- FastCGI: one request a connection --- */

struct fastcgi {
	FCGX_Request fcgx;
	struct stream stream;
	unsigned idle_ms;
	int64_t body_until_ms;	/* of clock_mono_ms; grows with what has been read */
};

/* Once in a process, before threads start.  0 or -ENOSYS. */
int fastcgi_init(void);

/* Reads the beginning of a request from a connection just accepted, and takes the descriptor: it is closed here on
 * an error, by fastcgi_close otherwise.  A peer that falls silent for idle_ms ends it, and so does a body
 * that comes in at less than 4 KB a second, but for its first ten seconds.  0 or -EPROTO. */
int fastcgi_open(struct fastcgi *f, int fd, unsigned idle_ms);

/* Ends the answer and closes.  body_ended: all of the request's content has been read. */
void fastcgi_close(struct fastcgi *f, bool body_ended);

/* --- plain CGI: descriptors 0 and 1, variables from the environment --- */

void cgi_open(struct stream *stream);

#endif
