/* text.h - C strings in arrays of a fixed size.
 * Threads: any. */
#ifndef WXCHAT_TEXT_H
#define WXCHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies text with its NUL to out[0..size).  False, and out is left alone, if it does not fit. */
bool text_copy(char *out, size_t size, const char *text);

#endif
