/* admin_listen.c - from the words of the configuration to listening sockets. */
#include "admin_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unix_socket.h"

enum { ADMIN_BACKLOG = 64, LISTENERS_ADMIN_MAX = 8 };

static bool unix_parse(struct admin_listener *l, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&l->address;

	if (path[0] != '/' || strlen(path) >= sizeof(un->sun_path))
		return false;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	l->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	return true;
}

static bool inet_parse(struct admin_listener *l)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found;
	char host[256], *colon = strrchr(l->text, ':'), *name = host;
	size_t len;

	if (colon == NULL || (len = (size_t)(colon - l->text)) >= sizeof(host))
		return false;
	memcpy(host, l->text, len);
	host[len] = '\0';
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		name++;
	}
	if (getaddrinfo(*name == '\0' ? NULL : name, colon + 1, &hints, &found) != 0)
		return false;
	memcpy(&l->address, found->ai_addr, found->ai_addrlen);
	l->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

int admin_listeners(const char *list, struct admin_listener **out, unsigned *count, char why[static 200])
{
	static const char between[] = ", \t";

	*count = 0;
	if ((*out = calloc(LISTENERS_ADMIN_MAX, sizeof(**out))) == NULL)
		return -ENOMEM;
	while (*(list += strspn(list, between)) != '\0') {
		size_t len = strcspn(list, between);
		struct admin_listener *l = &(*out)[*count];

		if (*count == LISTENERS_ADMIN_MAX) {
			snprintf(why, 200, "admin: listen: %d addresses at most", LISTENERS_ADMIN_MAX);
			return -EINVAL;
		}
		if ((l->text = strndup(list, len)) == NULL)
			return -ENOMEM;
		++*count;
		l->fd = -1;
		if (!(strncmp(l->text, "unix:", 5) == 0 ? unix_parse(l, l->text + 5) : inet_parse(l))) {
			snprintf(why, 200, "admin: listen: %.120s is no address", l->text);
			return -EINVAL;
		}
		list += len;
	}
	return 0;
}

void admin_listener_fini(struct admin_listener *l)
{
	if (l->is_open && l->address.ss_family == AF_UNIX)
		unlink(l->text + 5);
	free(l->text);
}

static void name_bound(struct admin_listener *l)
{
	struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(at);
	char host[64], port[16];

	snprintf(l->bound, sizeof(l->bound), "%s", l->text);
	if (l->address.ss_family == AF_UNIX || getsockname(l->fd, (struct sockaddr *)&at, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(l->bound, sizeof(l->bound), at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int admin_listen(struct admin_listener *l)
{
	bool is_unix = l->address.ss_family == AF_UNIX;
	int on = 1, r;

	if (is_unix && (r = unix_socket_clear(l->text + 5)) < 0)
		return r;
	l->fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	if (!is_unix)
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(l->fd, (struct sockaddr *)&l->address, l->len) < 0 ||
	    (is_unix && chmod(l->text + 5, 0660) < 0) || listen(l->fd, ADMIN_BACKLOG) < 0) {
		r = -errno;
		close(l->fd);
		l->fd = -1;
		return r;
	}
	name_bound(l);
	return 0;
}
