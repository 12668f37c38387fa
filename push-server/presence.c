/* presence.c - an open-addressed table of users; linear probing, removal by shifting back. */
#include "presence.h"

#include <errno.h>
#include <stdlib.h>

static bool slot_is_free(const struct presence_user *u)
{
	return u->connections == 0 && u->gone_s == 0;
}

void presence_fini(struct presence *p)
{
	free(p->slots);
	memset(p, 0, sizeof(*p));
}

static uint32_t slot_of(const struct presence *p, const struct uid *uid)
{
	return (uint32_t)uid_hash(uid) & (p->size - 1);
}

/* The user's slot, or the free one where it would go; size > users. */
static struct presence_user *presence_probe(const struct presence *p, const struct uid *uid)
{
	uint32_t i = slot_of(p, uid);

	while (!slot_is_free(&p->slots[i]) && !uid_equal(&p->slots[i].uid, uid))
		i = (i + 1) & (p->size - 1);
	return &p->slots[i];
}

static int presence_resize(struct presence *p, uint32_t size)
{
	struct presence bigger = *p;
	uint32_t pos = 0;
	const struct presence_user *u;

	bigger.size = size;
	bigger.slots = calloc(size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	while ((u = presence_next(p, &pos)))
		*presence_probe(&bigger, &u->uid) = *u;
	free(p->slots);
	*p = bigger;
	return 0;
}

int presence_join(struct presence *p, const struct uid *uid)
{
	struct presence_user *u;
	bool is_new;

	if (p->users * 4 >= p->size * 3) {	/* at most three quarters full */
		int r = presence_resize(p, p->size ? p->size * 2 : 4);

		if (r < 0)
			return r;
	}
	u = presence_probe(p, uid);
	is_new = slot_is_free(u);
	if (is_new) {
		u->uid = *uid;
		p->users++;
	} else if (u->connections == 0) {
		p->gone--;
	}
	if (u->connections < UINT16_MAX)
		u->connections++;
	u->gone_s = 0;
	return is_new;
}

int presence_leave(struct presence *p, const struct uid *uid, uint32_t now_s)
{
	struct presence_user *u;

	if (p->size == 0)
		return 0;
	u = presence_probe(p, uid);
	if (u->connections == 0 || --u->connections > 0)
		return 0;
	u->gone_s = now_s;
	p->gone++;
	return 1;
}

static void presence_remove(struct presence *p, uint32_t hole)
{
	uint32_t i = hole, mask = p->size - 1;

	p->users--;
	p->gone--;
	for (;;) {
		i = (i + 1) & mask;
		if (slot_is_free(&p->slots[i]))
			break;
		/* Only what does not already stand between its own place and here may move back. */
		if (((i - slot_of(p, &p->slots[i].uid)) & mask) >= ((i - hole) & mask)) {
			p->slots[hole] = p->slots[i];
			hole = i;
		}
	}
	memset(&p->slots[hole], 0, sizeof(p->slots[hole]));
	if (p->size > 16 && p->users * 8 < p->size)
		presence_resize(p, p->size / 2);	/* without memory it just stays large */
}

bool presence_forget(struct presence *p, const struct uid *uid)
{
	struct presence_user *u;

	if (p->size == 0)
		return false;
	u = presence_probe(p, uid);
	if (slot_is_free(u) || u->connections > 0)
		return false;
	presence_remove(p, (uint32_t)(u - p->slots));
	return true;
}

bool presence_expire(struct presence *p, uint32_t *pos, uint32_t before_s, struct uid *out)
{
	uint32_t size = p->size;

	for (; p->gone > 0 && *pos < size; ++*pos) {
		const struct presence_user *u = &p->slots[*pos];

		if (u->connections == 0 && u->gone_s != 0 && (int32_t)(u->gone_s - before_s) < 0) {
			*out = u->uid;
			presence_remove(p, *pos);	/* another may stand there now */
			if (p->size != size)
				*pos = 0;
			return true;
		}
	}
	return false;
}

const struct presence_user *presence_find(const struct presence *p, const struct uid *uid)
{
	const struct presence_user *u;

	if (p->size == 0)
		return NULL;
	u = presence_probe(p, uid);
	return slot_is_free(u) ? NULL : u;
}

const struct presence_user *presence_next(const struct presence *p, uint32_t *pos)
{
	while (*pos < p->size) {
		const struct presence_user *u = &p->slots[(*pos)++];

		if (!slot_is_free(u))
			return u;
	}
	return NULL;
}
