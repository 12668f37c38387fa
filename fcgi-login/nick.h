/* nick.h - what people's names may be made of.
 * Threads: any. */
#ifndef WXCHAT_NICK_H
#define WXCHAT_NICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

/* The next character of valid UTF-8. */
uint32_t nick_next(const char **p);

/* Characters that show nothing, or turn the text around them: names made of them imitate other names. */
bool nick_is_unseen(uint32_t c);

bool nick_is_blank(uint32_t c);

/* Makes a name of text[0..len), valid UTF-8: control characters become blanks, what else cannot be seen is left out, and so
 * are blanks at the ends and what is beyond NICK_MAX bytes.  Returns its length; 0: nothing is left. */
size_t nick_clean(const char *text, size_t len, char nick[static NICK_MAX + 1]);

#endif
