/* bans.c - asking the push server's store who is banned.  Knows the one table and nothing else in it. */
#include "bans.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "be.h"
#include "log.h"
#include "mdb.h"

enum {
	LOOK_AGAIN_MS = 3000,
	WHO_MAX = 64		/* longer than any uid or address */
};

struct bans {
	char *dir;
	_Atomic(struct mdb *) mdb;	/* NULL until the push server has made it */
	pthread_mutex_t lock;
	int64_t looked_ms;		/* under lock; 0: never */
	int trouble;			/* what was logged last */
};

struct bans *bans_open(const char *dir)
{
	struct bans *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->dir = strdup(dir);
	if (!b->dir) {
		free(b);
		return NULL;
	}
	atomic_init(&b->mdb, NULL);
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void bans_close(struct bans *b)
{
	if (!b)
		return;
	mdb_close(atomic_load(&b->mdb));
	pthread_mutex_destroy(&b->lock);
	free(b->dir);
	free(b);
}

static struct mdb *bans_store(struct bans *b, int64_t now_ms)
{
	static const char *const tables[] = { "bans", NULL };
	const struct mdb_options options = { .dir = b->dir, .mode = MDB_MODE_READER, .tables = tables };
	struct mdb *m = atomic_load(&b->mdb);
	char why[200];
	int r;

	if (m || pthread_mutex_trylock(&b->lock) != 0)	/* another looks already */
		return m;
	m = atomic_load(&b->mdb);
	if (!m && (b->looked_ms == 0 || now_ms < b->looked_ms || now_ms - b->looked_ms >= LOOK_AGAIN_MS)) {
		b->looked_ms = now_ms;
		r = mdb_open(&options, &m, why);
		if (r == 0)
			atomic_store(&b->mdb, m);
		else
			m = NULL;
		if (r != b->trouble && r < 0 && r != -ENOENT)
			log_error("bans-unreadable", "why=\"%s\"", why);
		b->trouble = r;
	}
	pthread_mutex_unlock(&b->lock);
	return m;
}

static bool bans_has(struct mdb *m, MDB_txn *txn, char kind, const char *who, int64_t now_ms)
{
	size_t len = who ? strnlen(who, WHO_MAX) : 0;
	char bytes[1 + WHO_MAX] = { kind };
	MDB_val key = { 1 + len, bytes }, value;
	uint64_t until;

	if (len == 0 || len == WHO_MAX)
		return false;
	memcpy(bytes + 1, who, len);
	if (mdb_get(txn, mdb_table(m, 0), &key, &value) != 0 || value.mv_size < sizeof(until))
		return false;
	until = be_get(value.mv_data, sizeof(until));
	return until == 0 || (int64_t)until > now_ms;
}

bool bans_hit(struct bans *b, const char *uid, const char *address, int64_t now_ms)
{
	struct mdb *m = bans_store(b, now_ms);
	MDB_txn *txn;
	bool hit;

	if (!m || mdb_read_begin(m, &txn) < 0)
		return false;
	hit = bans_has(m, txn, 'u', uid, now_ms) || bans_has(m, txn, 'a', address, now_ms);
	mdb_read_end(m, txn);
	return hit;
}
