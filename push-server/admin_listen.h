/* admin_listen.h - the admin's addresses: ADDRESS:PORT, [IPv6]:PORT or unix:/path, several with commas.
 * Threads: the admin's. */
#ifndef WXCHAT_ADMIN_LISTEN_H
#define WXCHAT_ADMIN_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

struct admin_listener {
	char *text;			/* as configured; owned */
	struct sockaddr_storage address;
	socklen_t len;
	int fd;
	bool is_open, has_waited, has_failed;
	char bound[128];		/* where it listens, with the port that was found for 0 */
};

/* *out is freed by the caller, each listener by admin_listener_fini.  -EINVAL with why. */
int admin_listeners(const char *list, struct admin_listener **out, unsigned *count, char why[static 200]);
void admin_listener_fini(struct admin_listener *l);

/* Opens it: fd is whoever's accepts on it.  -EADDRINUSE, or another errno. */
int admin_listen(struct admin_listener *l);

#endif
