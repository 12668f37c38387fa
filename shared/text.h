/* text.h - C strings: copies into arrays of a fixed size, and the end of secret ones.
 * Threads: any. */
#ifndef WXCHAT_TEXT_H
#define WXCHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies text with its NUL to out[0..size).  False, and out is left alone, if it does not fit. */
bool text_copy(char *out, size_t size, const char *text);

/* Copies what has no NUL yet; out holds len + 1 bytes. */
void text_take(char *out, const char *bytes, size_t len);

/* Overwrites text, which was allocated, and frees it.  NULL is none. */
void text_wipe(char *text);

#endif
