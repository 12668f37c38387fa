/* buf.c - a growing run of bytes with a limit.  Knows nothing of what they mean. */
#include "buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIKELY_TEXT = 128 };

void buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}

void buf_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->size);
	buf_free(b);
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t max = b->max ? b->max : BUF_MAX;
	size_t size = b->size ? b->size : 64;
	char *data;

	if (n > max || b->len > max - n)
		return -EMSGSIZE;
	if (b->len + n < b->size)
		return 0;
	while (size <= b->len + n)
		size *= 2;
	if (size > max + 1)
		size = max + 1;	/* one for the NUL */
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

int buf_add(struct buf *b, const void *bytes, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0)
		return r;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int buf_addf(struct buf *b, const char *format, ...)
{
	size_t room;
	va_list ap, again;
	int n, r;

	if (b->size - b->len < LIKELY_TEXT)
		buf_reserve(b, LIKELY_TEXT);	/* mostly it fits then, and is written but once */
	room = b->size - b->len;
	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(room ? b->data + b->len : NULL, room, format, ap);
	va_end(ap);
	r = n < 0 ? -EINVAL : buf_reserve(b, (size_t)n);
	if (r == 0 && (size_t)n >= room)
		vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
	va_end(again);
	if (r == 0)
		b->len += (size_t)n;
	else if (room)
		b->data[b->len] = '\0';
	return r;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

void buf_cut(struct buf *b, size_t len)
{
	b->len = len;
	if (b->data)
		b->data[len] = '\0';
}

void buf_reset(struct buf *b)
{
	buf_cut(b, 0);
}

const char *buf_str(const struct buf *b)
{
	return b->len ? b->data : "";
}
