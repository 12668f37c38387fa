/* verdict.c - looks for marks in bytes. */
#include "verdict.h"

#include <string.h>

static const struct {
	const char *mark;
	struct verdict verdict;
} marks[] = {
	{ "risky!", { "risky", 20002 } },
	{ "特3456书yuuo莞6543李zxcz蒜7782法fgnv级", { "risky", 20001 } },
	{ "review!", { "review", 21000 } },
};

struct verdict verdict_of(const void *content, size_t len)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (memmem(content, len, marks[i].mark, strlen(marks[i].mark)))
			return marks[i].verdict;
	return (struct verdict){ "pass", 100 };
}
