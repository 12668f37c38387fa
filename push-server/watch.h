/* watch.h - which connections' sockets can be read or written: an epoll set inside the worker's libevent loop, where one
 * event stands for all of them.  A struct event and its place in libevent's tables would be 170 bytes for each.
 * Threads: the worker's. */
#ifndef WXCHAT_WATCH_H
#define WXCHAT_WATCH_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "post.h"

struct conn;
struct worker;

struct watch {
	int epoll_fd;
	struct event event;
	struct conn_ref *again;		/* who is to be read in the next turn, whatever its socket says */
	uint32_t again_count, again_size;
};

/* -errno; watch_fini takes back what was done in any case. */
int watch_init(struct worker *w);
void watch_fini(struct worker *w);

/* From now on reads and writes, level-triggered, by way of conn_on_ready; was_watched: one of them was before.
 * Neither: takes fd out, which must happen before it is closed.  -errno. */
int watch_set(struct worker *w, struct conn *c, int fd, bool was_watched, bool reads, bool writes);

/* c is told in the next turn that it can be read.  -ENOMEM. */
int watch_again(struct worker *w, const struct conn *c);

#endif
