/* usage.c - process clocks, /proc/PID/stat and smaps_rollup. */
#include "usage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void watched_add(struct watched *w, const char *list)
{
	char *end;

	while (*list) {
		if (w->count == USAGE_PIDS)
			die("more than %d processes", USAGE_PIDS);
		w->pids[w->count++] = (pid_t)strtol(list, &end, 10);
		if (end == list)
			die("not a process id: %s", list);
		list = *end == ',' ? end + 1 : end;
	}
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		die("a watched process has ended");
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t usage_own_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int64_t user_us(pid_t pid)
{
	char path[40], text[1024];
	const char *p;
	unsigned long user;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!(f = fopen(path, "re")))
		die("process %d has ended", (int)pid);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');		/* the name may hold anything */
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &user) != 1)
		die("%s is not as expected", path);
	return (int64_t)user * 1000000 / sysconf(_SC_CLK_TCK);
}

void usage_read(const struct watched *w, struct usage *out)
{
	clockid_t clock;
	unsigned i;

	*out = (struct usage){ 0, 0 };
	for (i = 0; i < w->count; i++) {
		if (clock_getcpuclockid(w->pids[i], &clock) != 0)
			die("process %d has ended", (int)w->pids[i]);
		out->cpu_ns += clock_ns(clock);
		out->user_us += user_us(w->pids[i]);
	}
}

struct usage usage_since(const struct usage *from, const struct usage *to)
{
	return (struct usage){ to->cpu_ns - from->cpu_ns, to->user_us - from->user_us };
}

static int64_t rollup(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoll(p + strlen(name), NULL, 10) * 1024 : 0;
}

void memory_read(const struct watched *w, struct memory *out)
{
	unsigned i;

	*out = (struct memory){ 0, 0 };
	for (i = 0; i < w->count; i++) {
		char path[40], text[4096];
		size_t n;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)w->pids[i]);
		if (!(f = fopen(path, "re")))
			die("%s cannot be read: run the bench as root, since the servers forbid looking into them", path);
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[n] = '\0';
		out->anonymous += rollup(text, "\nAnonymous:");
		out->with_files += rollup(text, "\nPrivate_Clean:") + rollup(text, "\nPrivate_Dirty:");
	}
}

void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}
