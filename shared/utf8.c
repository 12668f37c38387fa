/* utf8.c - the validity table of RFC 3629 section 4, byte by byte, with a fast way over ASCII. */
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* What a byte begins: how many more must follow, and what the first of those may be. */
static bool utf8_begin(struct utf8 *u, uint8_t c)
{
	u->low = 0x80;
	u->high = 0xbf;
	if (c < 0xc2) {		/* 80..bf continue, c0 and c1 would be overlong */
		return false;
	} else if (c < 0xe0) {
		u->need = 1;
	} else if (c < 0xf0) {
		u->need = 2;
		if (c == 0xe0)
			u->low = 0xa0;	/* overlong below */
		else if (c == 0xed)
			u->high = 0x9f;	/* surrogates above */
	} else if (c < 0xf5) {
		u->need = 3;
		if (c == 0xf0)
			u->low = 0x90;	/* overlong below */
		else if (c == 0xf4)
			u->high = 0x8f;	/* past U+10FFFF above */
	} else {
		return false;
	}
	return true;
}

static size_t utf8_ascii(const uint8_t *p, size_t len)
{
	size_t n = 0;
	uint64_t word;

	for (; len - n >= sizeof(word); n += sizeof(word)) {
		memcpy(&word, p + n, sizeof(word));
		if (word & 0x8080808080808080u)
			break;
	}
	while (n < len && p[n] < 0x80)
		n++;
	return n;
}

bool utf8_feed(struct utf8 *u, const void *bytes, size_t len)
{
	const uint8_t *p = bytes, *end;

	if (len == 0)
		return true;
	for (end = p + len; p < end; p++) {
		if (u->need > 0) {
			if (*p < u->low || *p > u->high)
				return false;
			u->need--;
			u->low = 0x80;
			u->high = 0xbf;
		} else if (*p >= 0x80) {
			/* most of Chinese: E1..EC, EE, EF and any two continuations */
			if ((*p & 0xf0) == 0xe0 && *p != 0xe0 && *p != 0xed && end - p >= 3 &&
			    (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80)
				p += 2;
			else if (!utf8_begin(u, *p))
				return false;
		} else {
			p += utf8_ascii(p, (size_t)(end - p)) - 1;
		}
	}
	return true;
}

bool utf8_valid(const void *bytes, size_t len)
{
	struct utf8 u = { 0 };

	return utf8_feed(&u, bytes, len) && u.need == 0;
}

size_t utf8_length(const char *text, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

size_t utf8_prefix(const char *text, size_t len, size_t max_chars)
{
	struct utf8 u = { 0 };
	size_t i, end = 0;

	for (i = 0; i < len && max_chars > 0; i++) {
		if (!utf8_feed(&u, text + i, 1))
			break;
		if (u.need == 0) {
			end = i + 1;
			max_chars--;
		}
	}
	return end;
}

size_t utf8_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

char *utf8_words(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	size_t i;

	if (!copy)
		return NULL;
	for (i = 0; i < len; i++)
		copy[i] = text[i] ? text[i] : ' ';
	copy[len] = '\0';
	return copy;
}
