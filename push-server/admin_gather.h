/* admin_gather.h - asks all workers which rooms live there: one mail to each, one answer in the admin's thread.
 * Threads: the admin's. */
#ifndef WXCHAT_ADMIN_GATHER_H
#define WXCHAT_ADMIN_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"

struct call;
struct gather;

/* A room as its home knows it. */
struct room_line {
	char name[ROOM_NAME_MAX + 1];
	uint32_t users, connections;
	uint64_t last;
};

/* Calls then in the admin's thread, with call->gather set; the call has been ended when memory is short. */
void gather_rooms(struct call *call, void (*then)(struct call *call));

/* The rooms that have members, most users first.  False, with the call ended and the gathering freed, when memory is
 * short.  Borrowed until gather_free. */
bool gather_take(struct call *call, const struct room_line **lines, size_t *count);
void gather_free(struct gather *g);

#endif
