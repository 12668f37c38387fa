/* history_erase.c - keys for texts, each at one place in the file, and overwriting them there. */
#include "history_erase.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "be.h"
#include "crypto.h"
#include "history_internal.h"

enum {
	KEY_LEN = 16,
	KEY_PAGES = 4,		/* a block's; with one page LMDB would use it like any other */
	PAGE_HEAD = sizeof(size_t) + 8,	/* LMDB's: the page's number, and 8 bytes more */
	SLOTS_RESERVED = 128	/* noted ahead, so that not each batch has to; lost to a kill: 2 KiB */
};

struct text_sealer {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx;
	uint64_t nonce;
};

static const uint8_t no_key[KEY_LEN];

/* --- key blocks --- */

static size_t block_len(MDB_txn *txn)
{
	MDB_stat stat;

	mdb_env_stat(mdb_txn_env(txn), &stat);
	return KEY_PAGES * (size_t)stat.ms_psize - PAGE_HEAD;
}

/* *key points into the map, or is NULL when there is no such block. */
static int key_find(struct mdb *db, MDB_txn *txn, uint64_t slot, const uint8_t **key)
{
	size_t len = block_len(txn), count = len / KEY_LEN;
	uint8_t number[8];
	MDB_val k = { sizeof(number), number }, v;
	int rc;

	*key = NULL;
	be_put(number, slot / count, 8);
	rc = mdb_get(txn, mdb_table(db, TABLE_KEYS), &k, &v);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return history_errno(rc);
	if (v.mv_size != len)
		return -EIO;
	*key = (const uint8_t *)v.mv_data + slot % count * KEY_LEN;
	return 0;
}

static int block_make(struct mdb *db, MDB_txn *txn, uint64_t slot)
{
	size_t len = block_len(txn);
	uint8_t number[8];
	MDB_val k = { sizeof(number), number }, v = { len, NULL };
	int rc;

	be_put(number, slot / (len / KEY_LEN), 8);
	rc = mdb_put(txn, mdb_table(db, TABLE_KEYS), &k, &v, MDB_RESERVE | MDB_NOOVERWRITE);
	return rc == 0 ? crypto_random(v.mv_data, len) : history_errno(rc);
}

/* --- slots --- */

static MDB_val reserved_key = { 5, (void *)(uintptr_t)"slots" };	/* in meta: how many were ever reserved */

int slots_load(struct mdb *db, MDB_txn *txn, struct slots *out)
{
	MDB_stat stat;
	MDB_val v;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = mdb_get(txn, mdb_meta(db), &reserved_key, &v);
	if (rc == 0 && v.mv_size != 8)
		return -EIO;
	if (rc == 0)
		out->next = out->end = be_get(v.mv_data, 8);
	else if (rc != MDB_NOTFOUND)
		return history_errno(rc);
	rc = mdb_stat(txn, mdb_table(db, TABLE_SLOTS), &stat);
	out->returned = rc == 0 ? stat.ms_entries : 0;
	return history_errno(rc);
}

static int slots_note(struct mdb *db, MDB_txn *txn, uint64_t end)
{
	uint8_t number[8];
	MDB_val v = { sizeof(number), number };

	be_put(number, end, 8);
	return history_errno(mdb_put(txn, mdb_meta(db), &reserved_key, &v, 0));
}

int slots_close(struct mdb *db, MDB_txn *txn, struct slots *slots)
{
	int r;

	if (slots->next == slots->end)
		return 0;
	r = slots_note(db, txn, slots->next);
	if (r == 0)
		slots->end = slots->next;
	return r;
}

static int slot_take_returned(struct mdb *db, MDB_txn *txn, uint64_t *slot)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int rc;

	rc = mdb_cursor_open(txn, mdb_table(db, TABLE_SLOTS), &cursor);
	if (rc != 0)
		return history_errno(rc);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
	if (rc == 0 && k.mv_size != 8)
		rc = MDB_CORRUPTED;
	if (rc == 0) {
		*slot = be_get(k.mv_data, 8);
		rc = mdb_cursor_del(cursor, 0);
	}
	mdb_cursor_close(cursor);
	return history_errno(rc);
}

int slot_take(struct mdb *db, MDB_txn *txn, struct slots *slots, uint64_t *slot)
{
	const uint8_t *key;
	int r;

	if (slots->count > 0) {
		*slot = slots->pool[--slots->count];
		return 0;
	}
	if (slots->returned > 0) {
		r = slot_take_returned(db, txn, slot);
		if (r == 0)
			slots->returned--;
		return r;
	}
	if (slots->next == slots->end) {
		if ((r = slots_note(db, txn, slots->end + SLOTS_RESERVED)) < 0)
			return r;
		slots->end += SLOTS_RESERVED;
	}
	r = key_find(db, txn, slots->next, &key);
	if (r == 0 && !key)
		r = block_make(db, txn, slots->next);
	if (r == 0)
		*slot = slots->next++;
	return r;
}

static int slot_put_back(struct mdb *db, MDB_txn *txn, struct slots *slots, uint64_t slot)
{
	uint8_t number[8];
	MDB_val k = { sizeof(number), number }, v = { 0, NULL };
	int rc;

	be_put(number, slot, 8);
	rc = mdb_put(txn, mdb_table(db, TABLE_SLOTS), &k, &v, 0);
	if (rc == 0)
		slots->returned++;
	return history_errno(rc);
}

int slot_return(struct mdb *db, MDB_txn *txn, struct slots *slots, uint64_t slot)
{
	if (slots->count == SLOT_POOL)
		return slot_put_back(db, txn, slots, slot);
	slots->pool[slots->count++] = slot;
	return 0;
}

int slots_flush(struct mdb *db, MDB_txn *txn, struct slots *slots)
{
	int r = 0;

	while (slots->count > 0 && r == 0)
		r = slot_put_back(db, txn, slots, slots->pool[--slots->count]);
	return r;
}

/* --- sealing --- */

int text_sealer_new(struct text_sealer **out)
{
	struct text_sealer *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->cipher = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	s->ctx = EVP_CIPHER_CTX_new();
	if (!s->cipher || !s->ctx || EVP_EncryptInit_ex2(s->ctx, s->cipher, NULL, NULL, NULL) != 1 ||
	    crypto_random(&s->nonce, sizeof(s->nonce)) < 0) {
		ERR_clear_error();
		text_sealer_free(s);
		return -ENOSYS;
	}
	*out = s;
	return 0;
}

void text_sealer_free(struct text_sealer *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->ctx);
	EVP_CIPHER_free(s->cipher);
	free(s);
}

/* The stream of this key and nonce, from its beginning. */
static int stream_begin(struct text_sealer *s, const uint8_t key[static KEY_LEN], uint64_t nonce)
{
	uint8_t iv[16] = { 0 };

	be_put(iv, nonce, 8);
	if (EVP_EncryptInit_ex2(s->ctx, NULL, key, iv, NULL) == 1)
		return 0;
	ERR_clear_error();
	return -EIO;
}

static int stream_apply(struct text_sealer *s, const void *in, size_t len, void *out)
{
	int n;

	if (len == 0 || EVP_EncryptUpdate(s->ctx, out, &n, in, (int)len) == 1)
		return 0;
	ERR_clear_error();
	return -EIO;
}

int text_seal_begin(struct text_sealer *s, struct mdb *db, MDB_txn *txn, uint64_t slot, uint64_t *nonce)
{
	const uint8_t *key;
	int r = key_find(db, txn, slot, &key);

	if (r < 0)
		return r;
	*nonce = s->nonce++;
	return key ? stream_begin(s, key, *nonce) : -EIO;
}

int text_seal(struct text_sealer *s, const char *text, size_t len, uint8_t *out)
{
	int r = stream_apply(s, no_key, TEXT_CHECK_LEN, out);

	return r < 0 ? r : stream_apply(s, text, len, out + TEXT_CHECK_LEN);
}

int text_open(struct text_sealer *s, struct mdb *db, MDB_txn *txn, const struct message_record *message,
	      struct buf *out)
{
	size_t len = message->sealed_len - TEXT_CHECK_LEN;
	uint8_t key[KEY_LEN], check[TEXT_CHECK_LEN];
	const uint8_t *found;
	int r;

	if (message->sealed_len < TEXT_CHECK_LEN)
		return -EBADMSG;
	r = key_find(db, txn, message->slot, &found);
	if (r < 0)
		return r;
	if (!found)
		return -EBADMSG;
	memcpy(key, found, KEY_LEN);	/* may be overwritten at this very moment */
	buf_reset(out);
	if ((r = buf_reserve(out, len)) < 0 || (r = stream_begin(s, key, message->nonce)) < 0 ||
	    (r = stream_apply(s, message->sealed, TEXT_CHECK_LEN, check)) < 0)
		return r;
	if (memcmp(key, no_key, KEY_LEN) == 0 || memcmp(check, no_key, TEXT_CHECK_LEN) != 0)
		return -ENOKEY;
	r = stream_apply(s, message->sealed + TEXT_CHECK_LEN, len, out->data);
	if (r == 0) {
		out->len = len;
		out->data[len] = '\0';
	}
	return r;
}

/* --- erasing --- */

int erasure_add(struct mdb *db, MDB_txn *txn, uint64_t slot)
{
	uint8_t number[8];
	MDB_val k = { sizeof(number), number }, v = { 0, NULL };

	be_put(number, slot, 8);
	return history_errno(mdb_put(txn, mdb_table(db, TABLE_ERASURES), &k, &v, 0));
}

/* Overwrites one key where it stands.  Its place follows from the number that LMDB writes at the beginning of
 * each page; that the file holds this very key there is checked before. */
static int key_overwrite(struct mdb *db, MDB_txn *txn, int fd, uint64_t slot)
{
	size_t into, page;
	const uint8_t *key;
	uint8_t there[KEY_LEN];
	MDB_stat stat;
	off_t at;
	int r = key_find(db, txn, slot, &key);

	if (r < 0 || !key || memcmp(key, no_key, KEY_LEN) == 0)
		return r;
	mdb_env_stat(mdb_txn_env(txn), &stat);
	into = slot % (block_len(txn) / KEY_LEN) * KEY_LEN;
	memcpy(&page, key - into - PAGE_HEAD, sizeof(page));
	at = (off_t)page * (off_t)stat.ms_psize + (off_t)(PAGE_HEAD + into);
	if (pread(fd, there, KEY_LEN, at) != KEY_LEN || memcmp(there, key, KEY_LEN) != 0)
		return -EIO;
	if (pwrite(fd, no_key, KEY_LEN, at) != KEY_LEN)
		return errno ? -errno : -EIO;
	return 0;
}

int erasures_carry_out(struct mdb *db, uint64_t *done)
{
	MDB_cursor *cursor = NULL;
	int fd, rc, r, failure = 0;
	MDB_val k, v;
	MDB_txn *txn;

	*done = 0;
	if ((r = mdb_read_begin(db, &txn)) < 0)
		return r;
	if ((rc = mdb_env_get_fd(mdb_txn_env(txn), &fd)) != 0 ||
	    (rc = mdb_cursor_open(txn, mdb_table(db, TABLE_ERASURES), &cursor)) != 0)
		goto out;
	for (rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); rc == 0; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
		r = k.mv_size == 8 ? key_overwrite(db, txn, fd, be_get(k.mv_data, 8)) : -EIO;
		if (r < 0)
			failure = r;
		else
			++*done;
	}
	mdb_cursor_close(cursor);
	if (*done > 0 && fdatasync(fd) < 0)
		failure = -errno;
out:
	mdb_read_end(db, txn);
	return rc != 0 && rc != MDB_NOTFOUND ? history_errno(rc) : failure;
}

int erasures_settle(struct mdb *db, MDB_txn *txn)
{
	return history_errno(mdb_drop(txn, mdb_table(db, TABLE_ERASURES), 0));
}
