/* strmap.c - a chained hash.  Knows keys and nodes, and nothing of what they stand for. */
#include "strmap.h"

#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

uint64_t strmap_hash(const char *key)
{
	uint64_t h = 14695981039346656037u;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 1099511628211u;
	return h;
}

void strmap_init(struct strmap *map)
{
	map->size = 64;
	map->count = 0;
	map->buckets = mem_new(map->size * sizeof(struct strmap_node *));
}

void strmap_fini(struct strmap *map)
{
	free(map->buckets);
	map->buckets = NULL;
}

static struct strmap_node **bucket(const struct strmap *map, uint64_t hash)
{
	return &map->buckets[(hash ^ hash >> 32) & (map->size - 1)];
}

static void grow(struct strmap *map)
{
	struct strmap bigger = { .size = map->size * 2, .count = map->count };

	bigger.buckets = mem_new(bigger.size * sizeof(struct strmap_node *));
	for (size_t i = 0; i < map->size; i++) {
		struct strmap_node *node = map->buckets[i];

		while (node) {
			struct strmap_node *next = node->next;
			struct strmap_node **head = bucket(&bigger, node->hash);

			node->next = *head;
			*head = node;
			node = next;
		}
	}
	free(map->buckets);
	*map = bigger;
}

void strmap_put(struct strmap *map, struct strmap_node *node, const char *key, void *thing)
{
	struct strmap_node **head;

	if (map->count == map->size)
		grow(map);
	node->key = key;
	node->thing = thing;
	node->hash = strmap_hash(key);
	head = bucket(map, node->hash);
	node->next = *head;
	*head = node;
	map->count++;
}

void *strmap_get(const struct strmap *map, const char *key)
{
	uint64_t hash = strmap_hash(key);

	for (struct strmap_node *node = *bucket(map, hash); node; node = node->next)
		if (node->hash == hash && !strcmp(node->key, key))
			return node->thing;
	return NULL;
}

void strmap_remove(struct strmap *map, struct strmap_node *node)
{
	struct strmap_node **at = bucket(map, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	map->count--;
}
