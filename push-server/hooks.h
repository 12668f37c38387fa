/* hooks.h - what happens beside a message's way through its room: the content check, the owner's webhooks, and notices
 * to users who are away.  All of it waits for other servers, so all of it has threads of its own; a room's home only
 * hands things over.
 * Threads:  hooks_check and hooks_event any (they never wait); the others the one that starts and stops the server.
 * Bounds:   [check] queue and [webhook] queue; past them [check] on_failure and [webhook] on_failure decide about
 *           messages, and events are dropped and counted.
 * Order:    messages of one user come back in the order in which they were given. */
#ifndef WXCHAT_HOOKS_H
#define WXCHAT_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uid.h"

struct ask;
struct config;
struct hooks;
struct server;

enum hook_event { HOOK_OCCUPIED, HOOK_VACATED, HOOK_JOIN, HOOK_LEAVE, HOOK_MESSAGE, HOOK_EVENTS };

/* What the configuration lacks for what it switches on, in words, and the key that is at fault; NULL when all is well. */
const char *hooks_lack(const struct config *config, const char **section, const char **key);

/* After the history and the store are open, before the workers take connections.  *out is NULL when nothing of this
 * is switched on; the other functions take NULL, too.  -errno with why. */
int hooks_start(struct server *s, struct hooks **out, char why[static 200]);

/* Before the workers end: what waits for a check is let go as [check] on_failure says.  Waits for the calls that are under
 * way: for as long as [check], [webhook] and [wechat] timeout_ms allow one. */
void hooks_stop(struct hooks *h);

/* After the workers have ended, whose last events are reported yet, with one try. */
void hooks_free(struct hooks *h);

/* Takes the ask when it needs checking (true): home_checked is called later, from another thread, and ask->text and
 * ask->words may be others by then.  False: nothing to check, go on. */
bool hooks_check(struct hooks *h, struct ask *ask);

/* Something happened in a room; copied; never waits.  uid is NULL for OCCUPIED and VACATED; id and text (fields, see
 * fields.h) belong to a MESSAGE. */
void hooks_event(struct hooks *h, enum hook_event kind, const char *room, const struct uid *uid, uint64_t id,
		 int64_t time_ms, const char *text, size_t len);

/* Does anybody want to hear of these?  Spares the caller the work.  Any thread. */
bool hooks_wants(const struct hooks *h, enum hook_event kind);

/* Figures for the metrics; any thread. */
struct hooks_stats {
	uint64_t checks_passed, checks_refused, checks_failed, checks_recalled, checks_waiting;
	uint64_t webhook_calls, webhook_failed, webhook_events, webhook_dropped, webhook_waiting;
	uint64_t notices_sent, notices_refused, notices_failed, notices_waiting, media_recalled;
};
void hooks_stats(struct hooks *h, struct hooks_stats *out);

#endif
