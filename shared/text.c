/* text.c - C strings, copied and wiped.  Knows no meaning and no encoding. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

bool text_copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size);

	if (len == size)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

void text_take(char *out, const char *bytes, size_t len)
{
	memcpy(out, bytes, len);
	out[len] = '\0';
}

void text_wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}
