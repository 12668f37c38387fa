/* utf8.h - is this UTF-8?  RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
 * Threads: any.  Works piecewise, so that a bad byte is found as soon as it arrives. */
#ifndef WXCHAT_UTF8_H
#define WXCHAT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is the start.  Between characters `need` is 0. */
struct utf8 {
	uint8_t need;		/* continuation bytes still to come */
	uint8_t low, high;	/* what the next one may be */
};

/* Takes more bytes; false as soon as they cannot be UTF-8. */
bool utf8_feed(struct utf8 *u, const void *bytes, size_t len);

/* The whole of a text at once. */
bool utf8_valid(const void *bytes, size_t len);

/* Characters (code points) in valid UTF-8. */
size_t utf8_length(const char *text, size_t len);

/* The longest prefix of valid UTF-8 that has at most max_chars characters, in bytes. */
size_t utf8_prefix(const char *text, size_t len, size_t max_chars);

/* The length of a byte order mark at the beginning, or 0.  Editors, PHP and gateways put it before JSON and XML. */
size_t utf8_mark(const char *text, size_t len);

/* A copy that ends with a NUL and has blanks for those within, for people to read; to be freed.  NULL: memory is short. */
char *utf8_words(const char *text, size_t len);

#endif
