/* config.h - the configuration of both programs: one INI file, each key overridable by the environment as
 * WXCHAT_<SECTION>_<KEY>.  Every key is declared once, in config_keys.h; errors, -t and the sample file follow it.
 * Threads:  loaded before threads start, constant afterwards.
 * Errors:   "file:line: key: what is wrong and what is allowed" in why; the caller prints it and exits 2. */
#ifndef WXCHAT_CONFIG_H
#define WXCHAT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which program is asking: it decides which keys are required. */
enum config_for { CONFIG_FOR_LOGIN = 1, CONFIG_FOR_PUSH = 2, CONFIG_FOR_CTL = 4 };

/* Strings are never NULL ("" when not set).  Units are in the names. */
struct config {
#define CONFIG_SECTION(section, users, help) struct {
#define CONFIG_TEXT(section, key, value, flags, help) char *key;
#define CONFIG_INT(section, key, value, least, most, help) int64_t key;
#define CONFIG_CHOICE(section, key, value, choices, help) char *key;
#define CONFIG_RATE(section, key, value, help) int64_t key;
#define CONFIG_END(section) } section;
#include "config_keys.h"
	char *session_dir;	/* [session] store without its "lmdb:" */
	char *path;		/* the file it was read from */
	int *lines;		/* config_blame's: where each key was set, or should be */
};

enum { CONFIG_WHY_SIZE = 512 };

/* path NULL: $WXCHAT_CONFIG, else /etc/wxchat/wxchat.conf.  The *_file secrets are read into their keys.
 * Returns NULL with why filled on the first error. */
struct config *config_load(const char *path, enum config_for who, char why[static CONFIG_WHY_SIZE]);
void config_free(struct config *c);

/* For rules beyond the form of values, which each program has of its own: puts "file:line: key: what" into why, with the line
 * on which the key was set. */
void config_blame(const struct config *c, const char *section, const char *key, const char *what,
		  char why[static CONFIG_WHY_SIZE]);

/* Writes the whole sample file (every key with its help, range and default) to stdout. */
void config_print_sample(void);

/* Writes each key with the value in force, secrets as "(set)", to stdout: what -t shows. */
void config_print(const struct config *c);

/* Is item one of the blank- or comma-separated words of list?  Case matters. */
bool config_list_has(const char *list, const char *item);

#endif
