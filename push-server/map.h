/* map.h - rooms by their names.  Names come from clients, so the hash is keyed (SipHash-1-3 with a random key).
 * Threads: one owner. */
#ifndef WXCHAT_MAP_H
#define WXCHAT_MAP_H

#include <stdint.h>

/* What stands at the beginning of every thing in a map. */
struct map_entry {
	struct map_entry *next;
	const char *name;	/* NUL-ended; the thing's own, unchanged while it is in the map */
	uint64_t hash;
};

/* All zero is empty. */
struct map {
	struct map_entry **buckets;
	uint32_t size, count;
};

/* Draws the key of this process; before threads start. */
int map_init_key(void);
uint64_t map_hash(const char *name);

void map_fini(struct map *m);	/* the things themselves are their owner's */
struct map_entry *map_find(const struct map *m, const char *name);
/* The name is not in the map yet.  -ENOMEM. */
int map_add(struct map *m, struct map_entry *entry);
void map_remove(struct map *m, struct map_entry *entry);
/* Walks all, in no order: *pos and *at start at 0 and NULL.  The one just returned may be removed. */
struct map_entry *map_next(const struct map *m, uint32_t *pos, struct map_entry **at);

#endif
