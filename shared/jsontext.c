/* jsontext.c - the grammar of RFC 8259 over bytes.  Each scan_ function is given where something begins and
 * returns where it ends, or NULL if it is not that. */
#include "jsontext.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum { NUMBER_MAX = 400 };	/* characters: more is nobody's number */

struct scan {
	const char *end;
	bool is_lenient;
};

struct bounds {
	unsigned depth, values;
};

static const char *scan_blank(const struct scan *s, const char *p)
{
	while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static bool is_digit(const struct scan *s, const char *p)
{
	return p < s->end && *p >= '0' && *p <= '9';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The bytes of a string that stand for themselves, eight at a time. */
static const char *scan_plain(const struct scan *s, const char *p)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint64_t w;

	for (; (size_t)(s->end - p) >= sizeof(w); p += sizeof(w)) {
		uint64_t quote, slash, control;

		memcpy(&w, p, sizeof(w));
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		control = (w - ones * 0x20) & ~w;	/* both may name a byte too many, never one too few */
		if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | control) & tops)
			break;
	}
	while (p < s->end && *p != '"' && *p != '\\' && ((unsigned char)*p >= 0x20 || (s->is_lenient && *p)))
		p++;
	return p;
}

/* p is behind the opening quote; what is returned is the closing one. */
static const char *scan_string(const struct scan *s, const char *p, bool *has_escape, bool *has_nul)
{
	*has_escape = *has_nul = false;
	for (;;) {
		p = scan_plain(s, p);
		if (p == s->end)
			return NULL;
		if (*p == '"')
			return p;
		if (*p != '\\' || s->end - p < 2)
			return NULL;
		*has_escape = true;
		if (p[1] == 'u') {
			if (s->end - p < 6 || !is_hex(p[2]) || !is_hex(p[3]) || !is_hex(p[4]) || !is_hex(p[5]))
				return NULL;
			*has_nul |= memcmp(p + 2, "0000", 4) == 0;
			p += 6;
		} else {
			if (!p[1] || !strchr("\"\\/bfnrt", p[1]))
				return NULL;
			p += 2;
		}
	}
}

static bool is_finite(const char *p, size_t len)
{
	char copy[NUMBER_MAX + 1];

	if (len > NUMBER_MAX)
		return false;
	memcpy(copy, p, len);
	copy[len] = '\0';
	return isfinite(strtod(copy, NULL));
}

static const char *scan_number(const struct scan *s, const char *p)
{
	const char *start = p;
	bool is_plain = true;

	if (*p == '-')
		p++;
	if (!is_digit(s, p))
		return NULL;
	if (*p == '0')
		p++;
	else
		while (is_digit(s, p))
			p++;
	if (p < s->end && *p == '.') {
		if (!is_digit(s, ++p))
			return NULL;
		while (is_digit(s, p))
			p++;
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		is_plain = false;
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(s, p))
			return NULL;
		while (is_digit(s, p))
			p++;
	}
	/* without an exponent, 300 characters are below the largest double (1.8e308) */
	if ((!is_plain || p - start > 300) && !is_finite(start, (size_t)(p - start)))
		return NULL;
	return p;
}

static const char *scan_word(const struct scan *s, const char *p, const char *word, size_t len)
{
	return (size_t)(s->end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

/* A value without members or elements. */
static const char *scan_scalar(const struct scan *s, const char *p)
{
	bool has_escape, has_nul;

	switch (*p) {
	case '"':
		p = scan_string(s, p + 1, &has_escape, &has_nul);
		return p ? p + 1 : NULL;
	case 't':
		return scan_word(s, p, "true", 4);
	case 'f':
		return scan_word(s, p, "false", 5);
	case 'n':
		return scan_word(s, p, "null", 4);
	default:
		return scan_number(s, p);
	}
}

/* p is at a name; what is returned is where the value begins. */
static const char *scan_name(const struct scan *s, const char *p, struct jsontext_member *m, bool *has_nul)
{
	const char *quote;

	if (p == s->end || *p != '"')
		return NULL;
	quote = scan_string(s, p + 1, &m->has_escape, has_nul);
	if (!quote || *has_nul)
		return NULL;
	m->name = p + 1;
	m->name_len = (size_t)(quote - m->name);
	p = scan_blank(s, quote + 1);
	if (p == s->end || *p != ':')
		return NULL;
	return scan_blank(s, p + 1);
}

/* The one pass: inside says of each open bracket whether it is an object's, the innermost in bit 0. */
static int scan_object(const char *text, size_t len, bool is_lenient, struct bounds most,
		       struct jsontext_member *members, size_t max)
{
	struct scan s = { text + len, is_lenient };
	struct jsontext_member member = { 0 }, inner;
	unsigned depth = 1, values = 0;
	uint64_t inside = 1;
	bool has_nul = false;
	const char *p;
	int count = 0;

	if (len == 0 || len > INT32_MAX || !utf8_valid(text, len))
		return -EINVAL;
	p = scan_blank(&s, text);
	if (p == s.end || *p++ != '{')
		return -EINVAL;
	p = scan_blank(&s, p);
	if (p < s.end && *p == '}')
		goto close;
next:	/* p is where a member or an element begins */
	if (inside & 1) {
		p = scan_name(&s, p, depth == 1 ? &member : &inner, &has_nul);
		if (p && depth == 1)
			member.value = p;
	}
	if (!p || p == s.end)
		return has_nul ? -EILSEQ : -EINVAL;
	if (values++ == most.values)
		return -E2BIG;
	if (*p == '{' || *p == '[') {
		if (depth == most.depth)
			return -ELOOP;
		depth++;
		inside = inside << 1 | (*p == '{');
		p = scan_blank(&s, p + 1);
		if (p < s.end && *p == (inside & 1 ? '}' : ']'))
			goto close;
		goto next;
	}
	p = scan_scalar(&s, p);
	if (!p)
		return -EINVAL;
ended:	/* p is behind a value */
	if (depth == 1) {
		member.value_len = (size_t)(p - member.value);
		if ((size_t)count < max)
			members[count] = member;
		count++;
	}
	p = scan_blank(&s, p);
	if (p == s.end)
		return -EINVAL;
	if (*p == ',') {
		p = scan_blank(&s, p + 1);
		goto next;
	}
	if (*p != (inside & 1 ? '}' : ']'))
		return -EINVAL;
close:	/* p is at the bracket that ends the innermost */
	p++;
	inside >>= 1;
	if (--depth > 0)
		goto ended;
	return scan_blank(&s, p) == s.end ? count : -EINVAL;
}

static const struct bounds any_number = { JSON_DEPTH_MAX, UINT_MAX };

int jsontext_object(const char *text, size_t len, struct jsontext_member *members, size_t max)
{
	return scan_object(text, len, false, any_number, members, max);
}

int jsontext_form(const char *text, size_t len)
{
	return scan_object(text, len, false, (struct bounds){ JSON_DEPTH_MAX, JSON_FORM_VALUES_MAX }, NULL, 0);
}

int jsontext_lenient(const char *text, size_t len)
{
	return scan_object(text, len, true, (struct bounds){ JSON_DEPTH_MAX, JSON_MESSAGE_VALUES_MAX }, NULL, 0);
}

int jsontext_answer(const char *text, size_t len)
{
	_Static_assert(JSON_ANSWER_DEPTH_MAX <= 64, "inside has a bit for each");
	return scan_object(text, len, true, (struct bounds){ JSON_ANSWER_DEPTH_MAX, UINT_MAX }, NULL, 0);
}
