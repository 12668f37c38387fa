/* floor.c - what fan-out costs the kernel: a server that knows nothing.  It says yes to every handshake, and whatever one
 * client says makes it send() the same prepared frame to all.
 *   floor [-b bytes of the payload]        prints "listening PORT" */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/usage.h"

enum { EVENTS = 256, CLIENTS_MAX = 65536 };

static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static int clients[CLIENTS_MAX];
static unsigned client_count;
static bool is_open[CLIENTS_MAX];	/* by descriptor: its handshake is over */

static size_t frame_make(uint8_t *out, size_t len)
{
	size_t at = 2;

	out[0] = 0x81;
	out[1] = (uint8_t)len;
	if (len >= 126) {
		out[1] = 126;
		out[2] = (uint8_t)(len >> 8);
		out[3] = (uint8_t)len;
		at = 4;
	}
	memset(out + at, 'x', len);
	memcpy(out + at, "{\"type\":\"remote\",\"content\":\"", 28);
	return at + len;
}

static void client_remove(int fd)
{
	unsigned i;

	for (i = 0; i < client_count; i++)
		if (clients[i] == fd)
			clients[i] = clients[--client_count];
	is_open[fd] = false;
	close(fd);
}

static void client_accept(int epoll, int listening)
{
	struct epoll_event event = { .events = EPOLLIN };
	int one = 1, fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (fd >= CLIENTS_MAX)
		die("too many clients");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	event.data.fd = fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void client_read(int fd, const uint8_t *frame, size_t len)
{
	char bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	unsigned i;

	if (n <= 0) {
		client_remove(fd);
	} else if (!is_open[fd]) {
		is_open[fd] = true;
		clients[client_count++] = fd;
		send(fd, yes, sizeof(yes) - 1, MSG_NOSIGNAL);
	} else {
		for (i = 0; i < client_count; i++)
			if (send(clients[i], frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
				die("a client does not keep up");
	}
}

int main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN }, events[EVENTS];
	socklen_t size = sizeof(address);
	uint8_t frame[8192];
	size_t bytes = 256, len;
	int listening, epoll, option, i, n;

	while ((option = getopt(argc, argv, "b:")) != -1) {
		if (option != 'b' || (bytes = strtoul(optarg, NULL, 10)) < 32 || bytes > sizeof(frame) - 4)
			die("usage: floor [-b BYTES], from 32 on");
	}
	len = frame_make(frame, bytes);
	descriptors_raise();
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listening, 4096) < 0 || getsockname(listening, (struct sockaddr *)&address, &size) < 0)
		die("cannot listen: %s", strerror(errno));
	event.data.fd = listening;
	epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
	printf("listening %u\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		n = epoll_wait(epoll, events, EVENTS, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == listening)
				client_accept(epoll, listening);
			else
				client_read(events[i].data.fd, frame, len);
		}
	}
}
