/* notify.h - WeChat's one-time subscribe messages: tells a user who is away that somebody wrote to them, in a private
 * room, when they have consented, and only once in each room until they come back.
 * Threads:  notify_message and notify_back any; they never wait.  The pure functions any.
 * Kept:     consents in TABLE_CONSENTS, who was told in TABLE_MARKS ("notified" NUL room NUL uid), so that a restart
 *           neither forgets nor repeats. */
#ifndef WXCHAT_NOTIFY_H
#define WXCHAT_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "history.h"
#include "hooks.h"
#include "uid.h"
#include "wechat.h"

struct notify;
struct server;

enum { NOTIFY_QUEUE_MAX = 1000 };	/* messages and returns that may wait; past it the messages notify nobody */

/* --- pure --- */

struct notice {
	const char *nick;	/* NUL-ended, all of them */
	const char *content;
	const char *room;
	int64_t time_ms;
};

/* The template's data as WeChat wants it: {"thing1":{"value":"…"},…} from "thing1={nickName} thing2={content}".  Each
 * value is cut to what WeChat allows for its kind.  -EINVAL when the pattern is malformed, -ENOMEM. */
int notify_data(struct buf *out, const char *pattern, const struct notice *notice);

/* The page with {room} percent-encoded. */
int notify_page(struct buf *out, const char *pattern, const char *room);

/* What a message of these fields (see fields.h) says to somebody who has not opened it; never empty. */
int notify_content(struct buf *nick, struct buf *content, const char *fields, size_t len);

/* Is this a room whose members can be away?  (Those that begin with '@'.) */
static inline bool notify_cares(const char *room)
{
	return room[0] == '@';
}

/* --- running --- */

/* NULL when memory or threads are short. */
struct notify *notify_new(struct server *s, struct wechat_shared *shared);
/* Nobody is notified any more, and of returns that wait no more is known: who comes back to the next server returns again.
 * Waits for the one that is under way. */
void notify_stop(struct notify *n);
void notify_free(struct notify *n);

void notify_message(struct notify *n, const char *room, const struct uid *from, const char *fields, size_t len,
		    int64_t time_ms);
void notify_back(struct notify *n, const char *room, const struct uid *uid);
void notify_stats(const struct notify *n, struct hooks_stats *out);

#endif
