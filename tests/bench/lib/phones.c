/* phones.c - the clients' sockets and frames (RFC 6455, the little of it that a well-behaved server makes them need). */
#include "phones.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "usage.h"

enum { PER_ADDRESS = 4000, EVENTS = 256, READ_BYTES = 256 << 10, SAY_MAX = 16384 };

static const char system_says[] = "{\"type\":\"system\"";

void phones_init(struct phones *p)
{
	unsigned i;

	p->all = calloc(p->count, sizeof(*p->all));
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!p->all || p->epoll < 0)
		die("not enough memory");
	for (i = 0; i < p->count; i++)
		p->all[i] = (struct phone){ .fd = -1, .index = i };
}

static void phone_end(struct phone *phone)
{
	if (phone->fd >= 0)
		close(phone->fd);
	*phone = (struct phone){ .fd = -1, .index = phone->index };
}

void phones_fini(struct phones *p)
{
	phones_drop(p);
	close(p->epoll);
	free(p->all);
}

void phones_drop(struct phones *p)
{
	unsigned i;

	for (i = 0; i < p->count; i++)
		phone_end(&p->all[i]);
	p->open = p->refused = p->begun = p->under_way = 0;
}

/* --- connecting --- */

/* One address has too few ports for all, so they come from several. */
static void phone_connect(struct phones *p, struct phone *phone)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = phone };
	int one = 1;

	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + phone->index / PER_ADDRESS);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)p->port);
	phone->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (phone->fd < 0)
		die("no socket: %s", strerror(errno));
	setsockopt(phone->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(phone->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (p->window)
		setsockopt(phone->fd, SOL_SOCKET, SO_RCVBUF, &p->window, sizeof(p->window));
	if (bind(phone->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		die("no address to connect from: %s", strerror(errno));
	if (connect(phone->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		die("cannot connect: %s", strerror(errno));
	phone->state = PHONE_CONNECTING;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, phone->fd, &event) < 0)
		die("epoll: %s", strerror(errno));
	p->under_way++;
}

static void phone_ask(struct phones *p, struct phone *phone)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = phone };
	char path[128], shown[256] = "", text[1024];
	int len;

	p->path(phone->index, path, sizeof(path), p->arg);
	if (p->sessions) {
		const struct session *s = &p->sessions[phone->index % p->session_count];

		snprintf(shown, sizeof(shown), "X-WX-Id: %s\r\nX-WX-Skey: %s\r\n", s->id, s->skey);
	}
	len = snprintf(text, sizeof(text),
		       "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", path, shown);
	if (send(phone->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		die("cannot ask: %s", strerror(errno));
	phone->state = PHONE_HANDSHAKE;
	epoll_ctl(p->epoll, EPOLL_CTL_MOD, phone->fd, &event);
}

static void phone_refused(struct phones *p, struct phone *phone)
{
	if (phone->state == PHONE_OPEN)
		die("the server has closed connection %u", phone->index);
	phone_end(phone);
	p->refused++;
	p->under_way--;
}

static void phone_opened(struct phones *p, struct phone *phone)
{
	phone->state = PHONE_OPEN;
	p->open++;
	p->under_way--;
}

/* Takes the answer's head off the socket and leaves what is behind it. */
static void phone_answered(struct phones *p, struct phone *phone)
{
	char text[2048], *end;
	ssize_t n = recv(phone->fd, text, sizeof(text) - 1, MSG_PEEK);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			phone_refused(p, phone);
		return;
	}
	text[n] = '\0';
	end = strstr(text, "\r\n\r\n");
	if (!end)
		return;
	if (recv(phone->fd, text, (size_t)(end + 4 - text), 0) < 0 || strncmp(text, "HTTP/1.1 101", 12) != 0) {
		phone_refused(p, phone);
		return;
	}
	if (p->is_welcomed)
		phone->state = PHONE_WELCOME;
	else
		phone_opened(p, phone);
}

/* --- frames --- */

static void phone_send(struct phone *phone, uint8_t opcode, const char *payload, size_t len)
{
	static uint8_t frame[SAY_MAX + 14];
	size_t at = 2;

	if (len > SAY_MAX)
		die("a message of %zu bytes is more than the bench says", len);
	frame[0] = 0x80 | opcode;
	if (len < 126) {
		frame[1] = (uint8_t)(0x80 | len);
	} else {
		frame[1] = 0x80 | 126;
		frame[2] = (uint8_t)(len >> 8);
		frame[3] = (uint8_t)len;
		at = 4;
	}
	memset(frame + at, 0, 4);	/* a mask of zeros is a mask */
	memcpy(frame + at + 4, payload, len);
	len += at + 4;
	if (send(phone->fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("connection %u takes nothing more: %s", phone->index, strerror(errno));
}

void phone_say(struct phone *phone, const char *text, size_t len)
{
	phone_send(phone, 1, text, len);
}

static void phone_frame(struct phones *p, struct phone *phone)
{
	bool is_system = phone->begin_len >= sizeof(system_says) - 1 &&
			 memcmp(phone->begin, system_says, sizeof(system_says) - 1) == 0;

	phone->head_len = 0;
	if (phone->opcode == 9) {
		phone_send(phone, 10, phone->begin, phone->begin_len);
	} else if (phone->opcode == 8) {
		phone_refused(p, phone);
	} else if (phone->state == PHONE_WELCOME) {
		if (is_system)
			phone_opened(p, phone);
		else
			phone_refused(p, phone);
	} else if (!is_system) {
		phone->received++;
		p->on_message(phone, p->arg);
	}
}

static size_t head_size(const struct phone *phone)
{
	if (phone->head_len < 2)
		return 2;
	return phone->head[1] == 126 ? 4 : phone->head[1] == 127 ? 10 : 2;
}

static void phone_head(struct phone *phone)
{
	size_t size = head_size(phone), i;
	uint64_t length = 0;

	for (i = 2; i < size; i++)
		length = length << 8 | phone->head[i];
	phone->length = phone->rest = size == 2 ? phone->head[1] : length;
	phone->opcode = phone->head[0] & 0x0f;
	phone->begin_len = 0;
}

static void phone_take(struct phones *p, struct phone *phone, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = bytes + len;

	while (bytes < end && phone->state >= PHONE_WELCOME) {
		size_t n;

		if (phone->head_len < head_size(phone)) {
			phone->head[phone->head_len++] = *bytes++;
			if (phone->head_len < head_size(phone))
				continue;
			phone_head(phone);
		}
		n = (size_t)(end - bytes);
		if (n > phone->rest)
			n = (size_t)phone->rest;
		if (phone->begin_len < sizeof(phone->begin)) {
			size_t take = sizeof(phone->begin) - phone->begin_len;

			take = take < n ? take : n;
			memcpy(phone->begin + phone->begin_len, bytes, take);
			phone->begin_len = (uint8_t)(phone->begin_len + take);
		}
		bytes += n;
		phone->rest -= n;
		if (phone->rest == 0)
			phone_frame(p, phone);
	}
}

static void phone_read(struct phones *p, struct phone *phone)
{
	static uint8_t bytes[READ_BYTES];
	ssize_t n = recv(phone->fd, bytes, sizeof(bytes), 0);

	if (n > 0)
		phone_take(p, phone, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		phone_refused(p, phone);
}

bool phones_turn(struct phones *p, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int i, n = epoll_wait(p->epoll, events, EVENTS, timeout_ms);

	for (i = 0; i < n; i++) {
		struct phone *phone = events[i].data.ptr;

		if (phone->state == PHONE_CONNECTING) {
			if (events[i].events & (EPOLLERR | EPOLLHUP))
				phone_refused(p, phone);
			else
				phone_ask(p, phone);
			continue;
		}
		if (phone->state == PHONE_HANDSHAKE)
			phone_answered(p, phone);
		if (phone->state >= PHONE_WELCOME)
			phone_read(p, phone);
	}
	return n > 0;
}

void phones_connect(struct phones *p)
{
	while (p->open + p->refused < p->count) {
		while (p->begun < p->count && p->under_way < p->at_once)
			phone_connect(p, &p->all[p->begun++]);
		if (!phones_turn(p, 20000))
			die("%u of %u are in, %u were refused, and nothing moves any more", p->open, p->count, p->refused);
	}
}

void phones_settle(struct phones *p, int quiet_ms)
{
	while (phones_turn(p, quiet_ms))
		;
}

struct session *sessions_read(const char *file, unsigned *count)
{
	FILE *f = fopen(file, "re");
	struct session *all = NULL, one;
	unsigned size = 0, n = 0;

	if (!f)
		die("%s: %s", file, strerror(errno));
	while (fscanf(f, "%64s %64s %*s", one.id, one.skey) == 2) {
		if (n == size) {
			size = size ? size * 2 : 1024;
			all = realloc(all, size * sizeof(*all));
			if (!all)
				die("not enough memory");
		}
		all[n++] = one;
	}
	fclose(f);
	if (n == 0)
		die("%s holds no sessions", file);
	*count = n;
	return all;
}
