/* config_print.c - the keys shown: as the sample file, and with the values in force. */
#include "config_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 100 };

/* A comment, broken at blanks.  Its first letter becomes a capital, unless its first word is a value. */
static void print_comment(const char *text)
{
	bool is_first = true;
	size_t column = 1;

	putchar('#');
	while (*text) {
		size_t n = strcspn(text + 1, " ") + 1;	/* of two blanks the second belongs to the word */

		if (column > 1 && column + 1 + n > WIDTH) {
			fputs("\n#", stdout);
			column = 1;
		}
		printf(" %c%.*s", is_first && !memchr(text, ':', n) ? toupper(*text) : *text, (int)n - 1,
		       text + 1);
		is_first = false;
		column += 1 + n;
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

static void print_sample_key(const struct config_key *key)
{
	const char *mark = key->flags & NEEDED_BY_LOGIN ? "" : ";";
	char comment[512];

	if (key->kind == KIND_INT)
		snprintf(comment, sizeof(comment), "%s.  %lld to %lld.", key->help, (long long)key->least,
			 (long long)key->most);
	else if (key->kind == KIND_CHOICE)
		snprintf(comment, sizeof(comment), "%s.  One of %s.", key->help, key->choices);
	else if (key->kind == KIND_RATE)
		snprintf(comment, sizeof(comment), "%s.  As 10/s or 30/m.", key->help);
	else
		snprintf(comment, sizeof(comment), "%s.%s", key->help,
			 key->flags & NEEDED_BY_LOGIN ? "  Required by fcgi-login." : "");
	print_comment(comment);
	if (key->kind == KIND_INT)
		printf("%s%s = %lld\n", mark, key->name, (long long)key->number);
	else
		printf("%s%s =%s%s\n", mark, key->name, *key->fallback ? " " : "", key->fallback);
}

void config_print_sample(void)
{
	const char *section = "";
	size_t i;

	puts("# wxchat.conf - the configuration of fcgi-login, push-server and wxchatctl.\n#");
	print_comment("KEY = VALUE under [SECTION].  A line that begins with # or ; is a comment, and so is what follows a "
		      "blank and a semicolon.  What is commented out below is the default.");
	print_comment("Every key can be overridden by the environment: WXCHAT_PUSH_LISTEN for listen in [push].");
	print_comment("A key named KEY_file reads KEY from a file of its own, which need not be readable for all.");
	print_comment("To check this file and see what is in force: fcgi-login -t, push-server -t.");
	for (i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (strcmp(section, config_keys[i].section) != 0) {
			section = config_keys[i].section;
			printf("\n[%s]\n", section);
			print_comment(config_section_find(section)->help);
		}
		putchar('\n');
		print_sample_key(&config_keys[i]);
	}
}

static void print_value(const struct config *c, const struct config_key *key)
{
	/* the accessors serve the loader, which writes; nothing is written here */
	struct config *readable = (struct config *)c;
	int64_t n;

	switch (key->kind) {
	case KIND_INT:
		printf("%lld", (long long)*config_number_at(readable, key));
		break;
	case KIND_RATE:
		n = *config_number_at(readable, key);
		printf(n == 0 ? "0" : n % 60 ? "%lld/m" : "%lld/s", (long long)(n % 60 ? n : n / 60));
		break;
	default:
		fputs(!(key->flags & IS_SECRET) ? *config_text_at(readable, key) :
		      **config_text_at(readable, key) ? "(set)" : "(not set)", stdout);
	}
}

void config_print(const struct config *c)
{
	const char *section = "";
	size_t i;

	printf("; %s\n", c->path);
	for (i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (strcmp(section, config_keys[i].section) != 0) {
			section = config_keys[i].section;
			printf("%s[%s]\n", i ? "\n" : "", section);
		}
		printf("%s = ", config_keys[i].name);
		print_value(c, &config_keys[i]);
		putchar('\n');
	}
}
