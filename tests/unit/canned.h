/* canned.h - an HTTP server in a thread that answers what the test has put down for it, in that order. */
#ifndef WXCHAT_CANNED_H
#define WXCHAT_CANNED_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum canned_kind {
	CANNED_JSON,		/* 200 with the text as body */
	CANNED_RAW,		/* these bytes, whole answer */
	CANNED_RAW_CLOSE,	/* these bytes, then the end */
	CANNED_CLOSE,		/* the end without an answer */
	CANNED_HANG,		/* nothing */
	CANNED_FLOOD		/* the text again and again, for ever */
};

struct canned_step {
	enum canned_kind kind;
	const char *text;
};

enum { CANNED_CONNS = 32, CANNED_REQUEST_MAX = 65536, CANNED_SEEN_MAX = 64 };

struct canned {
	int listen_fd, stop_fd, port;
	pthread_t thread;
	pthread_mutex_t lock;
	const struct canned_step *steps;	/* the last one is for all that follow */
	size_t step_count, next;
	char *seen[CANNED_SEEN_MAX];		/* whole requests */
	size_t seen_count, conn_count;
	struct {
		int fd;
		size_t len;
		bool flooding;
		char bytes[CANNED_REQUEST_MAX + 1];
	} conns[CANNED_CONNS];
};

static inline size_t canned_request_len(const char *bytes, size_t len)
{
	const char *end = strstr(bytes, "\r\n\r\n"), *p = bytes;
	size_t body = 0;

	if (!end)
		return 0;
	while ((p = strstr(p, "\r\n")) && p < end) {
		p += 2;
		if (strncasecmp(p, "content-length:", 15) == 0)
			body = strtoul(p + 15, NULL, 10);
	}
	body += (size_t)(end - bytes) + 4;
	return body <= len ? body : 0;
}

static inline void canned_send(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	while (len > 0 && (n = send(fd, bytes, len, MSG_NOSIGNAL)) > 0) {
		bytes += n;
		len -= (size_t)n;
	}
}

static inline void canned_end(struct canned *c, int i)
{
	close(c->conns[i].fd);
	c->conns[i].fd = -1;
}

static inline void canned_act(struct canned *c, int i, size_t request_len)
{
	const struct canned_step *step;
	char *answer;
	int n;

	pthread_mutex_lock(&c->lock);
	step = &c->steps[c->next < c->step_count ? c->next : c->step_count - 1];
	c->next++;
	if (c->seen_count < CANNED_SEEN_MAX)
		c->seen[c->seen_count++] = strndup(c->conns[i].bytes, request_len);
	pthread_mutex_unlock(&c->lock);
	c->conns[i].len = 0;
	switch (step->kind) {
	case CANNED_JSON:
		n = asprintf(&answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
			     strlen(step->text), step->text);
		if (n > 0) {
			canned_send(c->conns[i].fd, answer, (size_t)n);
			free(answer);
		}
		break;
	case CANNED_RAW:
	case CANNED_RAW_CLOSE:
		canned_send(c->conns[i].fd, step->text, strlen(step->text));
		if (step->kind == CANNED_RAW_CLOSE)
			canned_end(c, i);
		break;
	case CANNED_CLOSE:
		canned_end(c, i);
		break;
	case CANNED_HANG:
		break;
	case CANNED_FLOOD:
		canned_send(c->conns[i].fd, "HTTP/1.1 200 OK\r\n", 17);
		while (send(c->conns[i].fd, step->text, strlen(step->text), MSG_NOSIGNAL) > 0)
			;
		canned_end(c, i);
		break;
	}
}

static inline void *canned_run(void *arg)
{
	struct pollfd fds[CANNED_CONNS + 2];
	struct canned *c = arg;
	size_t len;
	ssize_t n;
	int i;

	for (;;) {
		fds[0] = (struct pollfd){ c->listen_fd, POLLIN, 0 };
		fds[1] = (struct pollfd){ c->stop_fd, POLLIN, 0 };
		for (i = 0; i < CANNED_CONNS; i++)
			fds[i + 2] = (struct pollfd){ c->conns[i].fd, POLLIN, 0 };
		if (poll(fds, CANNED_CONNS + 2, -1) < 0 || fds[1].revents)
			return NULL;
		for (i = 0; i < CANNED_CONNS; i++) {
			if (!fds[i + 2].revents)
				continue;
			n = recv(c->conns[i].fd, c->conns[i].bytes + c->conns[i].len,
				 CANNED_REQUEST_MAX - c->conns[i].len, 0);
			if (n <= 0) {
				canned_end(c, i);
				continue;
			}
			c->conns[i].len += (size_t)n;
			c->conns[i].bytes[c->conns[i].len] = '\0';
			len = canned_request_len(c->conns[i].bytes, c->conns[i].len);
			if (len)
				canned_act(c, i, len);
		}
		for (i = 0; fds[0].revents && i < CANNED_CONNS; i++)
			if (c->conns[i].fd < 0) {
				c->conns[i].fd = accept(c->listen_fd, NULL, NULL);
				c->conns[i].len = 0;
				pthread_mutex_lock(&c->lock);
				c->conn_count++;
				pthread_mutex_unlock(&c->lock);
				break;
			}
	}
}

static inline struct canned *canned_start(const struct canned_step *steps, size_t count)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct canned *c = calloc(1, sizeof(*c));
	socklen_t len = sizeof(a);
	int i;

	assert_non_null(c);
	c->steps = steps;
	c->step_count = count;
	c->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	for (i = 0; i < CANNED_CONNS; i++)
		c->conns[i].fd = -1;
	assert_int_equal(bind(c->listen_fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(c->listen_fd, 64), 0);
	assert_int_equal(getsockname(c->listen_fd, (struct sockaddr *)&a, &len), 0);
	c->port = ntohs(a.sin_port);
	pthread_mutex_init(&c->lock, NULL);
	assert_int_equal(pthread_create(&c->thread, NULL, canned_run, c), 0);
	return c;
}

/* How many requests have come; seen[0] is the first of them. */
static inline size_t canned_count(struct canned *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->seen_count;
	pthread_mutex_unlock(&c->lock);
	return n;
}

static inline size_t canned_connections(struct canned *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->conn_count;
	pthread_mutex_unlock(&c->lock);
	return n;
}

static inline void canned_stop(struct canned *c)
{
	size_t i;

	eventfd_write(c->stop_fd, 1);
	pthread_join(c->thread, NULL);
	for (i = 0; i < CANNED_CONNS; i++)
		if (c->conns[i].fd >= 0)
			close(c->conns[i].fd);
	close(c->listen_fd);
	close(c->stop_fd);
	for (i = 0; i < c->seen_count; i++)
		free(c->seen[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

#endif
