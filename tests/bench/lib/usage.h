/* usage.h - what other processes have used of the machine: processor time and memory of their own.
 * Errors: a process that cannot be asked ends the program with one line; these are tools of the bench. */
#ifndef WXCHAT_BENCH_USAGE_H
#define WXCHAT_BENCH_USAGE_H

#include <stdint.h>
#include <sys/types.h>

enum { USAGE_PIDS = 16 };

/* Processes looked at together: a server with all its threads and helpers. */
struct watched {
	pid_t pids[USAGE_PIDS];
	unsigned count;
};

struct usage {
	int64_t cpu_ns;		/* by the scheduler's clock: exact */
	int64_t user_us;	/* the part outside the kernel: cpu_ns divided as the kernel's ticks saw it */
};

/* Adds the process ids of a list such as "12,13". */
void watched_add(struct watched *w, const char *list);

void usage_read(const struct watched *w, struct usage *out);
/* What was used between two readings. */
struct usage usage_since(const struct usage *from, const struct usage *to);

int64_t usage_own_ns(void);
int64_t now_ns(void);

/* Memory that no other process shares, in bytes: anonymous is what the process itself has written; with_files adds pages
 * of mapped files that nobody else has mapped at the moment. */
struct memory {
	int64_t anonymous, with_files;
};
void memory_read(const struct watched *w, struct memory *out);

/* Descriptors up to the hard limit. */
void descriptors_raise(void);

/* One line on stderr, then the end. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
