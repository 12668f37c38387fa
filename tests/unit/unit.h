/* unit.h - what every unit test includes first: cmocka and its prerequisites in the order it wants, and small helps. */
#ifndef WXCHAT_UNIT_H
#define WXCHAT_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Says which row of a table a failure below belongs to. */
#define ROW_FAILS(sentence, ...) \
	do { \
		print_error("row: %s\n", (sentence)); \
		fail_msg(__VA_ARGS__); \
	} while (0)

/* A copy in a heap block of exactly that size, so that reading past it is caught. */
static inline char *exact(const void *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* A copy without NUL of a text written in C. */
static inline char *exact_text(const char *text, size_t *len)
{
	*len = strlen(text);
	return exact(text, *len);
}

#endif
