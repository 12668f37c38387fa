/* requests.c - sends prepared requests, some at once, each over a connection of its own, and measures what the server spent.
 *   requests -f FILE [-p PORT | -S UNIX-SOCKET] -P PID[,PID] -e TEXT [-c at once]
 * FILE holds the requests: for each its length (32 bits, little-endian) and its bytes, in whatever protocol.  The server closes
 * after its answer; one that holds TEXT counts as good.  One JSON line on stdout. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/usage.h"

enum { AT_ONCE_MAX = 1024, ANSWER_MAX = 16384 };

struct call {
	int fd;
	bool is_sent;
	size_t len;
	char answer[ANSWER_MAX];
};

struct job {
	struct watched watched;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} address;
	socklen_t address_len;
	const char *expected;
	unsigned char *bytes;
	size_t size, at;
	unsigned at_once, under_way, good, bad;
	int epoll;
	struct call calls[AT_ONCE_MAX];
};

static void requests_read(struct job *j, const char *file)
{
	struct stat st;
	FILE *f = fopen(file, "re");

	if (!f || fstat(fileno(f), &st) < 0)
		die("%s: %s", file, strerror(errno));
	j->size = (size_t)st.st_size;
	j->bytes = malloc(j->size + 1);
	if (!j->bytes || fread(j->bytes, 1, j->size, f) != j->size)
		die("%s cannot be read", file);
	fclose(f);
}

static size_t request_len(const struct job *j)
{
	const unsigned char *p = j->bytes + j->at;
	size_t len;

	if (j->size - j->at < 4)
		die("the file of requests is cut off");
	len = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	if (j->size - j->at - 4 < len)
		die("the file of requests is cut off");
	return len;
}

static void call_send(struct job *j, struct call *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	size_t len = request_len(j);

	if (send(c->fd, j->bytes + j->at + 4, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send: %s", strerror(errno));
	j->at += 4 + len;
	c->is_sent = true;
	epoll_ctl(j->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* Sends as soon as it is connected, as web servers do; a unix socket is so at once. */
static void call_begin(struct job *j, struct call *c)
{
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = c };
	int r;

	c->is_sent = false;
	c->len = 0;
	c->fd = socket(j->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		die("no socket: %s", strerror(errno));
	epoll_ctl(j->epoll, EPOLL_CTL_ADD, c->fd, &event);
	while ((r = connect(c->fd, &j->address.any, j->address_len)) < 0 && errno != EINPROGRESS) {
		if (errno != EAGAIN)	/* a unix socket's queue is full for a moment */
			die("cannot connect: %s", strerror(errno));
		usleep(1000);
	}
	j->under_way++;
	if (r == 0)
		call_send(j, c);
}

static void call_read(struct job *j, struct call *c)
{
	ssize_t n = recv(c->fd, c->answer + c->len, sizeof(c->answer) - 1 - c->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		c->len += (size_t)n;
		if (c->len < sizeof(c->answer) - 1)
			return;
	}
	c->answer[c->len] = '\0';
	if (memmem(c->answer, c->len, j->expected, strlen(j->expected)))
		j->good++;
	else if (j->bad++ == 0)
		fprintf(stderr, "bench: a bad answer: %.600s\n", c->answer);
	close(c->fd);
	c->fd = -1;
	j->under_way--;
}

static void job_run(struct job *j)
{
	struct epoll_event events[64];
	unsigned begun = 0, total = 0, i;
	int n, k;

	for (j->at = 0; j->at < j->size; total++)
		j->at += 4 + request_len(j);
	j->at = 0;
	while (j->good + j->bad < total) {
		for (i = 0; i < j->at_once && begun < total; i++)
			if (j->calls[i].fd < 0) {
				call_begin(j, &j->calls[i]);
				begun++;
			}
		n = epoll_wait(j->epoll, events, 64, 20000);
		if (n <= 0)
			die("%u of %u requests are answered, and nothing moves any more", j->good + j->bad, total);
		for (k = 0; k < n; k++) {
			struct call *c = events[k].data.ptr;

			if (!c->is_sent)
				call_send(j, c);
			else
				call_read(j, c);
		}
	}
}

static void address_set(struct job *j, const char *port, const char *path)
{
	if (path) {
		j->address.un.sun_family = AF_UNIX;
		snprintf(j->address.un.sun_path, sizeof(j->address.un.sun_path), "%s", path);
		j->address_len = sizeof(j->address.un);
	} else {
		j->address.in.sin_family = AF_INET;
		j->address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		j->address.in.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
		j->address_len = sizeof(j->address.in);
	}
}

int main(int argc, char *argv[])
{
	static struct job j = { .at_once = 16, .expected = "" };
	const char *file = NULL, *port = NULL, *path = NULL;
	struct usage before, after, used;
	struct memory memory;
	int64_t wall;
	unsigned i;
	int option;

	while ((option = getopt(argc, argv, "f:p:S:P:e:c:")) != -1) {
		switch (option) {
		case 'f': file = optarg; break;
		case 'p': port = optarg; break;
		case 'S': path = optarg; break;
		case 'P': watched_add(&j.watched, optarg); break;
		case 'e': j.expected = optarg; break;
		case 'c': j.at_once = (unsigned)strtoul(optarg, NULL, 10); break;
		default: die("see the head of tests/bench/requests.c for what it takes");
		}
	}
	if (!file || (!port && !path) || j.at_once == 0 || j.at_once > AT_ONCE_MAX)
		die("requests come from a file and go somewhere, 1 to %d at once", AT_ONCE_MAX);
	descriptors_raise();
	requests_read(&j, file);
	address_set(&j, port, path);
	j.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < j.at_once; i++)
		j.calls[i].fd = -1;
	usage_read(&j.watched, &before);
	wall = now_ns();
	job_run(&j);
	wall = now_ns() - wall;
	usage_read(&j.watched, &after);
	used = usage_since(&before, &after);
	memory_read(&j.watched, &memory);
	printf("{\"good\":%u,\"bad\":%u,\"cpuNs\":%lld,\"userUs\":%lld,\"wallNs\":%lld,\"anonymous\":%lld,\"withFiles\":%lld}\n",
	       j.good, j.bad, (long long)used.cpu_ns, (long long)used.user_us, (long long)wall,
	       (long long)memory.anonymous, (long long)memory.with_files);
	return 0;
}
