/* post.c - counted references to what rooms are told. */
#include "post.h"

#include <stdlib.h>
#include <string.h>

#include "relay.h"

struct post *post_new(enum post_kind kind, const char *text, size_t len)
{
	struct post *p = malloc(sizeof(*p) + len);

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	atomic_init(&p->refs, 1);
	p->kind = (uint8_t)kind;
	p->sender.worker = NO_WORKER;
	p->len = len;
	if (text)
		memcpy(p->text, text, len);
	return p;
}

struct post *post_ref(struct post *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void post_unref(struct post *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (p->relay)
		relay_done(p->relay, p->len);
	free(p);
}
