/* codes.c - codes in the order of their birth, found by text.  No HTTP, no error codes. */
#include "codes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "sandbox.h"
#include "seal.h"
#include "strmap.h"

enum { CODE_LIFE_MS = 5 * 60 * 1000 };

struct code {
	char text[CODE_LEN + 1];
	bool spent;
	enum code_kind kind;
	struct person *who;
	int64_t born_ms;
	struct strmap_node by_text;
	STAILQ_ENTRY(code) link;
};

struct codes {
	struct strmap by_text;
	STAILQ_HEAD(, code) by_age;
};

struct codes *codes_new(void)
{
	struct codes *codes = mem_new(sizeof(*codes));

	strmap_init(&codes->by_text);
	STAILQ_INIT(&codes->by_age);
	return codes;
}

static void forget_oldest(struct codes *codes)
{
	struct code *c = STAILQ_FIRST(&codes->by_age);

	STAILQ_REMOVE_HEAD(&codes->by_age, link);
	strmap_remove(&codes->by_text, &c->by_text);
	free(c);
}

void codes_free(struct codes *codes)
{
	if (!codes)
		return;
	while (!STAILQ_EMPTY(&codes->by_age))
		forget_oldest(codes);
	strmap_fini(&codes->by_text);
	free(codes);
}

static void forget_expired(struct codes *codes, int64_t now_ms)
{
	struct code *c;

	while ((c = STAILQ_FIRST(&codes->by_age)) && now_ms - c->born_ms >= CODE_LIFE_MS)
		forget_oldest(codes);
}

void codes_issue(struct codes *codes, enum code_kind kind, struct person *who, int64_t now_ms,
		 char out[static CODE_LEN + 1])
{
	struct code *c = mem_new(sizeof(*c));

	forget_expired(codes, now_ms);
	if (codes->by_text.count >= SANDBOX_MAX_CODES)
		forget_oldest(codes);
	seal_random_text(c->text, CODE_LEN);
	c->kind = kind;
	c->who = who;
	c->born_ms = now_ms;
	strmap_put(&codes->by_text, &c->by_text, c->text, c);
	STAILQ_INSERT_TAIL(&codes->by_age, c, link);
	for (size_t i = 0; i <= CODE_LEN; i++)
		out[i] = c->text[i];
}

int codes_spend(struct codes *codes, enum code_kind kind, const char *text, int64_t now_ms,
		struct person **who)
{
	struct code *c;

	forget_expired(codes, now_ms);
	c = strmap_get(&codes->by_text, text);
	if (!c || c->kind != kind)
		return -ENOENT;
	if (c->spent)
		return -EALREADY;
	c->spent = true;
	*who = c->who;
	return 0;
}
