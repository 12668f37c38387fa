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

/* how long a close waits for a peer that neither ends its request nor closes */
enum { LINGER_MS = 500 };
#define LINGER_MS_TEXT "500"

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

static int fastcgi_read(void *arg, char *out, size_t size)
{
	struct fastcgi *f = arg;
	int n = FCGX_GetStr(out, size > INT_MAX ? INT_MAX : (int)size, f->fcgx.in);

	if (n == 0 && FCGX_GetError(f->fcgx.in) != 0)	/* a client that left, an abort, a timeout */
		return -EPROTO;
	return n;
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
