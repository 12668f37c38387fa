/* addresses.c - a counter an address, under one lock; touched when connections come and go. */
#include "addresses.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "ipaddr.h"
#include "map.h"

struct address {
	struct map_entry entry;		/* first */
	unsigned count;
	char name[33];
};

struct addresses {
	pthread_mutex_t lock;
	struct map map;
	unsigned max;
};

struct addresses *addresses_new(unsigned max)
{
	struct addresses *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	a->max = max;
	return a;
}

void addresses_free(struct addresses *a)
{
	struct map_entry *e, *at = NULL;
	uint32_t pos = 0;

	if (!a)
		return;
	while ((e = map_next(&a->map, &pos, &at))) {
		map_remove(&a->map, e);
		free(e);
	}
	map_fini(&a->map);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void address_name(const uint8_t address[static 16], char out[static 33])
{
	hex_encode(address, ipaddr_is_v4(address) ? 16 : 8, out);
}

bool addresses_take(struct addresses *a, const uint8_t address[static 16])
{
	struct address *found;
	char name[33];
	bool ok = false;

	address_name(address, name);
	pthread_mutex_lock(&a->lock);
	found = (struct address *)map_find(&a->map, name);
	if (!found && (found = calloc(1, sizeof(*found)))) {
		memcpy(found->name, name, sizeof(name));
		found->entry.name = found->name;
		if (map_add(&a->map, &found->entry) < 0) {
			free(found);
			found = NULL;
		}
	}
	if (found && found->count < a->max) {
		found->count++;
		ok = true;
	}
	pthread_mutex_unlock(&a->lock);
	return ok;
}

void addresses_give(struct addresses *a, const uint8_t address[static 16])
{
	struct address *found;
	char name[33];

	address_name(address, name);
	pthread_mutex_lock(&a->lock);
	found = (struct address *)map_find(&a->map, name);
	if (found && --found->count == 0) {
		map_remove(&a->map, &found->entry);
		free(found);
	}
	pthread_mutex_unlock(&a->lock);
}
