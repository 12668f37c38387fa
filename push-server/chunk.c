/* chunk.c - counted references to bytes on their way out. */
#include "chunk.h"

#include <stdlib.h>

#include "post.h"

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
	if (c && --c->refs == 0) {
		post_unref(c->held);
		free(c);
	}
}
