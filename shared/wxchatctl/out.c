/* out.c - what is shown: columns for people, JSON for programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "ctl.h"

/* The next character of UTF-8 text and its places on a terminal; control characters are one '?'. */
static size_t next_char(const char *text, size_t len, const char **shown, size_t *shown_len, unsigned *places)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, text, len, &state);
	int width;

	*shown = "?";
	*shown_len = 1;
	*places = 1;
	if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
		return 1;
	if ((width = wcwidth(c)) < 0)
		return n;
	*shown = text;
	*shown_len = n;
	*places = (unsigned)width;
	return n;
}

void put_text(const char *text, size_t len)
{
	const char *shown;
	size_t shown_len;
	unsigned places;

	for (size_t at = 0; at < len;) {
		at += next_char(text + at, len - at, &shown, &shown_len, &places);
		fwrite(shown, 1, shown_len, stdout);
	}
}

void put_column(const char *text, size_t len, unsigned columns)
{
	const char *shown;
	size_t shown_len;
	unsigned places, used = 0;

	for (size_t at = 0; at < len;) {
		at += next_char(text + at, len - at, &shown, &shown_len, &places);
		if (used + places > columns)
			break;
		fwrite(shown, 1, shown_len, stdout);
		used += places;
	}
	printf("%*s  ", (int)(columns - used), "");
}

void put_time(int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char text[32] = "-";
	struct tm tm;

	if (time_ms > 0 && localtime_r(&seconds, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%-19s  ", text);
}

const char *ctl_text(struct json_object *o, const char *key, size_t *len)
{
	const char *text = json_text(o, key, len);

	if (text != NULL)
		return text;
	*len = 0;
	return "";
}

int64_t ctl_int(struct json_object *o, const char *key)
{
	int64_t n = 0;

	return json_int(o, key, &n) ? n : 0;
}

void ctl_print_json(struct json_object *o)
{
	struct buf text = BUF_INIT;

	if (json_add(&text, o) == 0)
		fwrite(text.data, 1, text.len, stdout);
	fputc('\n', stdout);
	buf_free(&text);
}
