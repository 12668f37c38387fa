/* listen.h - the sockets that this program binds by itself.  FastCGI knows no passwords: who can reach the socket can
 * claim to be anybody, so it is on loopback unless an address is named, and a unix socket is for its group alone.
 * Threads: main, at start and end. */
#ifndef WXCHAT_LISTEN_H
#define WXCHAT_LISTEN_H

#include <sys/types.h>

struct listener {
	int fd;
	char path[108];		/* of a unix socket that we made; else "" */
	dev_t dev;		/* whose file is that path still? */
	ino_t ino;
};

/* where: ":9000" (loopback), "ADDRESS:PORT", "[IPv6]:PORT", "/path.sock" or "unix:/path.sock"; port 0 takes a free
 * one.  A socket on which somebody answers, or might, is not taken over.  0; -EINVAL when it is nothing of the kind, -EADDRNOTAVAIL
 * when it cannot be had, with why filled. */
int listen_open(struct listener *l, const char *where, char why[static 200]);

/* A descriptor that somebody else bound. */
void listen_take(struct listener *l, int fd);

/* Closes, and removes the path if it is still ours. */
void listen_close(struct listener *l);

/* Where it listens, for people. */
void listen_name(const struct listener *l, char *out, size_t size);

/* The descriptor that the service manager passed on; -1 when there is none. */
int listen_activated(void);

/* Is the descriptor a socket that nobody is connected to? */
int listen_is_listening(int fd);

#endif
