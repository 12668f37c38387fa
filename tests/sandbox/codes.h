/* codes.h - the codes that a phone gets and a server turns in: once, within five minutes. */
#ifndef CODES_H
#define CODES_H

#include <stdint.h>

struct person;

enum code_kind { CODE_LOGIN, CODE_PHONE };
enum { CODE_LEN = 32 };

struct codes *codes_new(void);
void codes_free(struct codes *codes);

/* A new code for who, who must outlive it. */
void codes_issue(struct codes *codes, enum code_kind kind, struct person *who, int64_t now_ms,
		 char out[static CODE_LEN + 1]);

/* Spends the code and fills *who.  -ENOENT: unknown, expired, or of the other kind;
 * -EALREADY: it was spent before. */
int codes_spend(struct codes *codes, enum code_kind kind, const char *text, int64_t now_ms,
		struct person **who);

#endif
