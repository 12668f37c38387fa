/* nick.c - what people's names may be made of.  Knows characters, and nobody. */
#include "nick.h"

#include <string.h>

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

bool nick_is_unseen(uint32_t c)
{
	return is_control(c) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f && c != 0x200d) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffc) || c >= 0xe0000;
}

uint32_t nick_next(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	uint32_t c = s[0];
	int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	c &= more == 3 ? 0x07 : more == 2 ? 0x0f : more == 1 ? 0x1f : 0x7f;
	for (int i = 1; i <= more; i++)
		c = c << 6 | (s[i] & 0x3f);
	*p += more + 1;
	return c;
}

bool nick_is_blank(uint32_t c)
{
	return c == ' ' || c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200a);
}

size_t nick_clean(const char *text, size_t len, char nick[static NICK_MAX + 1])
{
	const char *p = text, *end = text + len;
	size_t n = 0, seen = 0;		/* seen: without the blanks at the end */

	while (p < end) {
		const char *here = p;
		uint32_t c = nick_next(&p);
		size_t size = (size_t)(p - here);

		if (is_control(c)) {
			here = " ";
			size = 1;
			c = ' ';
		}
		if (nick_is_unseen(c) || (n == 0 && nick_is_blank(c)))
			continue;
		if (size > NICK_MAX - n)
			break;
		memcpy(nick + n, here, size);
		n += size;
		if (!nick_is_blank(c))
			seen = n;
	}
	nick[seen] = '\0';
	return seen;
}
