/* listen.c - the sockets that this program binds by itself. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"
#include "unix_socket.h"

enum { ACTIVATED_FD = 3 };	/* sd_listen_fds(3) */

static int listen_fail(int fd, const char *where, const char *what, char why[static 200])
{
	snprintf(why, 200, "-s %.80s: %s", where, what);
	if (fd >= 0)
		close(fd);
	return -EADDRNOTAVAIL;
}

/* Why there is no way for a socket of ours. */
static int listen_barred(int r, const char *where, char why[static 200])
{
	char what[100];

	if (r == -EADDRINUSE)
		return listen_fail(-1, where, "somebody else answers there", why);
	if (r == -EEXIST)
		return listen_fail(-1, where, "there is a file that is no socket", why);
	snprintf(what, sizeof(what), "the socket that is there is not ours to take: %s", strerror(-r));
	return listen_fail(-1, where, what, why);
}

static int listen_unix(struct listener *l, const char *where, const char *path, char why[static 200])
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int fd, r;

	if (!text_copy(sa.sun_path, sizeof(sa.sun_path), path))
		return listen_fail(-1, where, "the path is too long for a socket", why);
	if ((r = unix_socket_clear(path)) < 0)
		return listen_barred(r, where, why);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return listen_fail(-1, where, strerror(errno), why);
	mask = umask(0117);
	r = bind(fd, (const struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (r < 0 || listen(fd, SOMAXCONN) < 0 || lstat(path, &st) < 0)
		return listen_fail(fd, where, strerror(errno), why);
	l->fd = fd;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	text_copy(l->path, sizeof(l->path), path);
	return 0;
}

/* ":9000", "1.2.3.4:9000" or "[::1]:9000" */
static bool read_address(const char *where, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(where, ':');
	char host[64], *end;
	unsigned long port;
	size_t n;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	port = strtoul(colon + 1, &end, 10);
	n = (size_t)(colon - where);
	if (port > 65535 || n >= sizeof(host))
		return false;
	memcpy(host, where, n);
	host[n] = '\0';
	memset(out, 0, sizeof(*out));
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*len = sizeof(*six);
		return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	*len = sizeof(*four);
	return inet_pton(AF_INET, n == 0 || !strcmp(host, "localhost") ? "127.0.0.1" : host, &four->sin_addr) == 1;
}

int listen_open(struct listener *l, const char *where, char why[static 200])
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, on = 1;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	if (!strncmp(where, "unix:", 5))
		return listen_unix(l, where, where + 5, why);
	if (strchr(where, '/'))
		return listen_unix(l, where, where, why);
	if (!read_address(where, &sa, &len)) {
		listen_fail(-1, where, ":PORT, ADDRESS:PORT, [IPv6]:PORT or /path.sock is wanted", why);
		return -EINVAL;
	}
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return listen_fail(-1, where, strerror(errno), why);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));	/* accepted sockets inherit it */
	if (bind(fd, (const struct sockaddr *)&sa, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return listen_fail(fd, where, strerror(errno), why);
	l->fd = fd;
	return 0;
}

void listen_take(struct listener *l, int fd)
{
	memset(l, 0, sizeof(*l));
	l->fd = fd;
}

void listen_close(struct listener *l)
{
	struct stat st;

	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (*l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
}

void listen_name(const struct listener *l, char *out, size_t size)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(sa);
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in *four = (const struct sockaddr_in *)&sa;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&sa;

	if (*l->path) {
		snprintf(out, size, "%s", l->path);
		return;
	}
	if (getsockname(l->fd, (struct sockaddr *)&sa, &len) < 0)
		sa.ss_family = AF_UNSPEC;
	if (sa.ss_family == AF_INET) {
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, ntohs(four->sin_port));
	} else if (sa.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(out, size, "[%s]:%u", host, ntohs(six->sin6_port));
	} else {
		snprintf(out, size, "descriptor-%d", l->fd);
	}
}

int listen_activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid() || strtol(count, NULL, 10) < 1)
		return -1;
	return ACTIVATED_FD;
}

int listen_is_listening(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return getpeername(fd, (struct sockaddr *)&sa, &len) < 0 && errno == ENOTCONN;
}
