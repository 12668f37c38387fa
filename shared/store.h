/* store.h - who the users are and who is logged in: the session store.
 * fcgi-login and wxchatctl open it for writing, as many processes at once as the web server starts; push-server
 * opens it read-only, as another user id.  Everything that another implementation of the store would have to
 * promise stands in this header.
 * Threads:  any, but a store_reader belongs to one thread.
 * Waiting:  store_authorise and the other readers wait for nobody; what writes may wait for the disk: not in a loop.
 * Errors:   0 or a negative errno: -ENOENT unknown, -ESTALE expired, -ENOSPC full, -EIO, -EUCLEAN unknown schema.
 *           On any error *out is left alone.
 * Times:    Unix time in milliseconds.  Each write also removes a few expired sessions, tickets and rate records. */
#ifndef WXCHAT_STORE_H
#define WXCHAT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "credentials.h"

enum {
	UID_LEN = 20,		/* lower-case hex, public and opaque */
	OPENID_MAX = 128,
	NICK_MAX = 256,		/* bytes of UTF-8 */
	AVATAR_MAX = 1024,
	INFO_MAX = 4096,	/* bytes of the userInfo JSON */
	PHONE_MAX = 32,
	SEALED_MAX = 128,
	ADDRESS_MAX = 46,
	TOKEN_MAX = 1024
};

struct store;

struct store_options {
	const char *dir;
	uint64_t map_size;
	unsigned per_user;	/* live sessions a user may have; the oldest gives way */
	bool read_only;
};

int store_open(const struct store_options *options, struct store **out, char why[static 200]);
void store_close(struct store *s);
bool store_is_read_only(const struct store *s);

struct user {
	char uid[UID_LEN + 1];
	char openid[OPENID_MAX + 1], unionid[OPENID_MAX + 1];
	char nick[NICK_MAX + 1], avatar[AVATAR_MAX + 1];	/* "" until one is known */
	char phone[PHONE_MAX + 1];
	char info[INFO_MAX + 1];	/* last verified userInfo as a JSON object, or "" */
	int64_t created_ms, seen_ms;	/* first and last login */
	uint32_t revision;		/* goes up whenever nick or avatar changes */
};

struct session {
	uint8_t id[SESSION_ID_LEN];
	char uid[UID_LEN + 1];
	uint8_t skey_hash[32];			/* SHA-256 of the skey's text */
	uint8_t sealed_key[SEALED_MAX];		/* WeChat's session_key, sealed */
	size_t sealed_len;
	int64_t created_ms, expires_ms, renewed_ms;
	char address[ADDRESS_MAX];		/* where it was made from, for the operator */
};

/* --- sessions and users, for the login program --- */

/* A limit of uses in a window of time. */
struct store_rate {
	const char *key;	/* any text; it is hashed */
	unsigned limit, window_s;
	unsigned retry_s;	/* out: when the window that is full ends */
};

/* What a login brings.  user: openid; unionid, nick, avatar, info where not "" replace what is stored; uid, where not "",
 * is what the user is called if the openid is new (store_uid_new).  session: all but uid. */
struct store_login {
	struct user user;
	struct session session;
	char nick_if_none[NICK_MAX + 1], avatar_if_none[AVATAR_MAX + 1];	/* for a user who would be without, or "" */
	struct store_rate rate;		/* counted with it, if its key is not NULL */
	int64_t now_ms;
};

/* Makes the user if the openid is new and a session for it, in one transaction.  Out: user whole, session.uid.
 * -EAGAIN when it is one too many for its rate. */
int store_login(struct store *s, struct store_login *login);

/* The same for who does not wait: done is called, with what store_login would have returned, once it is on disk or has
 * failed; by another thread if the store has a committer (store_committer_start), and in any case but once.  With a committer
 * for which too many wait already it is -EBUSY, at once; without one this waits.  *login lives until then; done must be short,
 * and must not write to the store. */
void store_login_later(struct store *s, struct store_login *login, void (*done)(void *arg, int r), void *arg);
int store_committer_start(struct store *s);
/* Carries out what waits.  Nobody may call store_login_later meanwhile. */
void store_committer_stop(struct store *s);

/* A uid that nobody has. */
int store_uid_new(char uid[static UID_LEN + 1]);

/* The session that these credentials prove; -ENOENT for unknown ids and wrong keys alike, -ESTALE when expired. */
int store_session(struct store *s, const struct credentials *c, int64_t now_ms, struct session *session,
		  struct user *user);

int store_session_extend(struct store *s, const uint8_t id[static SESSION_ID_LEN], int64_t expires_ms,
			 int64_t now_ms);
int store_session_rekey(struct store *s, const uint8_t id[static SESSION_ID_LEN], const uint8_t *sealed,
			size_t len);
int store_session_end(struct store *s, const uint8_t id[static SESSION_ID_LEN]);

/* Ends every session of the user; returns how many (0 for unknown users, too). */
int store_user_end_sessions(struct store *s, const char *uid);

int store_user(struct store *s, const char *uid, struct user *out);
int store_user_by_openid(struct store *s, const char *openid, struct user *out);

/* NULL leaves a field as it is. */
int store_user_update(struct store *s, const char *uid, const char *nick, const char *avatar,
		      const char *phone);

/* For the operator: walks all in key order until fn returns non-zero, which is then returned.  Expired sessions are
 * passed over.  fn may call the store; what changes meanwhile may or may not be seen. */
int store_each_session(struct store *s, int64_t now_ms, int (*fn)(const struct session *, void *), void *arg);
int store_each_user(struct store *s, int (*fn)(const struct user *, void *), void *arg);

/* --- tickets: a session's short-lived stand-in for a URL --- */

int store_ticket_put(struct store *s, const uint8_t ticket[static 32], const uint8_t id[static SESSION_ID_LEN],
		     int64_t expires_ms, int64_t now_ms);

/* --- what the push server asks, many times a second --- */

struct store_reader;
int store_reader_new(struct store *s, struct store_reader **out);
void store_reader_free(struct store_reader *r);

struct member {
	char uid[UID_LEN + 1];
	char openid[OPENID_MAX + 1];
	char nick[NICK_MAX + 1], avatar[AVATAR_MAX + 1];
	size_t nick_len, avatar_len;
	uint32_t revision;
	int64_t expires_ms;
};

/* Whether the session lives, and who it is.  skey NULL: it was proven before (each later message).
 * -ENOENT for unknown ids and wrong keys alike, -ESTALE when expired. */
int store_authorise(struct store_reader *r, const uint8_t id[static SESSION_ID_LEN], const char *skey,
		    int64_t now_ms, struct member *out);

/* As store_authorise, cheaper: only whether it still lives, and until when. */
int store_alive(struct store_reader *r, const uint8_t id[static SESSION_ID_LEN], int64_t now_ms,
		int64_t *expires_ms);

/* The session behind a ticket (its 64 hex characters). */
int store_ticket(struct store_reader *r, const char *ticket, size_t len, int64_t now_ms,
		 uint8_t id[static SESSION_ID_LEN]);

/* Who a uid is, logged in or not (expires_ms 0). */
int store_member(struct store_reader *r, const char *uid, struct member *out);

/* Changes whenever anything in the store changed; for skipping work. */
uint64_t store_version(struct store *s);

/* Clears what dead readers hold; once a minute. */
void store_tidy(struct store *s);

/* --- limits, tokens, counters, events, media --- */

/* Counts one use in the window; -EAGAIN and retry_s once the limit is passed.
 * The table is bounded: the oldest windows go first. */
int store_rate(struct store *s, struct store_rate *rate, int64_t now_ms);

/* WeChat's access token, shared by all processes.  *refresh is set for one caller at a time when the token is
 * missing or within early_ms of its end: that caller is to fetch a new one (others use the old one meanwhile)
 * within TOKEN_LEASE_MS, and to say so when it could not.  -ENOENT when there is none at all; *refresh is set
 * then as well, and token is "". */
enum { TOKEN_LEASE_MS = 10000 };
int store_token(struct store *s, int64_t now_ms, int64_t early_ms, char token[static TOKEN_MAX], bool *refresh);
int store_token_put(struct store *s, const char *token, int64_t expires_ms);
/* The fetch failed: another may try at once. */
int store_token_give_up(struct store *s);
/* Forgets the token if it is still this one. */
int store_token_drop(struct store *s, const char *token);
/* Read-only users: the token as it is; -ENOENT when missing or expired. */
int store_token_peek(struct store *s, int64_t now_ms, char token[static TOKEN_MAX]);

enum counter {
	COUNT_LOGIN_OK, COUNT_LOGIN_REFUSED, COUNT_LOGIN_WECHAT_FAILED, COUNT_SESSION_INVALID, COUNT_LOGOUT,
	COUNT_UPLOAD_OK, COUNT_UPLOAD_REFUSED, COUNT_UPLOAD_BYTES, COUNT_PROFILE, COUNT_PHONE, COUNT_TUNNEL,
	COUNT_MESSAGE, COUNT_RATE_LIMITED, COUNT_BUSY, COUNT_REVOKED, COUNT_KINDS
};
const char *store_counter_name(enum counter c);
int store_counters_add(struct store *s, const uint64_t add[static COUNT_KINDS]);
int store_counters(struct store *s, uint64_t out[static COUNT_KINDS]);
/* Users, live sessions (expired ones not yet removed included), bytes of media kept. */
int store_totals(struct store *s, uint64_t *users, uint64_t *sessions, uint64_t *media_bytes);

/* The bounded queue of what WeChat's message push told (JSON texts), oldest dropped first.  Numbers go up by one.
 * store_event_next: the first event numbered above after; -ENOENT when there is none. */
enum { EVENTS_KEPT = 1000, EVENT_MAX = 8192 };
int store_event_put(struct store *s, const char *json, size_t len, uint64_t *number);
int store_event_next(struct store *s, uint64_t after, uint64_t *number, struct buf *json);

/* Marks the key for the window; *seen: it was marked already.  Replays of a message push are told from first arrivals so. */
int store_seen(struct store *s, const char *key, unsigned window_s, int64_t now_ms, bool *seen);
/* Only looks. */
int store_seen_before(struct store *s, const char *key, int64_t now_ms, bool *seen);

/* Media: bytes are reserved against both quotas (0 = none), -EDQUOT past one, before a file is kept, and count from then on.
 * Then they are kept, or given back; of what neither was done with, because the program ended, they are given back when
 * MEDIA_RESERVED_MS have passed.  What is kept later than that counts again, whatever the quotas. */
enum { MEDIA_RESERVED_MS = 3600 * 1000 };
struct store_reserved {
	char uid[UID_LEN + 1];
	uint64_t bytes, number;		/* number tells it from others of its size and time */
	int64_t end_ms;
};
int store_media_reserve(struct store *s, const char *uid, uint64_t bytes, uint64_t user_quota, uint64_t total_quota,
			int64_t now_ms, struct store_reserved *out);
int store_media_keep(struct store *s, const struct store_reserved *reserved);
int store_media_give_back(struct store *s, const struct store_reserved *reserved);
/* Which upload, and of how many bytes, a media check's trace_id speaks of. */
int store_trace_put(struct store *s, const char *trace_id, const char *uid, const char *url, uint64_t bytes,
		    int64_t now_ms);
int store_trace(struct store *s, const char *trace_id, char uid[static UID_LEN + 1], struct buf *url);
/* When the verdict has been carried out: in one transaction puts this event, forgets the trace and, if the file was
 * removed, gives its bytes back.  -ENOENT, and nothing is done, when another was faster. */
int store_trace_end(struct store *s, const char *trace_id, bool is_removed, const char *json, size_t len);

int store_backup(struct store *s, const char *dir);

#endif
