/* query.c - "a=b&c=d" as URLs and forms carry it. */
#include "query.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "encode.h"

enum { QUERY_NAME_MAX = 64 };

int query_next(const char *query, size_t len, size_t *pos, struct query_item *item)
{
	while (*pos < len) {
		const char *piece = query + *pos, *equals;
		const char *end = memchr(piece, '&', len - *pos);
		size_t n = end ? (size_t)(end - piece) : len - *pos;

		*pos += n + (end != NULL);
		if (n == 0)
			continue;
		equals = memchr(piece, '=', n);
		item->name = piece;
		item->name_len = equals ? (size_t)(equals - piece) : n;
		item->value = equals ? equals + 1 : piece + n;
		item->value_len = equals ? n - item->name_len - 1 : 0;
		return 1;
	}
	return 0;
}

static bool query_named(const struct query_item *item, const char *name, size_t name_len)
{
	char decoded[QUERY_NAME_MAX];
	int n;

	if (item->name_len == name_len && strncasecmp(item->name, name, name_len) == 0)
		return true;
	if (!memchr(item->name, '%', item->name_len))
		return false;
	n = percent_decode(item->name, item->name_len, 0, decoded, sizeof(decoded));
	return n >= 0 && (size_t)n == name_len && strncasecmp(decoded, name, name_len) == 0;
}

static int query_find(const char *query, size_t len, const char *name, int plus_is_blank, char *out, size_t size)
{
	size_t pos = 0, name_len = strlen(name);
	struct query_item item;
	int n;

	while (query_next(query, len, &pos, &item)) {
		if (!query_named(&item, name, name_len))
			continue;
		if (size == 0)
			return -EMSGSIZE;
		n = percent_decode(item.value, item.value_len, plus_is_blank, out, size - 1);
		if (n < 0)
			return n;
		if (memchr(out, '\0', (size_t)n))
			return -EINVAL;
		out[n] = '\0';
		return n;
	}
	return -ENOENT;
}

int query_get(const char *query, size_t len, const char *name, char *out, size_t size)
{
	return query_find(query, len, name, 0, out, size);
}

int query_get_words(const char *query, size_t len, const char *name, char *out, size_t size)
{
	return query_find(query, len, name, 1, out, size);
}
