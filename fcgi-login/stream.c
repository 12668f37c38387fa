/* stream.c - FastCGI over libfcgi, and plain CGI.  Knows bytes and no HTTP.
 *
 * The connection is accepted by our caller and handed to libfcgi, whose own accept takes a lack of descriptors for a
 * shutdown, sets no timeout, and cannot be stopped from outside.  keepConnection tells FCGX_Accept_r that the
 * descriptor put into ipcFd is open; the web server's flag replaces it as soon as the request begins. */
#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"

/* how long a close waits for a peer that neither ends its request nor closes */
enum { LINGER_MS = 500 };
#define LINGER_MS_TEXT "500"

/* A web server that does not wait for a body itself lets each slow one have a thread: so long a body may take to begin, and
 * so much of it must come in each second from then on. */
enum { BODY_BEGINS_MS = 10000, BODY_LEAST_KB_S = 4 };

/* what a fresh connection takes without its peer's help, whatever it is */
enum { TAKEN_AT_ONCE = 8192 };

static void limit_wait(int fd, int what, unsigned ms)
{
	const struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, what, &t, sizeof(t));
}

int fastcgi_init(void)
{
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", LINGER_MS_TEXT, 0);	/* read once, by FCGX_Init */
	if (FCGX_Init() != 0)
		return -ENOSYS;
	signal(SIGPIPE, SIG_IGN);	/* FCGX_Init replaces it by a handler that does nothing */
	return 0;
}

/* The next of what is here, or, where nothing is, one byte that is waited for; 0 at the end. */
static int read_some(FCGX_Stream *in, char *out, size_t size)
{
	size_t here = in->rdNext == in->stop ? 1 : (size_t)(in->stop - in->rdNext);

	return FCGX_GetStr(out, (int)(here < size ? here : size), in);
}

/* libfcgi reads until out is full, however long each byte is in coming: the time of it all is looked at here. */
static int fastcgi_read(void *arg, char *out, size_t size)
{
	struct fastcgi *f = arg;
	FCGX_Stream *in = f->fcgx.in;
	size_t n = 0;
	int some = 1;

	if (size > INT_MAX)
		size = INT_MAX;
	for (; n < size && some > 0; n += (size_t)some) {
		if (in->rdNext == in->stop && clock_mono_ms() > f->body_until_ms)
			return -EPROTO;
		some = read_some(in, out + n, size - n);
	}
	f->body_until_ms += (int64_t)n / BODY_LEAST_KB_S;
	if (n == 0 && FCGX_GetError(in) != 0)	/* a client that left, an abort, a timeout */
		return -EPROTO;
	return (int)n;
}

static int fastcgi_write(void *arg, const char *bytes, size_t len)
{
	struct fastcgi *f = arg;

	if (len > TAKEN_AT_ONCE)
		limit_wait(f->fcgx.ipcFd, SO_SNDTIMEO, f->idle_ms);
	while (len > 0) {
		int piece = len > 1 << 20 ? 1 << 20 : (int)len;

		if (FCGX_PutStr(bytes, piece, f->fcgx.out) != piece)
			return -EPIPE;
		bytes += piece;
		len -= (size_t)piece;
	}
	return 0;
}

/* The record that ends the body may still be on its way, and closing before it would reset the connection under the
 * answer; once it is here, or the peer has closed, nothing is left to linger for. */
static void fastcgi_end_input(void *arg)
{
	struct fastcgi *f = arg;
	char rest;

	if (f->fcgx.detached)
		return;
	limit_wait(f->fcgx.ipcFd, SO_RCVTIMEO, LINGER_MS);
	FCGX_GetStr(&rest, 1, f->fcgx.in);
	f->fcgx.detached = 1;
}

int fastcgi_open(struct fastcgi *f, int fd, unsigned idle_ms)
{
	limit_wait(fd, SO_RCVTIMEO, idle_ms);
	FCGX_InitRequest(&f->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR);
	f->fcgx.ipcFd = fd;
	f->fcgx.keepConnection = 1;
	if (FCGX_Accept_r(&f->fcgx) < 0)
		return -EPROTO;
	f->fcgx.keepConnection = 0;	/* a kept connection would pin this thread, and unread bytes could forge requests */
	f->idle_ms = idle_ms;
	f->body_until_ms = clock_mono_ms() + BODY_BEGINS_MS;
	f->stream = (struct stream){ .read = fastcgi_read, .write = fastcgi_write, .end_input = fastcgi_end_input, .arg = f };
	return 0;
}

void fastcgi_close(struct fastcgi *f, bool body_ended)
{
	/* the answer goes first: an authorizer's peer never ends a body that it never began */
	FCGX_FClose(f->fcgx.err);
	FCGX_FClose(f->fcgx.out);
	if (body_ended)
		fastcgi_end_input(f);
	FCGX_Finish_r(&f->fcgx);
}

static int cgi_read(void *arg, char *out, size_t size)
{
	ssize_t n;

	(void)arg;
	do
		n = read(STDIN_FILENO, out, size > INT_MAX ? INT_MAX : size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -EPROTO : (int)n;
}

static int cgi_write(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

void cgi_open(struct stream *stream)
{
	*stream = (struct stream){ .read = cgi_read, .write = cgi_write, .arg = NULL };
}
