/* params.h - the fields of a request, wherever the client put them: header, query, JSON body or form body, in this
 * order.  An empty field counts as absent.  A byte order mark before a body's JSON is passed over.
 * Threads: one owner. */
#ifndef WXCHAT_PARAMS_H
#define WXCHAT_PARAMS_H

#include <stdbool.h>

#include "error.h"
#include "json.h"
#include "request.h"

enum { PARAMS_KEPT = 12 };

struct params {
	struct request *rq;
	struct buf body;
	struct json_object *json;
	bool is_form;
	bool is_bad;			/* some field was malformed: not text, broken escapes */
	char *kept[PARAMS_KEPT];	/* decoded values */
	unsigned count;
};

/* Reads the body, if there is one, up to limit.  ERR_TOO_LARGE, ERR_BAD_REQUEST. */
enum error params_init(struct params *p, struct request *rq, size_t limit);

/* Wipes and frees all; fine after a failed params_init. */
void params_fini(struct params *p);

/* The field: header (NULL: never in one) in headers or query, name in query or body.  NULL when absent; also when
 * malformed, and then is_bad is set.  Lives until params_fini; at most PARAMS_KEPT fields.
 * In the query '+' stays as it is, because base64 comes there unescaped; in a form body it is a blank. */
const char *params_get(struct params *p, const char *header, const char *name);

/* As params_get, for text that headers cannot hold: there it is percent-encoded. */
const char *params_get_encoded(struct params *p, const char *header, const char *name);

/* As params_get_encoded, for people's words: '+' is a blank everywhere, as forms encode it. */
const char *params_get_words(struct params *p, const char *header, const char *name);

#endif
