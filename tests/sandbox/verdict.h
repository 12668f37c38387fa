/* verdict.h - what WeChat's content check would say, by marks that tests put into content. */
#ifndef VERDICT_H
#define VERDICT_H

#include <stddef.h>

struct verdict {
	const char *suggest;	/* "pass", "review" or "risky" */
	int label;		/* 100 normal, 20002 porn, 21000 other … */
};

/* risky! (or WeChat's own sample text) makes content risky, review! doubtful. */
struct verdict verdict_of(const void *content, size_t len);

#endif
