/* mem.c - memory that is there or the program is not, and the clock. */
#include "sandbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *must(void *p)
{
	if (!p) {
		fputs("wechat-sandbox: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void *mem_new(size_t size)
{
	return must(calloc(1, size));
}

char *mem_copy(const char *text)
{
	return must(strdup(text));
}

char *mem_format(const char *format, ...)
{
	va_list ap;
	char *out = NULL;
	int n;

	va_start(ap, format);
	n = vasprintf(&out, format, ap);
	va_end(ap);
	return must(n < 0 ? NULL : out);
}

int64_t sandbox_now(const struct sandbox *sb)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + sb->clock_shift_ms;
}
