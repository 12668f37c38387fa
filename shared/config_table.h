/* config_table.h - the keys as a table, for the files that make up config.h.
 * Threads: any; constant. */
#ifndef WXCHAT_CONFIG_TABLE_H
#define WXCHAT_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

enum config_kind { KIND_TEXT, KIND_INT, KIND_CHOICE, KIND_RATE };

/* What a text may be and who cannot do without it. */
enum {
	NEEDED_BY_LOGIN = 1 << 0,
	IS_SECRET = 1 << 1,		/* never shown */
	NOT_EMPTY = 1 << 2,
	IS_FILE = 1 << 3,		/* readable when the program that uses it starts */
	IS_FILE_OF_SECRET = 1 << 4,	/* KEY_file: its contents become KEY */
	IS_DIR = 1 << 5,		/* may come later */
	IS_STORE = 1 << 6,
	IS_URL = 1 << 7,		/* http:// or https:// */
	IS_BASE_URL = 1 << 8,		/* the same, with paths appended to it */
	IS_API_URL = 1 << 9,		/* the same, with http:// for loopback addresses alone */
	IS_WS_URL = 1 << 10,		/* ws:// or wss:// */
	IS_LISTEN = 1 << 11,
	IS_PATH = 1 << 12,
	IS_AES_KEY = 1 << 13,		/* 43 characters of base64 */
	IS_ADDRESSES = 1 << 14,		/* blank- or comma-separated */
	IS_ORIGINS = 1 << 15,		/* likewise; put into the form in which browsers send them */
	IS_HOSTS = 1 << 16,		/* likewise; names, or *. and the end of names */
	IS_UIDS = 1 << 17		/* likewise; put into small letters */
};

struct config_key {
	const char *section, *name;
	enum config_kind kind;
	size_t offset;			/* of the char * or int64_t in struct config */
	const char *fallback;		/* the default of all kinds but KIND_INT */
	int64_t number, least, most;	/* KIND_INT */
	const char *choices;		/* KIND_CHOICE: "a|b" */
	unsigned flags;			/* KIND_TEXT */
	const char *help;
};

struct config_section {
	const char *name, *help;
	unsigned users;			/* which programs read the files that its keys name */
};

enum {
	CONFIG_KEY_COUNT = 0
#define CONFIG_SECTION(section, users, help)
#define CONFIG_TEXT(section, key, value, flags, help) + 1
#define CONFIG_INT(section, key, value, least, most, help) + 1
#define CONFIG_CHOICE(section, key, value, choices, help) + 1
#define CONFIG_RATE(section, key, value, help) + 1
#define CONFIG_END(section)
#include "config_keys.h"
	, CONFIG_SECTION_COUNT = 0
#define CONFIG_SECTION(section, users, help) + 1
#define CONFIG_TEXT(section, key, value, flags, help)
#define CONFIG_INT(section, key, value, least, most, help)
#define CONFIG_CHOICE(section, key, value, choices, help)
#define CONFIG_RATE(section, key, value, help)
#define CONFIG_END(section)
#include "config_keys.h"
};

extern const struct config_key config_keys[CONFIG_KEY_COUNT];
extern const struct config_section config_sections[CONFIG_SECTION_COUNT];

/* NULL if there is none. */
const struct config_key *config_key_find(const char *section, const char *name);
const struct config_section *config_section_find(const char *name);

char **config_text_at(struct config *c, const struct config_key *key);
int64_t *config_number_at(struct config *c, const struct config_key *key);

/* Is value allowed for key?  Texts may be put into their final form in place, never longer; numbers and rates go to
 * *number.  On false, why says what is wrong and what is allowed; it never holds a secret. */
bool config_value_check(const struct config_key *key, char *value, int64_t *number,
			char why[static CONFIG_WHY_SIZE]);

/* The secret in a file, without one line end behind it, to be freed by the caller; with out NULL only whether the file
 * can be read.  On false why is filled, and *error is the errno behind it or 0. */
bool config_file_read(const char *path, char **out, int *error, char why[static CONFIG_WHY_SIZE]);

#endif
