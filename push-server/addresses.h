/* addresses.h - how many connections each client address has, over all workers.
 * Threads: any. */
#ifndef WXCHAT_ADDRESSES_H
#define WXCHAT_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

struct addresses;

/* max is per address; IPv6 addresses count by their /64, which is what one customer gets. */
struct addresses *addresses_new(unsigned max);
void addresses_free(struct addresses *a);

/* False when the address has its share already (or memory is short). */
bool addresses_take(struct addresses *a, const uint8_t address[static 16]);
void addresses_give(struct addresses *a, const uint8_t address[static 16]);

#endif
