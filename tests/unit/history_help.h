/* history_help.h - for the tests of the history: a directory of their own, and requests that wait for their answer. */
#ifndef WXCHAT_HISTORY_HELP_H
#define WXCHAT_HISTORY_HELP_H

#include <errno.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#include "push-server/history_internal.h"
#include "tests/unit/store_dir.h"

#define UID_A "aaaaaaaaaaaaaaaaaaaa"
#define UID_B "bbbbbbbbbbbbbbbbbbbb"

enum { T0 = 1000000000 };	/* a moment, ms */

static char why[200];

/* Requests belong to whoever waits for them. */
static inline void deliver(void *arg, struct history_batch *batch)
{
	struct history_request *q;

	(void)arg;
	while ((q = STAILQ_FIRST(batch)) != NULL) {
		STAILQ_REMOVE_HEAD(batch, link);
		sem_post(q->context);
	}
}

static inline struct history_options history_defaults(void)
{
	return (struct history_options){ .dir = dir, .map_size = 64 << 20, .per_room = 10000, .deliver = deliver };
}

static inline struct history *open_with(struct history_options options)
{
	struct history *h = NULL;

	why[0] = '\0';
	if (history_open(&options, &h, why) < 0)
		fail_msg("%s", why);
	return h;
}

static inline struct history *start_with(struct history_options options)
{
	struct history *h = open_with(options);

	assert_int_equal(history_start(h), 0);
	return h;
}

static inline void stop(struct history *h)
{
	history_stop(h);
	history_close(h);
}

static inline int forget_epoch(MDB_txn *txn, void *arg)
{
	MDB_val k = { 5, (void *)(uintptr_t)"epoch" };

	return mdb_errno(mdb_del(txn, mdb_meta(arg), &k, NULL));
}

/* What is in the directory becomes a backup that was put back, as wxchatctl does it. */
static inline void put_back(struct history_options options)
{
	struct history *h = open_with(options);

	assert_int_equal(mdb_write(h->db, forget_epoch, h->db), 0);
	stop(h);
}

static inline void request_init(struct history_request *q, enum history_verb verb, const char *room, const char *uid)
{
	memset(q, 0, sizeof(*q));
	q->verb = verb;
	q->time_ms = T0;
	snprintf(q->room, sizeof(q->room), "%s", room);
	snprintf(q->uid, sizeof(q->uid), "%s", uid);
}

static inline void request_text(struct history_request *q, const char *text)
{
	q->text = strdup(text);
	q->text_len = strlen(text);
}

static inline void request_fini(struct history_request *q)
{
	free(q->text);
	buf_free(&q->key);
	buf_free(&q->value);
}

/* Sends, waits, and returns the answer's error. */
static inline int ask(struct history *h, struct history_request *q)
{
	sem_t done;
	int r;

	sem_init(&done, 0, 0);
	q->context = &done;
	r = history_submit(h, q);
	if (r == 0) {
		while (sem_wait(&done) < 0)
			;
		r = q->error;
	}
	sem_destroy(&done);
	return r;
}

/* The id, or the error. */
static inline int64_t append_at(struct history *h, const char *room, const char *uid, const char *cid, const char *text,
				int64_t time_ms)
{
	struct history_request q;
	int r;

	request_init(&q, HISTORY_APPEND, room, uid);
	snprintf(q.cid, sizeof(q.cid), "%s", cid);
	request_text(&q, text);
	q.time_ms = time_ms;
	r = ask(h, &q);
	request_fini(&q);
	return r < 0 ? r : (int64_t)q.id;
}

static inline int64_t append(struct history *h, const char *room, const char *text)
{
	return append_at(h, room, UID_A, "", text, T0);
}

static inline int recall_at(struct history *h, const char *room, uint64_t id, const char *uid, bool may_any,
			    int64_t time_ms)
{
	struct history_request q;

	request_init(&q, HISTORY_RECALL, room, uid);
	q.id = id;
	q.may_any = may_any;
	q.time_ms = time_ms;
	return ask(h, &q);
}

static inline int value_ask(struct history *h, enum history_verb verb, enum room_table table, const char *key,
			    const char *value, int64_t amount, uint64_t *number)
{
	struct history_request q;
	int r;

	request_init(&q, verb, "", "");
	q.table = table;
	q.amount = amount;
	buf_adds(&q.key, key);
	buf_adds(&q.value, value);
	r = ask(h, &q);
	request_fini(&q);
	if (number)
		*number = q.number;
	return r;
}

static inline int entry_join(const struct history_entry *entry, void *arg)
{
	buf_addf(arg, "%llu%s:%.*s ", (unsigned long long)entry->id, entry->is_recalled ? "!" : "", (int)entry->len,
		 entry->text);
	return 0;
}

/* What a room shows, as "1:text 2!: 3:text ". */
static inline const char *shown(struct history *h, const char *room, uint64_t from, uint64_t to)
{
	static struct buf out;
	struct history_reader *r;

	buf_reset(&out);
	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_each(r, room, from, to, entry_join, &out), 0);
	history_reader_free(r);
	return buf_str(&out);
}

static inline void bounds(struct history *h, const char *room, uint64_t *first, uint64_t *last)
{
	struct history_reader *r;

	assert_int_equal(history_reader_new(h, &r), 0);
	assert_int_equal(history_bounds(r, room, first, last), 0);
	history_reader_free(r);
}

/* All bytes of data.mdb. */
static inline char *file_bytes(const char *path, size_t *len)
{
	char name[128], *bytes;
	struct stat st;
	FILE *f;

	snprintf(name, sizeof(name), "%s/data.mdb", path);
	f = fopen(name, "rb");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	bytes = malloc((size_t)st.st_size);
	*len = fread(bytes, 1, (size_t)st.st_size, f);
	fclose(f);
	return bytes;
}

static inline unsigned file_holds(const char *path, const void *what, size_t what_len)
{
	size_t len, at = 0;
	char *bytes = file_bytes(path, &len), *found;
	unsigned count = 0;

	while ((found = memmem(bytes + at, len - at, what, what_len)) != NULL) {
		at = (size_t)(found - bytes) + 1;
		count++;
	}
	free(bytes);
	return count;
}

#endif
