/* process.c - figures about this process out of /proc and getrusage. */
#include "process.h"

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void status_line(struct process *out, const char *line)
{
	static const struct {
		const char *name;
		size_t offset;
		unsigned unit;
	} wanted[] = {
		{ "VmRSS:", offsetof(struct process, resident_bytes), 1024 },
		{ "RssAnon:", offsetof(struct process, private_bytes), 1024 },
		{ "VmSize:", offsetof(struct process, virtual_bytes), 1024 },
		{ "Threads:", offsetof(struct process, threads), 1 },
	};
	uint64_t value;
	char *end;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		size_t len = strlen(wanted[i].name);

		if (strncmp(line, wanted[i].name, len) != 0)
			continue;
		value = strtoull(line + len, &end, 10);
		if (end != line + len)
			*(uint64_t *)((char *)out + wanted[i].offset) = value * wanted[i].unit;
	}
}

void process_read(struct process *out)
{
	struct rusage usage;
	struct rlimit limit;
	char line[256];
	FILE *file;

	*out = (struct process){ .cpu_us = 0 };
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		out->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		out->max_fds = limit.rlim_cur;
	if ((file = fopen("/proc/self/status", "re")) == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		status_line(out, line);
	fclose(file);
}

void process_count_fds(struct process *out)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	out->open_fds = 0;
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		out->open_fds += entry->d_name[0] != '.';
	closedir(dir);
	if (out->open_fds > 0)
		out->open_fds--;	/* the directory itself */
}
