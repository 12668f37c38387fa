/* config_load.h - a configuration being read, for the files that read it.
 * Threads: one. */
#ifndef WXCHAT_CONFIG_LOAD_H
#define WXCHAT_CONFIG_LOAD_H

#include <stdbool.h>

#include "config_table.h"

enum { NAME_MAX_LEN = 64, LINE_OF_ENVIRONMENT = -1 };

struct load {
	struct config *config;
	const char *path;
	char *why;			/* CONFIG_WHY_SIZE bytes */
	bool is_failed;
	int line;			/* how many lines the file has, once it is read */
	int lines[CONFIG_KEY_COUNT];	/* where each key was set: a line, LINE_OF_ENVIRONMENT, or 0 */
	int section_lines[CONFIG_SECTION_COUNT];
};

/* Fills why, behind "FILE:LINE: ", "FILE: " for line 0, or "environment: ".  The first failure counts. */
void load_failed(struct load *l, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What the file or a variable says of key; line as in lines. */
bool load_set(struct load *l, const struct config_key *key, const char *value, int line);

/* Reads the file l->path. */
void load_file(struct load *l);

#endif
