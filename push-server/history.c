/* history.c - the history's thread: what waits is taken together, committed together, delivered together.
 * Knows what a batch is and nothing of what is in it. */
#include "history.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "crypto.h"
#include "history_internal.h"

enum { BOOT_ID_MAX = 64, CLAIM_WAIT_MS = 3000 };

static const char schema[] = "push-server history 1";

static const char *const tables[TABLES_ALL + 1] = {
	[TABLE_BANS] = "bans", [TABLE_MUTES] = "mutes", [TABLE_ENROLLED] = "enrolled",
	[TABLE_MODERATORS] = "moderators", [TABLE_READS] = "reads", [TABLE_CONSENTS] = "consents",
	[TABLE_MARKS] = "marks", [TABLE_ROOMS] = "rooms", [TABLE_MESSAGES] = "messages", [TABLE_CIDS] = "cids",
	[TABLE_KEYS] = "keys", [TABLE_SLOTS] = "slots", [TABLE_ERASURES] = "erasures"
};

/* --- the epoch --- */

/* Rows of the table meta: "epoch", and "unsafe", which names the run of the kernel in which the environment was last
 * open in relaxed mode and has not been closed since. */
static MDB_val epoch_key = { 5, (void *)(uintptr_t)"epoch" }, unsafe_key = { 6, (void *)(uintptr_t)"unsafe" };

struct epoch_work {
	struct mdb *db;
	const char *boot_id;		/* "" when unknown */
	bool relaxed;
	char epoch[EPOCH_LEN + 1];
	struct slots slots;		/* out; in when closing */
};

static int epoch_new(struct epoch_work *w, MDB_txn *txn)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t random[EPOCH_LEN];
	MDB_val v = { EPOCH_LEN, w->epoch };
	int i, r = crypto_random(random, sizeof(random));

	for (i = 0; i < EPOCH_LEN; i++)
		w->epoch[i] = hex[random[i] & 15];
	w->epoch[EPOCH_LEN] = '\0';
	return r < 0 ? r : history_errno(mdb_put(txn, mdb_meta(w->db), &epoch_key, &v, 0));
}

/* A stop without a close loses nothing as long as the kernel lives: it has the pages.  Only when the kernel went
 * down, too, may the last batch of relaxed mode be gone. */
static int epoch_open(MDB_txn *txn, void *arg)
{
	struct epoch_work *w = arg;
	MDB_dbi meta = mdb_meta(w->db);
	MDB_val v, boot = { strlen(w->boot_id), (void *)(uintptr_t)w->boot_id };
	bool is_lost = false, was_unsafe;
	int rc, r = 0;

	rc = mdb_get(txn, meta, &unsafe_key, &v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return history_errno(rc);
	was_unsafe = rc == 0;
	if (was_unsafe && (boot.mv_size == 0 || v.mv_size != boot.mv_size ||
			   memcmp(v.mv_data, boot.mv_data, boot.mv_size) != 0))
		is_lost = true;
	rc = mdb_get(txn, meta, &epoch_key, &v);
	if (rc == 0 && v.mv_size == EPOCH_LEN)
		memcpy(w->epoch, v.mv_data, EPOCH_LEN);
	else if (rc == 0 || rc == MDB_NOTFOUND)
		is_lost = true;
	else
		return history_errno(rc);
	if (is_lost)
		r = epoch_new(w, txn);
	if (r == 0 && w->relaxed)
		r = history_errno(mdb_put(txn, meta, &unsafe_key, &boot, 0));
	else if (r == 0 && was_unsafe)
		r = history_errno(mdb_del(txn, meta, &unsafe_key, NULL));
	return r < 0 ? r : slots_load(w->db, txn, &w->slots);
}

static int epoch_close(MDB_txn *txn, void *arg)
{
	struct epoch_work *w = arg;
	int rc = mdb_del(txn, mdb_meta(w->db), &unsafe_key, NULL);

	return rc != 0 && rc != MDB_NOTFOUND ? history_errno(rc) : slots_close(w->db, txn, &w->slots);
}

/* Also in relaxed mode what is written here stands on the disk when this returns. */
static int epoch_write(struct epoch_work *w, int (*fn)(MDB_txn *txn, void *arg))
{
	int r = mdb_write(w->db, fn, w);

	return r < 0 || !mdb_handle(w->db) ? r : history_errno(mdb_env_sync(mdb_handle(w->db), 1));
}

static void boot_id_read(char out[static BOOT_ID_MAX])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, BOOT_ID_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* --- opening --- */

/* One process writes: two would give one room two orders.  The lock ends with the process, however it ends; one that is
 * about to end is waited for. */
static int history_claim(const char *dir, int *claim, char why[static 200])
{
	const struct timespec pause = clock_timespec(10);
	int64_t until_ms = clock_mono_ms() + CLAIM_WAIT_MS;
	int r;

	*claim = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = *claim < 0 ? -errno : 0;
	while (r == 0 && flock(*claim, LOCK_EX | LOCK_NB) < 0)
		if (errno != EWOULDBLOCK || clock_mono_ms() >= until_ms)
			r = -errno;
		else
			nanosleep(&pause, NULL);
	if (r == 0)
		return 0;
	if (r == -EWOULDBLOCK)
		snprintf(why, 200, "another push-server writes to the history in %.100s", dir);
	else
		snprintf(why, 200, "cannot lock the history in %.100s: %s", dir, strerror(-r));
	if (*claim >= 0)
		close(*claim);
	*claim = -1;
	return r;
}

static int history_load(struct history *h)
{
	MDB_stat stat;
	MDB_txn *txn;
	unsigned i;
	int rc = 0, r;

	if ((r = mdb_read_begin(h->db, &txn)) < 0)
		return r;
	for (i = 0; i < TABLE_COUNT && rc == 0; i++) {
		rc = mdb_stat(txn, mdb_table(h->db, i), &stat);
		atomic_store(&h->counts[i], stat.ms_entries);
	}
	if (rc == 0)
		rc = mdb_stat(txn, mdb_table(h->db, TABLE_ERASURES), &stat);
	h->has_erasures = rc == 0 && stat.ms_entries > 0;
	mdb_read_end(h->db, txn);
	return history_errno(rc);
}

int history_open_as(const struct history_options *options, const char *boot_id, struct history **out,
		    char why[static 200])
{
	const struct mdb_options db = { .dir = options->dir, .mode = MDB_MODE_WRITER, .map_size = options->map_size,
					.relaxed = options->relaxed, .tables = tables, .schema = schema };
	struct epoch_work epoch = { .boot_id = boot_id, .relaxed = options->relaxed };
	struct history *h = calloc(1, sizeof(*h));
	int r;

	if (h)
		h->claim = -1;
	if (!h || text_sealer_new(&h->sealer) < 0) {
		free(h);
		snprintf(why, 200, "not enough memory, or OpenSSL lacks AES-128-CTR");
		return -ENOMEM;
	}
	pthread_mutex_init(&h->lock, NULL);
	clock_cond_init(&h->wake);
	STAILQ_INIT(&h->waiting);
	h->per_room = options->per_room > 0 ? options->per_room : 1;
	h->max_age_ms = options->max_age_ms;
	h->deliver = options->deliver;
	h->arg = options->arg;
	if ((r = mdb_open(&db, &h->db, why)) < 0 || (r = history_claim(options->dir, &h->claim, why)) < 0)
		goto fail;
	epoch.db = h->db;
	if ((r = epoch_write(&epoch, epoch_open)) < 0 || (r = history_load(h)) < 0) {
		snprintf(why, 200, "cannot prepare the history in %.100s: %s", options->dir, strerror(-r));
		goto fail;
	}
	memcpy(h->epoch, epoch.epoch, sizeof(h->epoch));
	h->slots = epoch.slots;
	*out = h;
	return 0;
fail:
	mdb_close(h->db);
	if (h->claim >= 0)
		close(h->claim);
	text_sealer_free(h->sealer);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
	return r;
}

int history_open(const struct history_options *options, struct history **out, char why[static 200])
{
	char boot_id[BOOT_ID_MAX];

	boot_id_read(boot_id);
	return history_open_as(options, boot_id, out, why);
}

/* The last that this process writes: from here on the environment may be a successor's. */
static void history_leave(struct history *h)
{
	struct epoch_work epoch = { .db = h->db, .boot_id = "", .slots = h->slots };
	int r = epoch_write(&epoch, epoch_close);

	if (r < 0)
		log_warn("history-leave", "error=\"%s\"", strerror(-r));
	close(h->claim);
	h->claim = -1;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	assert(h->is_stopping && STAILQ_EMPTY(&h->waiting));
	mdb_close(h->db);
	text_sealer_free(h->sealer);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

const char *history_epoch(const struct history *h)
{
	return h->epoch;
}

/* --- the thread --- */

static uint64_t request_size(const struct history_request *q)
{
	return sizeof(*q) + q->text_len + q->key.len + q->value.len;
}

/* What the next transaction carries, of what waits.  With the lock held; returns the bytes taken. */
static uint64_t batch_take(struct history *h, struct history_batch *batch)
{
	struct history_request *q;
	uint64_t bytes = 0;
	unsigned count = 0;

	while ((q = STAILQ_FIRST(&h->waiting)) != NULL && count++ < BATCH_REQUESTS && bytes < BATCH_BYTES) {
		STAILQ_REMOVE_HEAD(&h->waiting, link);
		STAILQ_INSERT_TAIL(batch, q, link);
		bytes += request_size(q);
	}
	return bytes;
}

static void batch_fail(struct history *h, struct history_batch *batch, int error)
{
	struct history_request *q;
	unsigned count = 0;

	STAILQ_FOREACH(q, batch, link) {
		q->error = error;
		if (q->verb == HISTORY_APPEND)
			q->id = 0;
		q->is_duplicate = false;
		count++;
	}
	atomic_fetch_add(&h->failed, count);
	if (log_allowed(&h->failure_limit, 1, clock_mono_ms())) {
		log_error("history-not-stored", "error=\"%s\" requests=%u lines_dropped=%u", strerror(-error), count,
			  h->failure_limit.dropped);
		h->failure_limit.dropped = 0;
	}
}

static void history_erase(struct history *h)
{
	uint64_t done;
	int r = erasures_carry_out(h->db, &done);

	h->are_erased = r == 0;
	if (r < 0 && log_allowed(&h->failure_limit, 1, clock_mono_ms()))
		log_error("history-not-erased", "error=\"%s\"", strerror(-r));
}

/* One transaction, however it ends. */
static void history_commit(struct history *h, struct history_batch *batch, bool is_idle)
{
	struct history_work w = { .h = h, .batch = batch };
	int64_t started_us = clock_mono_us();
	struct history_request *q;
	unsigned i;
	int r;

	w.sweep_rooms = is_idle ? IDLE_ROOMS : SWEEP_ROOMS;
	w.sweep_messages = is_idle ? IDLE_MESSAGES : SWEEP_MESSAGES;
	w.now_ms = is_idle ? clock_wall_ms() : 0;
	STAILQ_FOREACH(q, batch, link)
		if (q->time_ms > w.now_ms)
			w.now_ms = q->time_ms;
	r = mdb_write(h->db, history_log_run, &w);
	if (r < 0) {
		batch_fail(h, batch, r);
	} else {
		h->slots = w.slots;
		memcpy(h->swept, w.swept, sizeof(h->swept));
		h->has_erasures = w.has_erasures;
		for (i = 0; i < TABLE_COUNT; i++)
			atomic_store(&h->counts[i], w.counts[i]);
		atomic_fetch_add(&h->appended, w.appended);
		atomic_fetch_add(&h->duplicates, w.duplicates);
		atomic_fetch_add(&h->pruned, w.pruned);
		atomic_fetch_add(&h->erased, w.recalled);
		if (w.recalled > 0)
			h->are_erased = false;
	}
	if (h->has_erasures && !h->are_erased)
		history_erase(h);	/* before anyone is told that it is done */
	if (!is_idle)
		atomic_fetch_add(&h->batches, 1);
	atomic_fetch_add(&h->commit_us, (uint64_t)(clock_mono_us() - started_us));
}

/* Waits with the lock held.  False when nothing came for so long that idle rooms may be pruned. */
static bool history_wait(struct history *h)
{
	const struct timespec until = clock_timespec(clock_mono_ms() + IDLE_MS);
	int r = 0;

	while (STAILQ_EMPTY(&h->waiting) && !h->is_stopping && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&h->wake, &h->lock, &until);
	return !STAILQ_EMPTY(&h->waiting) || h->is_stopping;
}

static void *history_main(void *arg)
{
	struct history *h = arg;
	struct history_batch batch;
	bool is_over, has_work;
	uint64_t bytes;

	pthread_setname_np(pthread_self(), "history");
	STAILQ_INIT(&batch);
	if (h->has_erasures)
		history_erase(h);
	do {
		pthread_mutex_lock(&h->lock);
		has_work = history_wait(h);
		bytes = batch_take(h, &batch);
		is_over = h->is_stopping && STAILQ_EMPTY(&batch);
		pthread_mutex_unlock(&h->lock);
		if (is_over)
			break;
		history_commit(h, &batch, !has_work);
		if (!STAILQ_EMPTY(&batch))
			h->deliver(h->arg, &batch);
		STAILQ_INIT(&batch);
		pthread_mutex_lock(&h->lock);
		h->waiting_bytes -= bytes;
		pthread_mutex_unlock(&h->lock);
	} while (true);
	return NULL;
}

/* Signals are for others; and SIGXFSZ, at a file size limit, becomes the error that it should be. */
int history_start(struct history *h)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&h->thread, NULL, history_main, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	h->is_running = r == 0;
	return -r;
}

void history_stop(struct history *h)
{
	bool was_running, was_stopped;

	pthread_mutex_lock(&h->lock);
	was_stopped = h->is_stopping;
	h->is_stopping = true;
	was_running = h->is_running;
	h->is_running = false;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (was_stopped)
		return;
	if (was_running)
		pthread_join(h->thread, NULL);
	else
		history_main(h);	/* what came before a start that never was */
	history_leave(h);
}

int history_submit(struct history *h, struct history_request *request)
{
	uint64_t size = request_size(request);
	bool wake = false;
	int r = 0;

	pthread_mutex_lock(&h->lock);
	if (h->is_stopping) {
		r = -ESHUTDOWN;
	} else if (size > HISTORY_QUEUE_BYTES || h->waiting_bytes > HISTORY_QUEUE_BYTES - size) {
		r = -EAGAIN;
	} else {
		wake = STAILQ_EMPTY(&h->waiting);
		STAILQ_INSERT_TAIL(&h->waiting, request, link);
		h->waiting_bytes += size;
	}
	pthread_mutex_unlock(&h->lock);
	if (wake)
		pthread_cond_signal(&h->wake);
	return r;
}

/* --- figures, copies --- */

uint64_t history_count(const struct history *h, enum room_table table)
{
	return atomic_load_explicit(&h->counts[table], memory_order_relaxed);
}

void history_stats(struct history *h, struct history_stats *out)
{
	out->batches = atomic_load(&h->batches);
	out->appended = atomic_load(&h->appended);
	out->duplicates = atomic_load(&h->duplicates);
	out->failed = atomic_load(&h->failed);
	out->pruned = atomic_load(&h->pruned);
	out->erased = atomic_load(&h->erased);
	out->commit_us = atomic_load(&h->commit_us);
	pthread_mutex_lock(&h->lock);
	out->waiting_bytes = h->waiting_bytes;
	pthread_mutex_unlock(&h->lock);
}

int history_backup(struct history *h, const char *dir)
{
	return mdb_backup(h->db, dir);
}
