/* strmap.h - finds things by their text.  A chained hash whose nodes live inside the things.
 * Owns its buckets alone; a node, and the key that it borrows, must outlive its stay. */
#ifndef STRMAP_H
#define STRMAP_H

#include <stddef.h>
#include <stdint.h>

struct strmap_node {
	struct strmap_node *next;
	const char *key;
	void *thing;		/* what strmap_get returns */
	uint64_t hash;
};

struct strmap {
	struct strmap_node **buckets;
	size_t size;		/* a power of two */
	size_t count;
};

void strmap_init(struct strmap *map);
void strmap_fini(struct strmap *map);

/* The key must not be in the map yet. */
void strmap_put(struct strmap *map, struct strmap_node *node, const char *key, void *thing);

/* NULL when the key is unknown. */
void *strmap_get(const struct strmap *map, const char *key);

/* The node must be in the map. */
void strmap_remove(struct strmap *map, struct strmap_node *node);

/* FNV-1a, 64 bits: the same on every machine and in every run. */
uint64_t strmap_hash(const char *key);

#endif
