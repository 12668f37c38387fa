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

bool post_is_for_user(const struct post *p, const struct uid *uid)
{
	uint32_t i;

	if (p->kind != POST_EVENT)
		return true;
	if (p->has_uid && uid_equal(&p->uid, uid) != p->is_for_uid)
		return false;
	for (i = 0; i < p->spared_count; i++)
		if (uid_equal(&p->spared[i], uid))
			return false;
	return true;
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
	free(p->spared);
	free(p);
}
