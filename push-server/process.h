/* process.h - what this process uses of its machine, as the kernel tells it.
 * Threads: any.  Reads a few files of /proc; what cannot be read is 0. */
#ifndef WXCHAT_PROCESS_H
#define WXCHAT_PROCESS_H

#include <stdint.h>

struct process {
	uint64_t cpu_us;		/* user and system time since the start */
	uint64_t resident_bytes, private_bytes, virtual_bytes;	/* private: anonymous memory */
	uint64_t threads;
	uint64_t open_fds, max_fds;	/* open_fds by process_count_fds alone */
};

void process_read(struct process *out);

/* Walks /proc/self/fd: milliseconds with ten thousands of connections, so not for each second. */
void process_count_fds(struct process *out);

#endif
