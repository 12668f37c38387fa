/* tokens.h - access tokens, of the plain kind (each call makes a new one) and the stable kind
 * (the same one until shortly before its end).  The two know nothing of each other. */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>
#include <stdint.h>

struct tokens *tokens_new(void);
void tokens_free(struct tokens *tokens);

/* GET cgi-bin/token: always new; the former one goes on working for five minutes.
 * The text lives until the next call. */
const char *tokens_plain(struct tokens *tokens, int64_t now_ms, int64_t *expires_s);

/* POST cgi-bin/stable_token: the current one, renewed five minutes before its end, when old
 * and new both work.  force kills the old one at once: NULL when that was done within 30 s
 * or 20 times that day.  The text lives until the next call. */
const char *tokens_stable(struct tokens *tokens, bool force, int64_t now_ms, int64_t *expires_s);

/* 0, or WeChat's errcode: 41001 missing, 40014 malformed, 40001 wrong or not the newest,
 * 42001 expired.  text may be NULL. */
int tokens_check(const struct tokens *tokens, const char *text, int64_t now_ms);

#endif
