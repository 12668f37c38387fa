/* listener.c - sockets that listen, and connections taken from them. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "conn.h"
#include "bounds.h"
#include "server.h"
#include "text.h"
#include "unix_socket.h"
#include "worker.h"

struct listener {
	struct event ev;
	struct worker *worker;
	int spare_fd;		/* given up when there are no descriptors left, to answer one more */
	int most_fd;		/* a connection's descriptor is below it */
	uint32_t paused_ms;
	bool is_tcp, is_paused;
};

/* --- opening --- */

static int listening_add(struct server *s, int fd, bool is_tcp, unsigned worker)
{
	struct listening *more = realloc(s->listening, (s->listening_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->listening = more;
	s->listening[s->listening_count++] = (struct listening){ fd, is_tcp, worker };
	return 0;
}

/* One socket for every worker: each has a descriptor of its own. */
static int listening_share(struct server *s, int fd, bool is_tcp)
{
	unsigned i;
	int r;

	for (i = 0; i < s->worker_count; i++) {
		int own = i == 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);

		if (own < 0)
			return -errno;
		if ((r = listening_add(s, own, is_tcp, i)) < 0)
			return r;
	}
	return 0;
}

static void log_listening(int fd)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(a);
	char text[INET6_ADDRSTRLEN] = "";

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return;
	if (a.ss_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&a;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		log_info("listening", "address=%s:%u", text, ntohs(in->sin_port));
	} else if (a.ss_family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		log_info("listening", "address=[%s]:%u", text, ntohs(in6->sin6_port));
	} else {
		log_info("listening", "address=unix:%s", ((struct sockaddr_un *)&a)->sun_path);
	}
}

static int socket_open(const struct sockaddr *address, socklen_t len)
{
	int one = 1, r;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (address->sa_family != AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		/* Inherited by what is accepted. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (address->sa_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	}
	if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int open_unix(struct server *s, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return -ENAMETOOLONG;
	if ((r = unix_socket_clear(path)) < 0)
		return r;
	fd = socket_open((struct sockaddr *)&address, sizeof(address));
	if (fd < 0)
		return fd;
	if (chmod(path, 0660) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	log_listening(fd);
	return listening_share(s, fd, false);
}

/* "1.2.3.4:80" or "[::1]:80"; the form has been checked with the configuration. */
static socklen_t address_parse(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool is_v6 = *text == '[';
	unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;

	memset(out, 0, sizeof(*out));
	if (!colon || len >= sizeof(host) || (is_v6 && len < 3) || port > UINT16_MAX)
		return 0;
	memcpy(host, text + is_v6, len - 2u * is_v6);
	host[len - 2u * is_v6] = '\0';
	if (is_v6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? sizeof(*in6) : 0;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? sizeof(*in) : 0;
}

static int open_tcp(struct server *s, const char *text)
{
	struct sockaddr_storage address;
	socklen_t len = address_parse(text, &address);
	unsigned i;
	int fd, r;

	if (len == 0)
		return -EINVAL;
	for (i = 0; i < s->worker_count; i++) {
		fd = socket_open((struct sockaddr *)&address, len);
		if (fd < 0)
			return fd;
		if (i == 0) {
			socklen_t size = sizeof(address);

			/* Port 0 was a wish for any: the others take the same one. */
			getsockname(fd, (struct sockaddr *)&address, &size);
			log_listening(fd);
		}
		if ((r = listening_add(s, fd, true, i)) < 0)
			return r;
	}
	return 0;
}

static int open_inherited(struct server *s, int count)
{
	int i, r;

	for (i = 0; i < count; i++) {
		int fd = 3 + i, domain = 0;
		socklen_t len = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
			return -errno;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		if (i == 0)
			log_listening(fd);
		/* One a worker where there are as many; every one is accepted from by somebody. */
		r = (unsigned)count >= s->worker_count
			    ? listening_add(s, fd, domain != AF_UNIX, (unsigned)i % s->worker_count)
			    : listening_share(s, fd, domain != AF_UNIX);
		if (r < 0)
			return r;
	}
	return 0;
}

int listener_open(struct server *s, int inherited, char why[static 200])
{
	char list[1024], *item, *save = NULL;
	int r = 0;

	if (inherited > 0) {
		if ((r = open_inherited(s, inherited)) < 0)
			snprintf(why, 200, "the sockets that were handed over cannot be used: %s", strerror(-r));
		return r;
	}
	snprintf(list, sizeof(list), "%s", s->config->push.listen);
	for (item = strtok_r(list, ", ", &save); item && r == 0; item = strtok_r(NULL, ", ", &save)) {
		r = strncmp(item, "unix:", 5) == 0 ? open_unix(s, item + 5) : open_tcp(s, item);
		if (r < 0)
			snprintf(why, 200, "[push] listen: %s: %s", item, strerror(-r));
	}
	return r;
}

void listener_close(struct server *s)
{
	unsigned i;

	for (i = 0; i < s->listening_count; i++)
		close(s->listening[i].fd);
	free(s->listening);
	s->listening = NULL;
	s->listening_count = 0;
}

/* --- accepting --- */

static void peer_address(const struct sockaddr_storage *a, uint8_t out[static 16])
{
	memset(out, 0, IPADDR_LEN);
	if (a->ss_family == AF_INET)
		ipaddr_from_v4(&((const struct sockaddr_in *)a)->sin_addr, out);
	else if (a->ss_family == AF_INET6)
		memcpy(out, &((const struct sockaddr_in6 *)a)->sin6_addr, IPADDR_LEN);
}

static void listener_pause(struct listener *l)
{
	event_del(&l->ev);
	l->is_paused = true;
	l->paused_ms = worker_now();
}

/* Says that there is no room, and closes. */
static void listener_refuse(struct listener *l, int fd)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\n"
				     "Connection: close\r\n\r\n";
	char unread[4096];
	unsigned reads;

	if (!l->worker->server->tls || !l->is_tcp)
		send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	/* Closing over unread bytes would reset the connection, and the answer with it. */
	for (reads = 0; reads < 4 && recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0; reads++)
		;
	close(fd);
	metric_add(&l->worker->metrics.refused_descriptors, 1);
}

/* No descriptors left: the spare one serves to say so to one of those who wait; the others wait a moment. */
static void listener_starved(struct listener *l, int accepted)
{
	struct worker *w = l->worker;
	int fd = accepted;

	if (fd < 0 && l->spare_fd >= 0) {
		close(l->spare_fd);
		fd = accept4(event_get_fd(&l->ev), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		l->spare_fd = -1;
	}
	if (fd >= 0)
		listener_refuse(l, fd);
	if (l->spare_fd < 0)
		l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (log_allowed(&w->log_limit, 1, clock_mono_ms()))
		log_warn("no-descriptors", "connections=%u more=\"raise the limit: ulimit -n, LimitNOFILE=\"",
			 w->conn_count);
	listener_pause(l);
}

/* The first descriptor that is not for connections: each worker keeps one back, or the workers would take each other's
 * spare ones, and then nobody could be answered. */
static int listener_most(const struct server *s)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > INT_MAX)
		return INT_MAX;
	return (int)files.rlim_cur - (int)s->worker_count;
}

static void listener_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	struct worker *w = l->worker;
	unsigned i;

	(void)what;
	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage address = { 0 };
		socklen_t len = sizeof(address);
		uint8_t peer[16];
		int conn_fd = accept4(fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn_fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				listener_starved(l, -1);
			else if (errno == ECONNABORTED || errno == EINTR)
				continue;
			return;
		}
		if (conn_fd >= l->most_fd) {
			listener_starved(l, conn_fd);
			return;
		}
		metric_add(&w->metrics.accepted, 1);
		peer_address(&address, peer);
		conn_new(w, conn_fd, peer, w->server->tls && l->is_tcp);
	}
}

int listener_start(struct worker *w)
{
	const struct server *s = w->server;
	unsigned i, n = 0;

	w->listeners = calloc(s->listening_count ? s->listening_count : 1, sizeof(*w->listeners));
	if (!w->listeners)
		return -ENOMEM;
	for (i = 0; i < s->listening_count; i++) {
		struct listener *l = &w->listeners[n];

		if (s->listening[i].worker != w->index)
			continue;
		l->worker = w;
		l->is_tcp = s->listening[i].is_tcp;
		l->most_fd = listener_most(s);
		l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		event_assign(&l->ev, w->base, s->listening[i].fd, EV_READ | EV_PERSIST, listener_on_event, l);
		if (event_add(&l->ev, NULL) < 0)
			return -ENOMEM;
		w->listener_count = ++n;
	}
	return 0;
}

void listener_stop(struct worker *w)
{
	unsigned i;

	for (i = 0; i < w->listener_count; i++) {
		event_del(&w->listeners[i].ev);
		if (w->listeners[i].spare_fd >= 0)
			close(w->listeners[i].spare_fd);
	}
	free(w->listeners);
	w->listeners = NULL;
	w->listener_count = 0;
}

void listener_tick(struct worker *w)
{
	unsigned i;

	for (i = 0; i < w->listener_count; i++) {
		struct listener *l = &w->listeners[i];

		if (l->is_paused && worker_now() - l->paused_ms >= ACCEPT_PAUSE_MS && event_add(&l->ev, NULL) == 0)
			l->is_paused = false;
	}
}
