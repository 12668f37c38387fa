/* test_history_kill.c - the server is killed at any moment, many times: what was acknowledged is there, each
 * message once, under numbers without a gap. */
#include "tests/unit/history_help.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { KILLS = 30, ROOMS = 3, AHEAD = 40, MESSAGES_MAX = 200000 };

/* Message n goes to room n % ROOMS, says "message n", and has the cid "n". */
static bool is_acknowledged[MESSAGES_MAX];
static uint64_t id_of[MESSAGES_MAX];

struct note {
	uint32_t n;
	uint64_t id;
};

static void room_name(char out[static 32], uint32_t n)
{
	snprintf(out, 32, "room %u", n % ROOMS);
}

/* --- the child --- */

static int notes_fd;
static sem_t may_send;

static void tell_parent(void *arg, struct history_batch *batch)
{
	struct history_request *q;
	struct note note;

	(void)arg;
	while ((q = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, link);
		note = (struct note){ (uint32_t)strtoul(q->cid, NULL, 10), q->id };
		if (q->error || write(notes_fd, &note, sizeof(note)) != sizeof(note))
			_exit(3);
		free(q->text);
		free(q);
		sem_post(&may_send);
	}
}

/* Sends whatever is not acknowledged, until killed. */
static void child_run(int fd, bool relaxed)
{
	struct history_options options = history_defaults();
	struct history_request *q;
	struct history *h;
	char text[64];
	uint32_t n;

	notes_fd = fd;
	sem_init(&may_send, 0, AHEAD);
	options.deliver = tell_parent;
	options.relaxed = relaxed;
	if (history_open(&options, &h, why) < 0 || history_start(h) < 0)
		_exit(2);
	for (n = 0; n < MESSAGES_MAX; n++) {
		if (is_acknowledged[n])
			continue;
		while (sem_wait(&may_send) < 0)
			;
		q = malloc(sizeof(*q));
		request_init(q, HISTORY_APPEND, "", UID_A);
		room_name(q->room, n);
		snprintf(q->cid, sizeof(q->cid), "%u", n);
		snprintf(text, sizeof(text), "message %u", n);
		request_text(q, text);
		if (history_submit(h, q) < 0)
			_exit(4);
	}
	pause();
}

/* --- the parent --- */

static void child_kill_after(int ms, bool relaxed)
{
	struct note note;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		child_run(fds[1], relaxed);
		_exit(0);
	}
	close(fds[1]);
	if (read(fds[0], &note, sizeof(note)) == sizeof(note)) {	/* it is at work */
		is_acknowledged[note.n] = true;
		id_of[note.n] = note.id;
		usleep((useconds_t)ms * 1000);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(fds[0], &note, sizeof(note)) == sizeof(note)) {
		assert_true(note.n < MESSAGES_MAX && note.id > 0);
		assert_true(!is_acknowledged[note.n]);
		is_acknowledged[note.n] = true;
		id_of[note.n] = note.id;
	}
	close(fds[0]);
}

struct walk {
	uint64_t expected;
	bool *is_there;
};

static int check_entry(const struct history_entry *entry, void *arg)
{
	struct walk *w = arg;
	char text[64];
	uint32_t n;

	assert_true(entry->id == w->expected);	/* no gap */
	w->expected++;
	assert_false(entry->is_recalled);
	snprintf(text, sizeof(text), "%.*s", (int)entry->len, entry->text);
	assert_int_equal(sscanf(text, "message %u", &n), 1);
	assert_true(n < MESSAGES_MAX && !w->is_there[n]);	/* once */
	w->is_there[n] = true;
	assert_true(!is_acknowledged[n] || id_of[n] == entry->id);
	return 0;
}

static void check_all(void)
{
	bool *is_there = calloc(MESSAGES_MAX, sizeof(*is_there));
	struct history *h = open_with((struct history_options){ .dir = dir, .map_size = 64 << 20,
								.per_room = MESSAGES_MAX, .deliver = deliver });
	struct history_reader *r;
	char room[32];
	uint32_t n;

	assert_int_equal(history_reader_new(h, &r), 0);
	for (n = 0; n < ROOMS; n++) {
		struct walk walk = { 1, is_there };
		uint64_t first, last;

		room_name(room, n);
		assert_int_equal(history_each(r, room, 0, UINT64_MAX, check_entry, &walk), 0);
		assert_int_equal(history_bounds(r, room, &first, &last), 0);
		assert_true(walk.expected == last + 1);
	}
	for (n = 0; n < MESSAGES_MAX; n++)
		if (is_acknowledged[n])
			assert_true(is_there[n]);
	history_reader_free(r);
	history_stop(h);
	history_close(h);
	free(is_there);
}

static void nothing_acknowledged_is_lost_to_kills(bool relaxed)
{
	unsigned seed = 1, round, count = 0;
	uint32_t n;

	memset(is_acknowledged, 0, sizeof(is_acknowledged));
	for (round = 0; round < KILLS; round++) {
		seed = seed * 1103515245 + 12345;
		child_kill_after((int)(seed >> 16) % 20, relaxed);
		if (round % 10 == 9)
			check_all();
	}
	for (n = 0; n < MESSAGES_MAX; n++)
		count += is_acknowledged[n];
	assert_true(count >= KILLS);
}

static void when_each_batch_is_flushed(void **state)
{
	(void)state;
	nothing_acknowledged_is_lost_to_kills(false);
}

static void and_in_relaxed_mode(void **state)
{
	(void)state;
	nothing_acknowledged_is_lost_to_kills(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(when_each_batch_is_flushed, setup, teardown),
		cmocka_unit_test_setup_teardown(and_in_relaxed_mode, setup, teardown),
	};

	log_init("test", LOG_ERROR_LEVEL + 1);
	return !!cmocka_run_group_tests_name("history kill", tests, NULL, NULL);
}
