/* config_file.c - one INI file.  inih tells sections, keys and comments apart; lines are read here, because it cuts long
 * ones, joins indented ones and minds neither NUL bytes nor directories. */
#include "config_load.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"

enum { LINE_MAX_LEN = 4096 };

struct reader {
	struct load *load;
	FILE *file;
	char text[LINE_MAX_LEN + 1];	/* the line, as it is in the file */
	const char *value;		/* in text, behind the sign that ends the key */
};

static void section_failed(struct load *l, const char *name, size_t len)
{
	char quoted[LOG_TEXT_SIZE], all[CONFIG_WHY_SIZE] = "";
	size_t i, n = 0;

	for (i = 0; i < CONFIG_SECTION_COUNT; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s[%s]", i ? ", " : "", config_sections[i].name);
	load_failed(l, l->line, "%s: there is no such section; allowed are %s", log_text(quoted, name, len), all);
}

/* A line that begins with '['.  Returns false if it is not a whole section line. */
static bool take_section(struct load *l, char *text)
{
	char *end = strchr(text, ']');
	const struct config_section *section;
	const char *behind;

	if (!end) {
		load_failed(l, l->line, "the section's name does not end; [NAME] is allowed");
		return false;
	}
	behind = end + 1 + strspn(end + 1, " \t");
	if (*behind && *behind != ';' && *behind != '#') {
		load_failed(l, l->line, "there is more behind the section's name; a key is allowed on the next line");
		return false;
	}
	end[0] = '\0';
	section = config_section_find(text + 1);
	if (!section) {
		section_failed(l, text + 1, strlen(text + 1));
		return false;
	}
	end[0] = ']';
	end[1] = '\0';
	if (!l->section_lines[section - config_sections])
		l->section_lines[section - config_sections] = l->line;
	return true;
}

/* Cuts a line that sets a key behind its sign and keeps the rest as the value. */
static bool take_key(struct reader *r, char *text)
{
	struct load *l = r->load;
	size_t n = strcspn(text, "=:"), name = n;
	char quoted[LOG_TEXT_SIZE];
	char *end;

	if (!text[n]) {
		load_failed(l, l->line, "is neither a key nor a section; KEY = VALUE, [SECTION] or a comment behind ; "
			    "or # is allowed");
		return false;
	}
	while (name > 0 && strchr(" \t", text[name - 1]))
		name--;
	if (name == 0 || name > NAME_MAX_LEN) {
		load_failed(l, l->line, "%s: there is no such key; KEY = VALUE is allowed", log_text(quoted, text, name));
		return false;
	}
	/* as inih has it: a blank and a semicolon begin a comment */
	for (end = text + n + 1; *end; end++)
		if (*end == ';' && strchr(" \t", end[-1]))
			break;
	while (end > text + n + 1 && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	r->value = text + n + 1 + strspn(text + n + 1, " \t");
	return true;
}

/* Reads a line without its end into r->text; false at the end of the file and on failures. */
static bool read_line(struct reader *r)
{
	struct load *l = r->load;
	size_t n = 0;
	int c;

	l->line++;
	while ((c = getc(r->file)) != EOF && c != '\n') {
		if (c == '\0') {
			load_failed(l, l->line, "holds a NUL byte; a text file is allowed");
			return false;
		}
		if (n == LINE_MAX_LEN) {
			load_failed(l, l->line, "is too long; %d bytes are allowed", LINE_MAX_LEN);
			return false;
		}
		r->text[n++] = (char)c;
	}
	if (ferror(r->file)) {
		load_failed(l, 0, "cannot be read: %s", strerror(errno));
		return false;
	}
	if (n > 0 && r->text[n - 1] == '\r')
		n--;
	r->text[n] = '\0';
	return c != EOF || n > 0;
}

/* inih's reader: hands over sections and keys, but no values, which may be longer than it takes. */
static char *next_line(char *out, int size, void *arg)
{
	struct reader *r = arg;
	struct load *l = r->load;
	char *text;

	while (!l->is_failed && read_line(r)) {
		text = r->text;
		if (l->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
			text += 3;
		text += strspn(text, " \t");	/* so that inih does not take it for more of the line before */
		if (*text == '\0' || *text == ';' || *text == '#')
			memcpy(out, "\n", 2);
		else if (*text == '[' ? take_section(l, text) : take_key(r, text))
			snprintf(out, (size_t)size, "%.*s\n", *text == '[' ? NAME_MAX_LEN : (int)strcspn(text, "=:") + 1,
				 text);
		else
			break;
		return out;
	}
	return NULL;
}

static int on_key(void *arg, const char *section, const char *name, const char *unused)
{
	const struct config_key *key = config_key_find(section, name);
	char quoted[LOG_TEXT_SIZE], all[CONFIG_WHY_SIZE] = "";
	struct reader *r = arg;
	struct load *l = r->load;
	size_t i, n = 0;

	(void)unused;
	if (l->is_failed)
		return 0;
	if (!*section) {
		load_failed(l, l->line, "%s: stands before the first section; [SECTION] is allowed there",
			    log_text(quoted, name, strlen(name)));
		return 0;
	}
	if (!key) {
		for (i = 0; i < CONFIG_KEY_COUNT && n < sizeof(all); i++)
			if (strcmp(config_keys[i].section, section) == 0)
				n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", config_keys[i].name);
		load_failed(l, l->line, "%.*s: there is no such key in [%s]; allowed are %s", NAME_MAX_LEN, name, section,
			    all);
		return 0;
	}
	if (l->lines[key - config_keys] > 0) {
		load_failed(l, l->line, "%s: is set on line %d already; once is allowed", name,
			    l->lines[key - config_keys]);
		return 0;
	}
	return load_set(l, key, r->value, l->line);
}

void load_file(struct load *l)
{
	struct reader r = { .load = l };
	struct stat st;
	int line;

	r.file = fopen(l->path, "re");
	if (!r.file || fstat(fileno(r.file), &st) < 0) {
		load_failed(l, 0, "cannot be read: %s; name another with -c FILE or WXCHAT_CONFIG", strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		load_failed(l, 0, "is a directory; a file is allowed");
	} else {
		line = ini_parse_stream(next_line, &r, on_key, &r);
		if (line != 0)
			load_failed(l, line > 0 ? line : 0, "cannot be understood");
	}
	if (r.file)
		fclose(r.file);
	explicit_bzero(&r, sizeof(r));
}
