/* fuzz_worker.c - a whole worker in one process, with sockets that are not: what four clients send, how much of it is read
 * and written at a time, resets, failing accepts, time, and the end are all told by the input.  Whatever they do, what
 * leaves is whole frames, and when all have gone nothing of them is left.
 *
 * The socket calls are replaced when linking (see the Makefile); behind each accepted descriptor stands an eventfd, which
 * is always readable and writable.  Input: one byte an operation (low five bits) and whose (high two), then what it needs. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "crypto.h"
#include "encode.h"
#include "log.h"
#include "push-server/addresses.h"
#include "push-server/bounds.h"
#include "push-server/home.h"
#include "push-server/listener.h"
#include "push-server/map.h"
#include "push-server/server.h"
#include "push-server/worker.h"
#include "utf8.h"

enum { CLIENTS = 4, FDS = 1024, WAITING_MAX = 8, SETTLE_TURNS = 2000 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* --- allocations that fail: of the program's own, in the worker's thread --- */

static _Thread_local unsigned fails_in;		/* with the how many-th from now; 0: none does */

void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__real_strdup(const char *text);

static bool fails_now(void)
{
	return fails_in && --fails_in == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails_now() ? NULL : __real_strdup(text);
}

/* --- sockets that are not --- */

struct fake {
	struct buf in;		/* what the client has sent */
	size_t read;		/* how much of it was taken */
	struct buf out;		/* what it was sent */
	bool is_open, has_ended, is_reset, is_shut;
	uint8_t budget;		/* bytes a write: 0 none, 254 the peer is gone, 255 all */
};

static struct fake fakes[FDS];
static int waiting[WAITING_MAX], waiting_count;	/* to be accepted */
static int accept_error;
static size_t read_size;
static int64_t time_added_ns;

ssize_t __wrap_recv(int fd, void *out, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __real_clock_gettime(clockid_t id, struct timespec *out);

static struct fake *fake_of(int fd)
{
	return fd >= 0 && fd < FDS && fakes[fd].is_open ? &fakes[fd] : NULL;
}

ssize_t __wrap_recv(int fd, void *out, size_t size, int flags)
{
	struct fake *f = fake_of(fd);
	size_t n;

	(void)flags;
	assert(f);
	if (f->is_reset) {
		errno = ECONNRESET;
		return -1;
	}
	n = f->in.len - f->read;
	if (n == 0) {
		if (f->has_ended)
			return 0;
		errno = EAGAIN;
		return -1;
	}
	if (n > size)
		n = size;
	if (n > read_size)
		n = read_size;
	memcpy(out, f->in.data + f->read, n);
	f->read += n;
	return (ssize_t)n;
}

static ssize_t fake_write(struct fake *f, const struct iovec *parts, size_t count)
{
	size_t left = f->budget == 255 ? SIZE_MAX : f->budget, sum = 0, i;
	unsigned kept = fails_in;

	fails_in = 0;		/* what follows is the test's own */
	assert(!f->is_shut);
	for (i = 0; i < count && left; i++) {
		size_t n = parts[i].iov_len < left ? parts[i].iov_len : left;

		if (f->is_reset || f->budget == 254)
			break;
		assert(buf_add(&f->out, parts[i].iov_base, n) == 0);
		sum += n;
		left -= n;
	}
	fails_in = kept;
	if (f->is_reset || f->budget == 254) {
		errno = f->is_reset ? ECONNRESET : EPIPE;
		return -1;
	}
	if (sum == 0 && left == 0) {
		errno = EAGAIN;
		return -1;
	}
	return (ssize_t)sum;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	struct iovec part = { (void *)(uintptr_t)bytes, len };

	assert(flags & MSG_NOSIGNAL);
	assert(fake_of(fd));
	return fake_write(fake_of(fd), &part, 1);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	assert(flags & MSG_NOSIGNAL);
	assert(fake_of(fd));
	return fake_write(fake_of(fd), message->msg_iov, message->msg_iovlen);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	(void)fd;
	(void)flags;
	if (accept_error) {
		errno = accept_error;
		accept_error = 0;
		return -1;
	}
	if (waiting_count == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (address) {
		memset(address, 0, *len);
		address->sa_family = AF_INET;
	}
	return waiting[--waiting_count];
}

int __wrap_shutdown(int fd, int how)
{
	assert(fake_of(fd) && how == SHUT_WR);
	fake_of(fd)->is_shut = true;
	return 0;
}

int __wrap_close(int fd)
{
	if (fake_of(fd))
		fakes[fd].is_open = false;
	return __real_close(fd);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	int r = __real_clock_gettime(id, out);
	int64_t ns = out->tv_nsec + time_added_ns;

	out->tv_sec += ns / 1000000000;
	out->tv_nsec = ns % 1000000000;
	return r;
}

/* --- the history's thread answers within the turn --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_done = PTHREAD_COND_INITIALIZER;
static unsigned submitted, delivered;

int __wrap_history_submit(struct history *h, struct history_request *request);
int __real_history_submit(struct history *h, struct history_request *request);

int __wrap_history_submit(struct history *h, struct history_request *request)
{
	int r = __real_history_submit(h, request);

	submitted += r == 0;
	return r;
}

static struct server server;
static struct worker worker;

struct stored {
	struct mail mail;
	struct history_batch batch;
};

static void stored_run(struct mail *mail, void *w)
{
	struct stored *s = (struct stored *)mail;

	home_stored(w, &s->batch);
	free(s);
}

static void deliver(void *arg, struct history_batch *batch)
{
	struct stored *s = calloc(1, sizeof(*s));
	struct history_request *q;
	unsigned count = 0;

	(void)arg;
	s->mail.run = stored_run;
	STAILQ_INIT(&s->batch);
	STAILQ_FOREACH(q, batch, link)
		count++;
	STAILQ_CONCAT(&s->batch, batch);
	worker_post(&worker, &s->mail);
	pthread_mutex_lock(&lock);
	delivered += count;
	pthread_cond_signal(&all_done);
	pthread_mutex_unlock(&lock);
}

static unsigned armed;		/* fails_in while the worker runs */

static void turn(void)
{
	fails_in = armed;
	event_base_loop(worker.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	worker_read_mail(&worker);
	armed = fails_in;
	fails_in = 0;
	pthread_mutex_lock(&lock);
	while (delivered != submitted)
		pthread_cond_wait(&all_done, &lock);
	pthread_mutex_unlock(&lock);
}

static void tick(void)
{
	event_active(&worker.tick_event, EV_TIMEOUT, 1);
	turn();
}

/* --- the server --- */

static char folder[200];
static char query[2][256];	/* credentials of two users, as a URL's query */

static void folder_remove(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

/* A user with a session, in the store. */
static void user_add(struct store *store, unsigned n)
{
	struct store_login login = { .user = { .nick = "名字", .avatar = "https://x/a.png" },
				     .session = { .created_ms = 1, .expires_ms = INT64_MAX / 4 }, .now_ms = 2 };
	struct session *session = &login.session;
	char skey[SKEY_TEXT_LEN + 1], id[2 * SESSION_ID_LEN + 1];
	struct span part = { skey, SKEY_TEXT_LEN };

	memset(skey, 'a' + (int)n, SKEY_TEXT_LEN);
	skey[SKEY_TEXT_LEN] = '\0';
	memset(session->id, 1 + (int)n, sizeof(session->id));
	snprintf(login.user.openid, sizeof(login.user.openid), "o%u", n);
	assert(crypto_sha256(&part, 1, session->skey_hash) == 0);
	assert(store_login(store, &login) == 0);
	hex_encode(session->id, sizeof(session->id), id);
	snprintf(query[n], sizeof(query[n]), "X-WX-Id=%s&X-WX-Skey=%s", id, skey);
}

static void store_fill(void)
{
	struct store_options options = { .dir = server.config->session_dir, .map_size = 4 << 20, .per_user = 8 };
	struct store *store;
	char why[200];

	assert(store_open(&options, &store, why) == 0);
	user_add(store, 0);
	user_add(store, 1);
	store_close(store);
}

static void config_write(char *path, size_t size)
{
	FILE *f;

	snprintf(path, size, "%s/conf", folder);
	assert((f = fopen(path, "w")));
	fprintf(f, "[wechat]\napp_id = wx\napp_secret = %032d\n[session]\nstore = lmdb:%s/sessions\n[history]\ndir = %s/history\n"
		   "[push]\necho_path = /echo\nmax_message_kb = 4\nqueue_kb = 16\nrate = 0\nleave_grace_s = 0\nmax_conns_per_ip = 3\n"
		   "deflate_min = 64\nmax_rooms = 3\n", 0, folder, folder);
	fclose(f);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct history_options options = { .map_size = 16 << 20, .relaxed = true, .per_room = 20, .deliver = deliver };
	char path[256], why[CONFIG_WHY_SIZE];

	(void)argc;
	(void)argv;
	log_init("fuzz", LOG_ERROR_LEVEL);
	snprintf(folder, sizeof(folder), "%s/wxchat-fuzz-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert(crypto_init() == 0 && map_init_key() == 0 && mkdtemp(folder));
	atexit(folder_remove);
	config_write(path, sizeof(path));
	server.config = config_load(path, CONFIG_FOR_PUSH, why);
	assert(server.config);
	store_fill();
	options.dir = server.config->history.dir;
	assert(history_open(&options, &server.history, why) == 0);
	assert(history_start(server.history) == 0);
	pthread_mutex_init(&server.store_lock, NULL);
	server.workers = &worker;
	server.worker_count = 1;
	server.addresses = addresses_new((unsigned)server.config->push.max_conns_per_ip);
	server.listening = calloc(1, sizeof(*server.listening));
	server.listening_count = 1;
	server.listening[0] = (struct listening){ eventfd(1, EFD_NONBLOCK), true, 0 };
	assert(worker_init(&worker, &server, 0) == 0);
	assert(listener_start(&worker) == 0);
	return 0;
}

/* --- what clients do --- */

static const char *const paths[] = { "/echo?", "/ws?room=r&0", "/ws?room=r&events=all&1", "/ws?room=r&dialect=tunnel&0",
				     "/ws?dialect=tunnel&room=r&1", "/socket.io/?EIO=4&transport=websocket&1",
				     "/socket.io/?EIO=4&transport=websocket", "/ws?room=r", "/ws?room=r&since=0&epoch=x&0+",
				     "/ws?room=s&1+", "/echo?+", "/ws?room=@dm:a:b&0", "/nowhere?" };

/* The digit stands for a user's credentials, a plus for an offer of compression. */
static void client_shakes(struct buf *in, unsigned which)
{
	const char *path = paths[which % (sizeof(paths) / sizeof(paths[0]))], *p;

	assert(buf_adds(in, "GET ") == 0);
	for (p = path; *p; p++) {
		bool is_user = (*p == '0' || *p == '1') && p > path && p[-1] == '&';

		if (*p != '+')
			assert((is_user ? buf_adds(in, query[*p - '0']) : buf_add(in, p, 1)) == 0);
	}
	assert(buf_adds(in, " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") == 0);
	if (strchr(path, '+'))
		assert(buf_adds(in, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n") == 0);
	assert(buf_adds(in, "\r\n") == 0);
}

static const char *const says[] = {
	"{\"text\":true,\"content\":\"你好\",\"cid\":\"c1\"}",
	"{\"text\":true,\"content\":\"again\",\"cid\":\"c2\",\"room\":\"s\",\"uid\":\"forged\",\"error\":1}",
	"{\"op\":\"join\",\"room\":\"s\",\"cid\":\"j\",\"since\":0}",
	"{\"op\":\"leave\",\"room\":\"s\",\"cid\":\"l\"}",
	"{\"op\":\"leave\",\"room\":\"r\",\"cid\":\"l\"}",
	"{\"op\":\"join\",\"room\":\"r\",\"cid\":\"j\",\"since\":1,\"epoch\":\"0\"}",
	"{\"op\":\"history\",\"cid\":\"h\",\"limit\":100}",
	"{\"op\":\"history\",\"before\":3,\"limit\":2}",
	"{\"op\":\"members\",\"cid\":\"m\"}",
	"{\"op\":\"recall\",\"id\":1,\"cid\":\"x\"}",
	"{\"op\":\"typing\"}",
	"{\"op\":\"read\",\"id\":2,\"cid\":\"d\"}",
	"{\"op\":\"ping\",\"cid\":\"p\"}",
	"{\"op\":\"nothing\",\"cid\":\"n\"}",
	"{\"op\":\"join\",\"room\":\"@private\",\"cid\":\"j\"}",
	"[1,2",
	"message:{\"type\":\"speak\",\"content\":{\"word\":\"hi\"}}",
	"40{\"token\":\"x\"}",
	"420[\"message\",{\"text\":true,\"content\":\"hi\"}]",
	"421[\"join\",\"s\"]",
	"ping",
	"2",
};

static void client_frame(struct buf *in, uint8_t first, const void *payload, size_t len)
{
	uint8_t head[FRAME_HEAD_MAX];
	size_t n = frame_write_head(head, FRAME_TEXT, false, len);

	head[0] = first;
	head[1] |= 0x80;
	assert(buf_add(in, head, n) == 0 && buf_add(in, "\0\0\0\0", 4) == 0 && buf_add(in, payload, len) == 0);
}

/* --- what they were sent --- */

/* Whole frames by the rules, up to the last, which may be cut. */
static void check_frames(const uint8_t *p, size_t len)
{
	bool has_closed = false;

	while (len >= 2) {
		uint8_t opcode = p[0] & 15;
		uint64_t length = p[1];
		size_t head = length < 126 ? 2 : length == 126 ? 4 : 10, i;

		assert(!has_closed);
		assert((p[0] & 0xb0) == 0x80 && length < 128);
		assert(opcode == FRAME_TEXT || opcode == FRAME_BINARY || (opcode >= FRAME_CLOSE && opcode <= FRAME_PONG));
		if (len < head)
			return;
		if (head > 2)
			for (length = 0, i = 2; i < head; i++)
				length = length << 8 | p[i];
		assert(opcode < FRAME_CLOSE || length <= FRAME_CONTROL_MAX);
		if (len - head < length)
			return;
		if (opcode == FRAME_TEXT && !(p[0] & 0x40))
			assert(utf8_valid(p + head, (size_t)length));
		if (opcode == FRAME_CLOSE && length)
			assert(length >= 2 && close_code_valid((unsigned)p[head] << 8 | p[head + 1]));
		has_closed = opcode == FRAME_CLOSE;
		p += head + length;
		len -= head + (size_t)length;
	}
}

static void check_sent(const struct buf *out)
{
	static const char accepted[] = "HTTP/1.1 101 ";
	const char *end;

	if (out->len < sizeof(accepted) - 1)
		return;
	assert(memcmp(out->data, "HTTP/1.1 ", 9) == 0);
	end = memmem(out->data, out->len, "\r\n\r\n", 4);
	if (end && memcmp(out->data, accepted, sizeof(accepted) - 1) == 0)
		check_frames((const uint8_t *)end + 4, out->len - (size_t)(end + 4 - out->data));
}

/* --- one run --- */

static int client_fd[CLIENTS];

/* A new connection in the place of what was there. */
static struct fake *client_connect(unsigned who)
{
	int fd = eventfd(1, EFD_NONBLOCK);
	struct fake *f;

	assert(fd >= 0 && fd < FDS);
	if (waiting_count == WAITING_MAX) {
		__real_close(fd);
		return NULL;
	}
	f = &fakes[fd];
	check_sent(&f->out);
	buf_free(&f->in);
	buf_free(&f->out);
	*f = (struct fake){ .is_open = true, .budget = 255, .in = BUF_LIMIT(1 << 20), .out = BUF_LIMIT(64 << 20) };
	if (fake_of(client_fd[who]))
		fake_of(client_fd[who])->has_ended = true;
	client_fd[who] = fd;
	waiting[waiting_count++] = fd;
	return f;
}

static void time_passes(unsigned quarters)
{
	time_added_ns += (int64_t)quarters * 250000000;
	tick();
	tick();
}

static void everybody_goes(void)
{
	unsigned i;
	int fd;

	accept_error = 0;
	armed = 0;
	read_size = SIZE_MAX;
	atomic_store(&server.is_over_memory, false);
	for (fd = 0; fd < FDS; fd++)
		fakes[fd].budget = 255;
	for (i = 0; i < 4; i++)
		turn();
	time_passes(1);		/* a pause in accepting has passed */
	for (fd = 0; fd < FDS; fd++)
		fakes[fd].has_ended = true;
	for (i = 0; i < SETTLE_TURNS && (worker.conn_count || waiting_count); i++)
		turn();
	assert(worker.conn_count == 0 && waiting_count == 0);
	worker.stopping = worker.refusing = false;
	for (i = 0; i < 8; i++)
		time_passes(8);
	assert(worker.rooms.count == 0);
	assert(worker.homes.count == 0);
	assert(metric_get(&worker.metrics.queued_bytes) == 0);
	assert(metric_get(&worker.metrics.authorised) == 0);
	for (fd = 0; fd < FDS; fd++) {
		assert(!fakes[fd].is_open);
		check_sent(&fakes[fd].out);
		buf_free(&fakes[fd].in);
		buf_free(&fakes[fd].out);
	}
}

struct script {
	const uint8_t *at;
	size_t left;
};

static uint8_t next(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->at++;
}

static size_t next_bytes(struct script *s, size_t len, const uint8_t **out)
{
	*out = s->at;
	if (len > s->left)
		len = s->left;
	s->at += len;
	s->left -= len;
	return len;
}

static void client_does(struct script *s, unsigned who, unsigned operation)
{
	static const char filler[64 * 255] = { 'x' };
	struct fake *f = fake_of(client_fd[who]);
	const uint8_t *bytes;
	size_t len;
	uint8_t first;

	if (operation <= 1) {
		if ((f = client_connect(who)) && operation == 0)
			client_shakes(&f->in, next(s));
		return;
	}
	if (!f || f->in.len > 64 << 10)
		return;
	switch (operation) {
	case 2:
		len = next_bytes(s, next(s), &bytes);
		assert(buf_add(&f->in, bytes, len) == 0);
		break;
	case 3:
		first = next(s);
		len = next_bytes(s, next(s), &bytes);
		client_frame(&f->in, first, bytes, len);
		break;
	case 4:
		bytes = (const uint8_t *)says[next(s) % (sizeof(says) / sizeof(says[0]))];
		client_frame(&f->in, 0x81, bytes, strlen((const char *)bytes));
		break;
	case 5:
		f->has_ended = true;
		break;
	case 6:
		f->is_reset = true;
		break;
	case 7:
		f->budget = next(s);
		break;
	default:	/* a large binary message */
		client_frame(&f->in, 0x82, filler, 64u * next(s));
		break;
	}
}

static void step(struct script *s)
{
	static const int errors[] = { EMFILE, ENFILE, ECONNABORTED, EINTR, ENOMEM, EAGAIN };
	uint8_t byte = next(s), n;
	unsigned operation = byte & 31;

	switch (operation) {
	case 8:
		n = next(s);
		read_size = n ? n : SIZE_MAX;
		break;
	case 9:
		for (n = 1 + (next(s) & 3); n; n--)
			turn();
		break;
	case 10:
		time_passes(next(s));
		break;
	case 11:
		accept_error = errors[next(s) % (sizeof(errors) / sizeof(errors[0]))];
		break;
	case 13:
		worker.stopping = true;
		worker.refusing = next(s) & 1;
		worker.drain_from_ms = worker_now();
		break;
	case 14:
		atomic_store(&server.is_over_memory, next(s) & 1);
		break;
	case 15:
		armed = next(s);
		break;
	default:
		client_does(s, byte >> 5 & 3, operation);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct script s = { data, len };
	unsigned i;

	read_size = SIZE_MAX;
	for (i = 0; i < CLIENTS; i++)
		client_fd[i] = -1;
	while (s.left)
		step(&s);
	everybody_goes();
	return 0;
}
