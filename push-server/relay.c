/* relay.c - a counter in which the freeing of posts becomes the sender's permission to go on. */
#include "relay.h"

#include <stdlib.h>

#include "mailbox.h"

/* What a post costs on its way beside its bytes, so that a flood of empty ones is bounded too. */
enum { RELAY_POST_BYTES = 256 };

struct relay {
	struct mail mail;	/* first: the permission.  One is on its way at most: nothing stops a sender anew before it has it */
	atomic_uint refs;
	atomic_size_t bytes;
	atomic_bool is_stopped;
	size_t high;		/* bytes */
	struct mailbox *to;
	struct conn_ref sender;
	void (*resume)(void *worker, struct conn_ref sender);
};

struct relay *relay_new(struct mailbox *to, struct conn_ref sender, size_t high,
			void (*resume)(void *worker, struct conn_ref sender))
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	atomic_init(&r->refs, 1);
	r->to = to;
	r->sender = sender;
	r->high = high;
	r->resume = resume;
	return r;
}

void relay_unref(struct relay *r)
{
	if (r && atomic_fetch_sub(&r->refs, 1) == 1)
		free(r);
}

bool relay_add(struct relay *r, size_t len)
{
	len += RELAY_POST_BYTES;
	atomic_fetch_add(&r->refs, 1);
	if (atomic_fetch_add(&r->bytes, len) + len <= r->high)
		return false;
	atomic_store(&r->is_stopped, true);
	/* It may have drained between the two: then nobody else will say so. */
	if (atomic_load(&r->bytes) <= r->high / 2 && atomic_exchange(&r->is_stopped, false))
		return false;
	return true;
}

static void resume_run(struct mail *mail, void *worker)
{
	struct relay *r = (struct relay *)mail;

	r->resume(worker, r->sender);
	relay_unref(r);
}

void relay_done(struct relay *r, size_t len)
{
	len += RELAY_POST_BYTES;
	if (atomic_fetch_sub(&r->bytes, len) - len <= r->high / 2 && atomic_exchange(&r->is_stopped, false)) {
		atomic_fetch_add(&r->refs, 1);
		r->mail.run = resume_run;
		mailbox_post(r->to, &r->mail);
	}
	relay_unref(r);
}
