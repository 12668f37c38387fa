/* text.c - C strings in arrays of a fixed size.  Knows no meaning and no encoding. */
#include "text.h"

#include <string.h>

bool text_copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size);

	if (len == size)
		return false;
	memcpy(out, text, len + 1);
	return true;
}
