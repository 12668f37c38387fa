/* map.c - chained buckets under a keyed hash. */
#include "map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

static uint64_t map_key[2];

int map_init_key(void)
{
	return crypto_random(map_key, sizeof(map_key));
}

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", with one and three rounds. */
uint64_t map_hash(const char *name)
{
	uint64_t v[4] = { map_key[0] ^ 0x736f6d6570736575, map_key[1] ^ 0x646f72616e646f6d,
			  map_key[0] ^ 0x6c7967656e657261, map_key[1] ^ 0x7465646279746573 };
	size_t len = strlen(name), i;
	uint64_t word;

	for (i = 0; len - i >= 8; i += 8) {
		memcpy(&word, name + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, name + i, len - i);
	word |= (uint64_t)len << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_fini(struct map *m)
{
	free(m->buckets);
	memset(m, 0, sizeof(*m));
}

struct map_entry *map_find(const struct map *m, const char *name)
{
	struct map_entry *e;
	uint64_t hash;

	if (m->size == 0)
		return NULL;
	hash = map_hash(name);
	for (e = m->buckets[hash & (m->size - 1)]; e; e = e->next)
		if (e->hash == hash && strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

static int map_grow(struct map *m)
{
	uint32_t size = m->size ? m->size * 2 : 16, i;
	struct map_entry **buckets = calloc(size, sizeof(struct map_entry *));

	if (!buckets)
		return -ENOMEM;
	for (i = 0; i < m->size; i++) {
		struct map_entry *e = m->buckets[i], *next;

		for (; e; e = next) {
			next = e->next;
			e->next = buckets[e->hash & (size - 1)];
			buckets[e->hash & (size - 1)] = e;
		}
	}
	free(m->buckets);
	m->buckets = buckets;
	m->size = size;
	return 0;
}

int map_add(struct map *m, struct map_entry *entry)
{
	struct map_entry **bucket;

	if (m->count >= m->size && map_grow(m) < 0 && m->size == 0)
		return -ENOMEM;		/* a crowded map is slower, an absent one is none */
	entry->hash = map_hash(entry->name);
	bucket = &m->buckets[entry->hash & (m->size - 1)];
	entry->next = *bucket;
	*bucket = entry;
	m->count++;
	return 0;
}

void map_remove(struct map *m, struct map_entry *entry)
{
	struct map_entry **at = &m->buckets[entry->hash & (m->size - 1)];

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	m->count--;
}

struct map_entry *map_next(const struct map *m, uint32_t *pos, struct map_entry **at)
{
	struct map_entry *e = *at;

	while (!e && *pos < m->size)
		e = m->buckets[(*pos)++];
	*at = e ? e->next : NULL;
	return e;
}
