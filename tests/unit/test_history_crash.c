/* test_history_crash.c - the power fails.  All that LMDB writes is recorded; then the disk is put together as it might
 * stand after a cut at a random moment, pages that were not yet flushed being there or not, and the history is
 * opened on it.  With sync = batch nothing that was answered is missing; with relaxed at most the last batch is,
 * and the epoch tells; neither is ever corrupt. */
#include "tests/unit/history_help.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum {
	PAGE = 4096, FILE_MAX = 8 << 20, EVENTS_MAX = 20000, ROOMS = 3, KEPT = 40, STEPS = 150, CUTS = 250,
	MESSAGES_MAX = 2000, TEXT_SIZE = 3000
};

struct event {
	enum event_kind { EVENT_WRITE, EVENT_FLUSH, EVENT_ANSWER } kind;
	bool is_flushed;	/* WRITE: on the disk when it returned */
	size_t at, len;
	uint8_t *bytes;
	unsigned batch;		/* ANSWER */
	bool is_recall;
	unsigned room;
	uint64_t id;
};

static struct event events[EVENTS_MAX];
static size_t event_count;
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static ino_t recorded;		/* the file; 0: none */
static unsigned batches;

/* --- recording: these come before the C library's --- */

static bool is_recorded(int fd)
{
	struct stat st;

	return recorded && fstat(fd, &st) == 0 && st.st_ino == recorded;
}

static struct event *event_add(enum event_kind kind)
{
	struct event *e = &events[event_count];

	if (++event_count > EVENTS_MAX)
		abort();
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	return e;
}

static void record_write(int fd, const struct iovec *parts, int count, off_t at)
{
	struct event *e;
	size_t n = 0;
	int i;

	pthread_mutex_lock(&events_lock);
	e = event_add(EVENT_WRITE);
	e->is_flushed = fcntl(fd, F_GETFL) & O_DSYNC;
	e->at = (size_t)at;
	for (i = 0; i < count; i++)
		e->len += parts[i].iov_len;
	e->bytes = malloc(e->len);
	for (i = 0; i < count; n += parts[i++].iov_len)
		memcpy(e->bytes + n, parts[i].iov_base, parts[i].iov_len);
	pthread_mutex_unlock(&events_lock);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	struct iovec part = { (void *)(uintptr_t)bytes, len };

	if (is_recorded(fd))
		record_write(fd, &part, 1, at);
	return pwritev(fd, &part, 1, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	if (is_recorded(fd))
		record_write(fd, parts, count, lseek(fd, 0, SEEK_CUR));
	return syscall(SYS_writev, fd, parts, count);
}

int fdatasync(int fd)	/* the real disk need not know */
{
	if (is_recorded(fd)) {
		pthread_mutex_lock(&events_lock);
		event_add(EVENT_FLUSH);
		pthread_mutex_unlock(&events_lock);
	}
	return 0;
}

int fsync(int fd)
{
	return fdatasync(fd);
}

/* --- talking --- */

static unsigned seed;

static unsigned any(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

static void room_name(char out[static 32], unsigned room)
{
	snprintf(out, 32, "room %u", room);
}

/* What message id of a room says. */
static void text_of(char out[static TEXT_SIZE], unsigned room, uint64_t id)
{
	unsigned len = (unsigned)(id * 2654435761u >> 7) % (id % 9 == 0 ? TEXT_SIZE - 40 : 300);
	int n = snprintf(out, TEXT_SIZE, "%u/%llu ", room, (unsigned long long)id);

	memset(out + n, 'a' + (int)(id % 26), len);
	out[(unsigned)n + len] = '\0';
}

static void record_answers(void *arg, struct history_batch *batch)
{
	struct history_request *q;
	struct event *e;

	pthread_mutex_lock(&events_lock);
	batches++;
	STAILQ_FOREACH(q, batch, link) {
		if (q->error)
			continue;
		e = event_add(EVENT_ANSWER);
		e->batch = batches;
		e->is_recall = q->verb == HISTORY_RECALL;
		e->room = (unsigned)(q->room[5] - '0');
		e->id = q->id;
	}
	pthread_mutex_unlock(&events_lock);
	deliver(arg, batch);
}

static struct history_options crash_options(bool relaxed)
{
	struct history_options options = history_defaults();

	options.relaxed = relaxed;
	options.per_room = KEPT;
	return options;
}

/* Returns how many events there were before the first message. */
static size_t talk(bool relaxed, char epoch[static EPOCH_LEN + 1])
{
	struct history_options options = crash_options(relaxed);
	struct history_request q[8];
	uint64_t given[ROOMS] = { 0 };
	char path[128], text[TEXT_SIZE];
	struct history *h;
	unsigned step, i, count, room;
	struct stat st;
	size_t begin;
	sem_t done;

	stop(open_with(options));	/* makes the files */
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	unlink(path);
	assert_int_equal(close(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)), 0);
	assert_int_equal(stat(path, &st), 0);
	recorded = st.st_ino;
	options.deliver = record_answers;
	assert_int_equal(history_open_as(&options, "this run", &h, why), 0);
	strcpy(epoch, history_epoch(h));
	begin = event_count;
	assert_int_equal(history_start(h), 0);
	sem_init(&done, 0, 0);
	for (step = 0; step < STEPS; step++) {
		count = 1 + any(COUNT(q));
		for (i = 0; i < count; i++) {
			bool is_recall = any(8) == 0;

			room = any(ROOMS);
			request_init(&q[i], is_recall ? HISTORY_RECALL : HISTORY_APPEND, "", UID_A);
			room_name(q[i].room, room);
			q[i].context = &done;
			if (is_recall) {
				q[i].id = given[room] - any(KEPT / 2);	/* some there, some not */
			} else {
				text_of(text, room, ++given[room]);
				request_text(&q[i], text);
				snprintf(q[i].cid, sizeof(q[i].cid), "%llu", (unsigned long long)given[room]);
			}
			assert_int_equal(history_submit(h, &q[i]), 0);
		}
		for (i = 0; i < count; i++)
			while (sem_wait(&done) < 0)
				;
		for (i = 0; i < count; i++)
			request_fini(&q[i]);
	}
	sem_destroy(&done);
	recorded = 0;
	stop(h);
	return begin;
}

static void forget_events(void)
{
	while (event_count > 0)
		free(events[--event_count].bytes);
	batches = 0;
}

/* --- the disk after a cut --- */

static uint8_t disk[FILE_MAX];
static size_t disk_len;

static void disk_write(const struct event *e, size_t from, size_t len)
{
	if (e->at + from + len > FILE_MAX)
		abort();
	memcpy(disk + e->at + from, e->bytes + from, len);
	if (e->at + from + len > disk_len)
		disk_len = e->at + from + len;
}

/* The pages of a write that was not flushed: each is there or not, and what is missing once stays so. */
static void disk_write_some(const struct event *e, unsigned lost_in_8, uint8_t *is_lost)
{
	size_t n = 0, len;

	while (n < e->len) {
		len = PAGE - (e->at + n) % PAGE;
		if (len > e->len - n)
			len = e->len - n;
		if (any(8) < lost_in_8)
			is_lost[(e->at + n) / PAGE] = 1;
		if (!is_lost[(e->at + n) / PAGE])
			disk_write(e, n, len);
		n += len;
	}
}

/* What events[0..cut) leave behind.  Without flushes: as a disk (or a mode) that never heard of them. */
static void disk_make(size_t cut, bool has_flushes)
{
	static uint8_t is_lost[FILE_MAX / PAGE];
	unsigned lost_in_8 = any(9);
	size_t i, flushed = 0;

	memset(disk, 0, sizeof(disk));
	memset(is_lost, 0, sizeof(is_lost));
	disk_len = 0;
	for (i = 0; i < cut && has_flushes; i++)
		if (events[i].kind == EVENT_FLUSH)
			flushed = i;
	if (!has_flushes)
		flushed = cut > 200 ? cut - 200 : 0;
	for (i = 0; i < cut; i++) {
		if (events[i].kind != EVENT_WRITE)
			continue;
		if (i < flushed || (has_flushes && events[i].is_flushed && i + 1 < cut))
			disk_write(&events[i], 0, events[i].len);
		else
			disk_write_some(&events[i], lost_in_8, is_lost);
	}
}

/* --- what is found on it --- */

struct found {
	unsigned room;
	uint64_t next;
	uint8_t state[MESSAGES_MAX];	/* by id: 0 not there, 1 there, 2 recalled */
	const char *wrong;
};

static int found_entry(const struct history_entry *entry, void *arg)
{
	struct found *f = arg;
	char text[TEXT_SIZE];

	if (entry->id != f->next++)
		f->wrong = "a gap";
	if (entry->id >= MESSAGES_MAX || strcmp(entry->uid, UID_A) != 0) {
		f->wrong = "nonsense";
		return 1;
	}
	text_of(text, f->room, entry->id);
	if (!entry->is_recalled && (entry->len != strlen(text) || memcmp(entry->text, text, entry->len) != 0))
		f->wrong = "another text";
	f->state[entry->id] = entry->is_recalled ? 2 : 1;
	return 0;
}

static const char *check_room(struct history *h, struct history_reader *r, unsigned room, size_t cut,
			      unsigned may_lose)
{
	static struct found f;
	uint64_t first, last;
	struct event *e;
	char name[32], text[TEXT_SIZE];

	memset(&f, 0, sizeof(f));
	f.room = room;
	room_name(name, room);
	if (history_bounds(r, name, &first, &last) < 0)
		return "no bounds";
	f.next = first;
	if (history_each(r, name, 0, UINT64_MAX, found_entry, &f) < 0)
		return "unreadable";
	if (f.wrong)
		return f.wrong;
	if (last > 0 && (f.next != last + 1 || last + 1 - first != (last < KEPT ? last : KEPT)))
		return "wrong bounds";
	for (e = events; e < events + cut; e++) {
		if (e->kind != EVENT_ANSWER || e->room != room || e->batch == may_lose)
			continue;
		if (e->id > last)
			return "an answered message is missing";
		if (e->is_recall && e->id >= first && f.state[e->id] != 2)
			return "a recalled message is back";
	}
	text_of(text, room, last + 1);
	return append(h, name, text) == (int64_t)last + 1 ? NULL : "the next number is wrong";
}

/* NULL, or what is wrong. */
static const char *check_disk(size_t cut, bool relaxed, const char *epoch)
{
	struct history_options options = crash_options(relaxed);
	unsigned room, may_lose = 0;
	const char *wrong = NULL;
	struct history_reader *r;
	struct history *h;
	char path[128];
	MDB_stat stat;
	MDB_txn *txn;
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, disk, disk_len) != (ssize_t)disk_len)
		abort();
	close(fd);
	if (relaxed)
		for (i = 0; i < cut; i++)
			if (events[i].kind == EVENT_ANSWER)
				may_lose = events[i].batch;

	if (history_open_as(&options, "the next run", &h, why) < 0)
		return why;
	if ((strcmp(history_epoch(h), epoch) != 0) != relaxed)
		wrong = "the epoch";
	if (history_start(h) < 0 || history_reader_new(h, &r) < 0)
		abort();
	for (room = 0; room < ROOMS && !wrong; room++)
		wrong = check_room(h, r, room, cut, may_lose);
	history_reader_free(r);
	history_stop(h);
	if (!wrong && mdb_read_begin(h->db, &txn) == 0) {
		mdb_stat(txn, mdb_table(h->db, TABLE_ERASURES), &stat);
		wrong = stat.ms_entries > 0 ? "an erasure waits for ever" : NULL;
		mdb_read_end(h->db, txn);
	}
	history_close(h);
	return wrong;
}

static void cut_many_times(bool relaxed)
{
	char epoch[EPOCH_LEN + 1];
	size_t begin = talk(relaxed, epoch), cut;
	const char *wrong;
	unsigned i;

	for (i = 0; i < CUTS; i++) {
		cut = begin + any((unsigned)(event_count - begin)) + 1;
		disk_make(cut, true);
		wrong = check_disk(cut, relaxed, epoch);
		if (wrong)
			fail_msg("cut %u after event %zu of %zu: %s", i, cut, event_count, wrong);
	}
	forget_events();
}

static void nothing_answered_is_lost_to_a_power_cut(void **state)
{
	(void)state;
	seed = 1;
	cut_many_times(false);
}

static void relaxed_loses_the_last_batch_at_most_and_says_so(void **state)
{
	(void)state;
	seed = 2;
	cut_many_times(true);
}

/* The proof that the two above could fail. */
static void without_flushes_it_would_be_lost(void **state)
{
	char epoch[EPOCH_LEN + 1];
	unsigned i, bad = 0;
	size_t begin, cut;
	int status, null;
	pid_t pid;

	(void)state;
	seed = 3;
	begin = talk(false, epoch);
	for (i = 0; i < 20; i++) {
		cut = begin + any((unsigned)(event_count - begin)) + 1;
		disk_make(cut, false);
		pid = fork();	/* LMDB may give up the process over such a file */
		assert_true(pid >= 0);
		if (pid == 0) {
			null = open("/dev/null", O_WRONLY);
			dup2(null, STDERR_FILENO);
			_exit(check_disk(cut, false, epoch) != NULL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	assert_true(bad > 0);
	forget_events();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_answered_is_lost_to_a_power_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(relaxed_loses_the_last_batch_at_most_and_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(without_flushes_it_would_be_lost, setup, teardown),
	};

	log_init("test", LOG_ERROR_LEVEL + 1);
	return !!cmocka_run_group_tests_name("history crash", tests, NULL, NULL);
}
