/* tokens.c - two pairs of access tokens: the newest of each kind, and the one before it. */
#include "tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"
#include "seal.h"

enum {
	TOKEN_LEN = 136,
	LIFE_MS = 7200 * 1000,
	OVERLAP_MS = 300 * 1000,
	FORCE_GAP_MS = 30 * 1000,
	FORCE_PER_DAY = 20,
	DAY_MS = 24 * 3600 * 1000
};

struct token {
	char text[TOKEN_LEN + 1];	/* "" when there is none */
	int64_t expires_ms;
	bool killed;
};

struct pair {
	struct token now, former;
};

struct tokens {
	struct pair plain, stable;
	int64_t forced_ms;
	int64_t forced_day;
	unsigned forced_count;
};

struct tokens *tokens_new(void)
{
	return mem_new(sizeof(struct tokens));
}

void tokens_free(struct tokens *tokens)
{
	free(tokens);
}

static void renew(struct pair *pair, int64_t now_ms)
{
	pair->former = pair->now;
	memset(&pair->now, 0, sizeof(pair->now));
	snprintf(pair->now.text, sizeof(pair->now.text), "94_");
	seal_random_text(pair->now.text + 3, TOKEN_LEN - 3);
	pair->now.expires_ms = now_ms + LIFE_MS;
}

static const char *show(const struct token *t, int64_t now_ms, int64_t *expires_s)
{
	*expires_s = (t->expires_ms - now_ms) / 1000;
	return t->text;
}

const char *tokens_plain(struct tokens *tokens, int64_t now_ms, int64_t *expires_s)
{
	struct pair *pair = &tokens->plain;

	renew(pair, now_ms);
	if (pair->former.expires_ms > now_ms + OVERLAP_MS)
		pair->former.expires_ms = now_ms + OVERLAP_MS;
	return show(&pair->now, now_ms, expires_s);
}

const char *tokens_stable(struct tokens *tokens, bool force, int64_t now_ms, int64_t *expires_s)
{
	struct pair *pair = &tokens->stable;

	if (force) {
		if (tokens->forced_day != now_ms / DAY_MS)
			tokens->forced_count = 0;
		if (tokens->forced_count >= FORCE_PER_DAY ||
		    (tokens->forced_ms && now_ms - tokens->forced_ms < FORCE_GAP_MS))
			return NULL;
		tokens->forced_ms = now_ms;
		tokens->forced_day = now_ms / DAY_MS;
		tokens->forced_count++;
		pair->now.killed = true;
	}
	if (force || now_ms >= pair->now.expires_ms - OVERLAP_MS)
		renew(pair, now_ms);
	return show(&pair->now, now_ms, expires_s);
}

int tokens_check(const struct tokens *tokens, const char *text, int64_t now_ms)
{
	const struct token *all[] = {
		&tokens->plain.now, &tokens->plain.former,
		&tokens->stable.now, &tokens->stable.former,
	};

	if (!text || !*text)
		return 41001;
	if (strlen(text) != TOKEN_LEN)
		return 40014;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->text, text) != 0)
			continue;
		if (all[i]->killed)
			return 40001;
		return now_ms < all[i]->expires_ms ? 0 : 42001;
	}
	return 40001;
}
