/* test_output.c - what waits for a socket leaves in order, and a reader's progress is measured by what it takes. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "push-server/bounds.h"
#include "push-server/output.h"

enum { CHUNKS = 40, CHUNK = 5000 };

static unsigned calls_left = UINT_MAX;	/* then the peer is gone */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (calls_left-- > 0)
		return syscall(SYS_sendmsg, fd, message, flags);
	errno = EPIPE;
	return -1;
}

/* A pair of which the first is not waited for and takes little at a time. */
static void pair_open(int fd[2])
{
	int size = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
}

static void pair_close(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / CHUNK);
}

static void fill(struct output **o, unsigned chunks)
{
	for (unsigned i = 0; i < chunks; i++) {
		struct chunk *chunk = chunk_new(CHUNK);

		assert_non_null(chunk);
		for (size_t k = 0; k < CHUNK; k++)
			chunk->bytes[k] = byte_at(i * (size_t)CHUNK + k);
		assert_int_equal(output_add(o, chunk, 0, i % 2, 0), 0);
		chunk_unref(chunk);
	}
}

/* Reads what is there, at most max; checks it. */
static size_t take(int fd, size_t at, size_t max)
{
	uint8_t got[4096];
	ssize_t n = recv(fd, got, max < sizeof(got) ? max : sizeof(got), 0);

	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(got[i], byte_at(at + (size_t)i));
	return n > 0 ? (size_t)n : 0;
}

static void progress_is_what_is_taken(void **state)
{
	struct output *o = NULL;
	size_t at = 0, since_bytes = 0;
	uint32_t now = 0, since = 0;
	int fd[2];

	(void)state;
	pair_open(fd);
	fill(&o, CHUNKS);
	assert_int_equal(output_bytes(o), CHUNKS * CHUNK);
	assert_int_equal(output_told(o), CHUNKS / 2 * CHUNK);
	assert_int_equal(output_pieces(o), CHUNKS);
	while (o) {
		ssize_t n = output_write(&o, fd[0], NULL, ++now);

		assert_true(n >= 0);
		since_bytes += (size_t)n;
		if (since_bytes >= STALLED_BYTES) {
			since = now;
			since_bytes = 0;
		}
		if (o)
			assert_int_equal(output_since(o), since);
		at += take(fd[1], at, 1000);
	}
	assert_true(since > 0);
	assert_int_equal(output_bytes(o), 0);
	while (at < CHUNKS * CHUNK)
		at += take(fd[1], at, 4096);
	pair_close(fd);
}

static void what_has_begun_to_leave_is_not_cut(void **state)
{
	struct output *o = NULL;
	size_t at = 0, left;
	int fd[2];

	(void)state;
	pair_open(fd);
	fill(&o, CHUNKS);
	assert_true(output_write(&o, fd[0], NULL, 1) > 0);
	assert_non_null(o);
	left = CHUNKS * CHUNK - output_bytes(o);
	output_cut(o);
	assert_true(output_pieces(o) <= 1);
	assert_int_equal((left + output_bytes(o)) % CHUNK, 0);
	left += output_bytes(o);
	while (o) {
		at += take(fd[1], at, 4096);
		assert_true(output_write(&o, fd[0], NULL, 2) >= 0);
	}
	while (at < left)
		at += take(fd[1], at, 4096);
	assert_int_equal(take(fd[1], at, 1), 0);
	pair_close(fd);
}

/* Chunks of all lengths, of which a part has left by another way. */
static void every_length_leaves_in_order(void **state)
{
	struct output *o = NULL;
	size_t sum = 0, at = 0, i, k;
	int fd[2];

	(void)state;
	pair_open(fd);
	for (i = 0; i < 300; i++) {
		size_t len = i * 37 % 500, skip = len ? i % len : 0;
		struct chunk *chunk = chunk_new(len);

		assert_non_null(chunk);
		for (k = skip; k < len; k++)
			chunk->bytes[k] = byte_at(sum + k - skip);
		assert_int_equal(output_add(&o, chunk, (uint32_t)skip, false, 0), 0);
		chunk_unref(chunk);
		sum += len - skip;
	}
	assert_int_equal(output_bytes(o), sum);
	while (o || at < sum) {
		if (o)
			assert_true(output_write(&o, fd[0], NULL, 1) >= 0);
		at += take(fd[1], at, 777);
	}
	assert_int_equal(at, sum);
	pair_close(fd);
}

static void a_peer_that_has_gone_is_an_error_and_no_signal(void **state)
{
	struct chunk *chunk = chunk_new(10);
	struct output *o = NULL;
	int fd[2];

	(void)state;
	assert_non_null(chunk);
	memset(chunk->bytes, 0, 10);
	pair_open(fd);
	close(fd[1]);
	assert_int_equal(output_add(&o, chunk, 0, true, 1), 0);
	assert_int_equal(output_write(&o, fd[0], NULL, 2), -EPIPE);
	assert_int_equal(output_bytes(o), 10);
	output_free(o);
	assert_int_equal(chunk->refs, 1);

	/* what left by another way counts as begun */
	o = NULL;
	assert_int_equal(output_add(&o, chunk, 4, true, 1), 0);
	assert_int_equal(output_add(&o, chunk, 0, true, 1), 0);
	output_cut(o);
	assert_int_equal(output_bytes(o), 6);
	output_cut(o);
	assert_int_equal(output_bytes(o), 6);
	output_free(o);
	chunk_unref(chunk);
	close(fd[0]);
}

static void what_left_before_an_error_is_counted(void **state)
{
	struct output *o = NULL;
	size_t before;
	ssize_t sent;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	fill(&o, 1);
	for (unsigned i = 0; i < 300; i++) {
		struct chunk *chunk = chunk_new(1);

		assert_non_null(chunk);
		chunk->bytes[0] = 'x';
		assert_int_equal(output_add(&o, chunk, 0, false, 0), 0);
		chunk_unref(chunk);
	}
	before = output_bytes(o);
	calls_left = 1;
	sent = output_write(&o, fd[0], NULL, 1);
	assert_true(sent >= CHUNK && (size_t)sent < before);
	assert_int_equal(output_bytes(o), before - (size_t)sent);
	calls_left = 0;
	assert_int_equal(output_write(&o, fd[0], NULL, 1), -EPIPE);
	calls_left = UINT_MAX;
	output_free(o);
	pair_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(progress_is_what_is_taken),
		cmocka_unit_test(what_has_begun_to_leave_is_not_cut),
		cmocka_unit_test(every_length_leaves_in_order),
		cmocka_unit_test(a_peer_that_has_gone_is_an_error_and_no_signal),
		cmocka_unit_test(what_left_before_an_error_is_counted),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
