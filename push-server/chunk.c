/* chunk.c - counted references to bytes on their way out. */
#include "chunk.h"

#include <errno.h>
#include <stdlib.h>

#include "post.h"

struct held {
	uint32_t count;
	struct post *posts[];
};

struct chunk *chunk_new(size_t len)
{
	struct chunk *c;

	if (len > UINT32_MAX)
		return NULL;
	c = malloc(sizeof(*c) + len);
	if (!c)
		return NULL;
	c->refs = 1;
	c->len = (uint32_t)len;
	c->held = NULL;
	return c;
}

struct chunk *chunk_ref(struct chunk *c)
{
	c->refs++;
	return c;
}

void chunk_unref(struct chunk *c)
{
	if (!c || --c->refs > 0)
		return;
	while (c->held && c->held->count > 0)
		post_unref(c->held->posts[--c->held->count]);
	free(c->held);
	free(c);
}

int chunk_hold(struct chunk *c, struct post *const *posts, uint32_t count)
{
	uint32_t i;

	c->held = malloc(sizeof(*c->held) + count * sizeof(struct post *));
	if (!c->held)
		return -ENOMEM;
	c->held->count = 0;
	for (i = 0; i < count; i++)
		if (posts[i]->kind == POST_BINARY)
			c->held->posts[c->held->count++] = post_ref(posts[i]);
	return 0;
}
