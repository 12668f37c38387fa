/* journal.h - what was asked, and what was received to be sent: for tests to look at.
 * Holds names of query parameters and never their values: secrets are among them. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>

struct evkeyvalq;
struct json_object;

enum journal_kind { JOURNAL_SUBSCRIBE, JOURNAL_MEDIA, JOURNAL_PUSH, JOURNAL_KINDS };

struct journal *journal_new(void);
void journal_free(struct journal *journal);

/* path must live for ever: a route's. */
void journal_request(struct journal *journal, const char *method, const char *path,
		     const struct evkeyvalq *query, int64_t now_ms);

/* Keeps the object, and takes it. */
void journal_sent(struct journal *journal, enum journal_kind kind, struct json_object *what);

/* {"requests":[…],"counts":{path:n}} and {"subscribe":[…],"mediaChecks":[…],"pushes":[…]};
 * the caller owns them. */
struct json_object *journal_log(const struct journal *journal);
struct json_object *journal_list_sent(const struct journal *journal);

#endif
