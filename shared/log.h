/* log.h - one event, one line on stderr:  TIME LEVEL PLACE EVENT key=value ...
 * Threads:  any; a line is never torn, since it is one write by itself or with others.  errno is kept.
 * Secrets (skey, session_key, app_secret, code, ticket, query string) are never passed in. */
#ifndef WXCHAT_LOG_H
#define WXCHAT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };

/* Before threads start.  place names the program ("login", "push", "ctl"). */
void log_init(const char *place, enum log_level least);

/* Opens the file again that stderr went to at log_init, by its name, so that a log that was moved away is begun
 * anew.  Does nothing when stderr is no regular file. */
void log_reopen(void);

/* fields is a printf format that yields "key=value key=value"; text that a peer chose goes
 * through log_text first.  event is one lower-case word or words joined by dashes. */
void log_event(enum log_level level, const char *event, const char *fields, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(...) log_event(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warn(...) log_event(LOG_WARN_LEVEL, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERROR_LEVEL, __VA_ARGS__)

/* Between the two this thread's lines are kept and written together, for who has many to tell at once: a line by itself costs
 * a system call, and often wakes who reads it.  Not nested. */
void log_hold(void);
void log_release(void);

/* A peer's text made safe for one field: quoted, escaped, cut to what out holds.  Returns out. */
enum { LOG_TEXT_SIZE = 160 };
const char *log_text(char out[static LOG_TEXT_SIZE], const char *text, size_t len);

/* For events that a peer can cause: true at most `burst` times a second for each limiter;
 * dropped counts those left out.  One owner. */
struct log_limit {
	int64_t second;
	unsigned count, dropped;
};
bool log_allowed(struct log_limit *limit, unsigned burst, int64_t now_ms);

#endif
