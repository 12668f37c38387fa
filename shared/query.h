/* query.h - the parameters of a URL's query or of a form body.
 * Threads: any.  Names are compared without regard to case. */
#ifndef WXCHAT_QUERY_H
#define WXCHAT_QUERY_H

#include <stddef.h>

/* Walks "a=b&c=d": *pos starts at 0.  Returns 1 with the raw (still encoded) name and value,
 * 0 at the end.  Empty pieces are passed over; a piece without '=' has an empty value. */
struct query_item {
	const char *name, *value;
	size_t name_len, value_len;
};
int query_next(const char *query, size_t len, size_t *pos, struct query_item *item);

/* The decoded value of the first parameter of that name, NUL-ended, in out.  Returns its length;
 * -ENOENT if absent, -EINVAL if malformed or holding NUL, -EMSGSIZE if it does not fit.
 * '+' stays as it is: base64 values carry it unescaped. */
int query_get(const char *query, size_t len, const char *name, char *out, size_t size);

/* The same where people's words are expected, as forms encode them: '+' is a blank. */
int query_get_words(const char *query, size_t len, const char *name, char *out, size_t size);

#endif
