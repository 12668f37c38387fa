/* config_table.c - config_keys.h as data. */
#include "config_table.h"

#include <string.h>

const struct config_key config_keys[CONFIG_KEY_COUNT] = {
#define CONFIG_SECTION(section, users, help)
#define CONFIG_TEXT(section, key, value, flags, help) \
	{ #section, #key, KIND_TEXT, offsetof(struct config, section.key), value, 0, 0, 0, NULL, flags, help },
#define CONFIG_INT(section, key, value, least, most, help) \
	{ #section, #key, KIND_INT, offsetof(struct config, section.key), NULL, value, least, most, NULL, 0, help },
#define CONFIG_CHOICE(section, key, value, choices, help) \
	{ #section, #key, KIND_CHOICE, offsetof(struct config, section.key), value, 0, 0, 0, choices, 0, help },
#define CONFIG_RATE(section, key, value, help) \
	{ #section, #key, KIND_RATE, offsetof(struct config, section.key), value, 0, 0, 0, NULL, 0, help },
#define CONFIG_END(section)
#include "config_keys.h"
};

const struct config_section config_sections[CONFIG_SECTION_COUNT] = {
#define CONFIG_SECTION(section, users, help) { #section, help, users },
#define CONFIG_TEXT(section, key, value, flags, help)
#define CONFIG_INT(section, key, value, least, most, help)
#define CONFIG_CHOICE(section, key, value, choices, help)
#define CONFIG_RATE(section, key, value, help)
#define CONFIG_END(section)
#include "config_keys.h"
};

const struct config_key *config_key_find(const char *section, const char *name)
{
	size_t i;

	for (i = 0; i < CONFIG_KEY_COUNT; i++)
		if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

const struct config_section *config_section_find(const char *name)
{
	size_t i;

	for (i = 0; i < CONFIG_SECTION_COUNT; i++)
		if (strcmp(config_sections[i].name, name) == 0)
			return &config_sections[i];
	return NULL;
}

char **config_text_at(struct config *c, const struct config_key *key)
{
	return (char **)(void *)((char *)c + key->offset);
}

int64_t *config_number_at(struct config *c, const struct config_key *key)
{
	return (int64_t *)(void *)((char *)c + key->offset);
}
