/* bans.h - who is banned, read from the push server's own LMDB environment ([history] dir), where its history
 * thread keeps them in the table "bans": key "u" + uid or "a" + address text, value 8 bytes big-endian
 * expiry (Unix ms, 0 = for ever) followed by the reason's text.
 * Threads: any.  A missing environment means that nobody is banned. */
#ifndef WXCHAT_BANS_H
#define WXCHAT_BANS_H

#include <stdbool.h>
#include <stdint.h>

struct bans;

/* Never fails for want of the files: they are looked for again at most every few seconds. */
struct bans *bans_open(const char *dir);
void bans_close(struct bans *b);

/* uid or address may be NULL. */
bool bans_hit(struct bans *b, const char *uid, const char *address, int64_t now_ms);

#endif
