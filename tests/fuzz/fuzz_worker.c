/* fuzz_worker.c - the whole push server in one process, a client that sends any bytes, and sockets that do what sockets
 * may: take and give less than asked, nothing just now, be interrupted, break, and fail to be accepted (the calls are
 * replaced at link time).  Whatever happened, the connection is gone afterwards and the server answers.
 * Input: a mode, a script of what the sockets do, then bytes or frames to send. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "crypto.h"
#include "encode.h"
#include "push-server/listener.h"
#include "push-server/map.h"
#include "push-server/server.h"
#include "store.h"

enum { SCRIPT_LEN = 32, MODE_RAW = 0, MODE_SHOWN = 1, MODE_FRAMES = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
ssize_t __real_recv(int fd, void *out, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *out, size_t size, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags);

/* --- what sockets do --- */

static _Atomic uint8_t script[SCRIPT_LEN];
static atomic_uint script_at;
static atomic_bool is_scripted;

/* The next step; what is played out goes well. */
static uint8_t next_step(void)
{
	unsigned at;

	if (!atomic_load(&is_scripted))
		return 0;
	at = atomic_fetch_add(&script_at, 1);
	return at < SCRIPT_LEN ? atomic_load(&script[at]) : 0;
}

/* 0 to go on (perhaps with a smaller *size), or -1 with errno. */
static int step(size_t *size)
{
	uint8_t s = next_step();

	if (s < 128)
		return 0;
	if (s < 192) {
		if (*size > (s & 15u) + 1)
			*size = (s & 15u) + 1;
		return 0;
	}
	errno = s < 224 ? EAGAIN : s < 240 ? EINTR : s < 248 ? ECONNRESET : EPIPE;
	return -1;
}

ssize_t __wrap_recv(int fd, void *out, size_t size, int flags)
{
	return step(&size) < 0 ? -1 : __real_recv(fd, out, size, flags);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	return step(&len) < 0 ? -1 : __real_send(fd, bytes, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct msghdr less = *m;
	struct iovec first = m->msg_iov[0];
	size_t size = first.iov_len;

	if (step(&size) < 0)
		return -1;
	if (size == first.iov_len)
		return __real_sendmsg(fd, m, flags);
	first.iov_len = size;
	less.msg_iov = &first;
	less.msg_iovlen = 1;
	return __real_sendmsg(fd, &less, flags);
}

int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
	static const int errors[] = { EMFILE, ENFILE, ECONNABORTED, EINTR, ENOBUFS, EAGAIN };
	uint8_t s = next_step();

	if (s >= 224) {
		errno = errors[s % 6];
		return -1;
	}
	return __real_accept4(fd, a, len, flags);
}

/* --- the server --- */

static struct server server = { .store_lock = PTHREAD_MUTEX_INITIALIZER };
static struct sockaddr_in address;
static char shown[256];		/* the session, as a query */

static void make_session(const char *dir)
{
	struct store_options options = { .dir = dir, .map_size = 16 << 20, .per_user = 8 };
	char why[200], id[2 * SESSION_ID_LEN + 1], skey[SKEY_TEXT_LEN + 1];
	struct session session = { .expires_ms = clock_wall_ms() + 86400000 };
	struct user user = { .openid = "fuzz", .nick = "\xe6\xa8\xa1", .avatar = "https://example.com/a.png" };
	struct store *store;
	struct span part;

	assert(store_open(&options, &store, why) == 0);
	assert(crypto_random(session.id, sizeof(session.id)) == 0);
	hex_encode(session.id, sizeof(session.id), id);
	memset(skey, 'a', SKEY_TEXT_LEN);
	skey[SKEY_TEXT_LEN] = '\0';
	part = (struct span){ skey, SKEY_TEXT_LEN };
	assert(crypto_sha256(&part, 1, session.skey_hash) == 0);
	assert(store_login(store, &user, &session, clock_wall_ms()) == 0);
	store_close(store);
	snprintf(shown, sizeof(shown), "X-WX-Id=%s&X-WX-Skey=%s", id, skey);
}

static void start(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[200], path[256], why[CONFIG_WHY_SIZE];
	socklen_t size = sizeof(address);
	FILE *f;

	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "%s/fuzz-worker-XXXXXX", tmp ? tmp : "/tmp");
	assert(crypto_init() == 0 && map_init_key() == 0 && mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sessions", dir);
	make_session(path);
	snprintf(path, sizeof(path), "%s/conf", dir);
	f = fopen(path, "w");
	assert(f);
	fprintf(f, "[session]\nstore = lmdb:%s/sessions\n[history]\ndir = %s/history\nper_room = 50\nsync = relaxed\n"
		   "[push]\nlisten = 127.0.0.1:0\necho_path = /echo\nworkers = 1\nrate = 0\nmax_message_kb = 2\n"
		   "queue_kb = 16\nleave_grace_s = 0\n[admin]\nlisten =\n", dir, dir);
	fclose(f);
	server.config = config_load(path, CONFIG_FOR_PUSH, why);
	if (!server.config)
		fprintf(stderr, "%s\n", why);
	assert(server.config);
	server.worker_count = 1;
	assert(listener_open(&server, 0, why) == 0 && server_start(&server, why) == 0);
	server_accept(&server);
	assert(getsockname(server.listening[0].fd, (struct sockaddr *)&address, &size) == 0);
}

/* --- the client --- */

static int client(void)
{
	struct linger reset = { 1, 0 };		/* ends without leaving a port behind */
	struct timeval patience = { 2, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
	if (len && write(fd, bytes, len) < 0) {
		/* the server has ended it: as it may */
	}
}

static void say_handshake(int fd, const char *path)
{
	char head[700];
	int n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			 "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", path);

	say(fd, head, (size_t)n);
}

/* Masked frames with a head that is mostly right: [first byte][length][payload] ... */
static void say_frames(int fd, const uint8_t *p, size_t len)
{
	while (len >= 2) {
		uint8_t head[6] = { p[0], (uint8_t)(0x80 | (p[1] % 126)), 0, 0, 0, 0 };
		size_t n = p[1] % 126;

		p += 2;
		len -= 2;
		if (n > len)
			n = len;
		head[1] = (uint8_t)(0x80 | n);
		say(fd, head, sizeof(head));
		say(fd, p, n);
		p += n;
		len -= n;
	}
}

/* The server is well: a client is greeted. */
static void ask_after_it(void)
{
	char answer[16] = "";
	int fd = client();

	say_handshake(fd, "/echo");
	assert(read(fd, answer, 12) == 12 && memcmp(answer, "HTTP/1.1 101", 12) == 0);
	close(fd);
}

static void wait_until_gone(void)
{
	int64_t until = clock_mono_ms() + 5000;

	while (server_connections(&server) > 0) {
		assert(clock_mono_ms() < until);
		usleep(20);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const paths[] = { "/ws?", "/ws?events=all&since=0&", "/ws?dialect=tunnel&", "/socket.io/?EIO=4&transport=websocket&" };
	static bool is_started;
	static unsigned runs;
	char path[400];
	unsigned i;
	int fd;

	if (!is_started)
		start();
	is_started = true;
	if (len < 1 + SCRIPT_LEN)
		return 0;
	for (i = 0; i < SCRIPT_LEN; i++)
		atomic_store(&script[i], data[1 + i]);
	atomic_store(&script_at, 0);
	atomic_store(&is_scripted, true);
	fd = client();
	snprintf(path, sizeof(path), "%s%s", data[0] & 64 ? "/echo?" : paths[data[0] >> 2 & 3], shown);
	if (data[0] % 4 != MODE_RAW)
		say_handshake(fd, path);
	if (data[0] % 4 >= MODE_FRAMES)
		say_frames(fd, data + 1 + SCRIPT_LEN, len - 1 - SCRIPT_LEN);
	else
		say(fd, data + 1 + SCRIPT_LEN, len - 1 - SCRIPT_LEN);
	usleep(200);		/* so that some of it is answered before the end */
	close(fd);
	atomic_store(&is_scripted, false);
	if (++runs % 16 == 0) {
		ask_after_it();
		wait_until_gone();
	}
	return 0;
}
