/* spool.h - a file on its way into the media directory: written under a name that nobody asks for, given its own
 * when it is whole.
 * Threads:  one owner; any number of files at once, also in several processes.
 * Errors:   0 or a negative errno. */
#ifndef WXCHAT_SPOOL_H
#define WXCHAT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

struct spool {
	int fd;			/* -1: none is open */
	char *path, *part;	/* where it will be, and where it is */
	uint64_t size;
};

/* Begins dir/name; dir is made if it is missing. */
int spool_open(struct spool *s, const char *dir, const char *name);

int spool_write(struct spool *s, const char *bytes, size_t len);

/* On disk and under its name, readable by the web server. */
int spool_keep(struct spool *s);

/* Back to the beginning, for reading what was written. */
int spool_rewind(struct spool *s);

/* Removes what was not kept and frees; fine after spool_keep, and on { .fd = -1 }. */
void spool_close(struct spool *s);

/* Removes what programs that were killed left behind in dir. */
void spool_sweep(const char *dir, int64_t now_ms);

#endif
