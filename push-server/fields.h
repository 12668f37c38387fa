/* fields.h - a message on its way is the inside of a JSON object: `"a":1,"b":2,` before it is stored, `"a":1,"b":2}`
 * behind.  Here it becomes an object.
 * Threads: any. */
#ifndef WXCHAT_FIELDS_H
#define WXCHAT_FIELDS_H

#include <stddef.h>

#include "buf.h"

/* The names of what only the server says of a message, NULL-ended: whoever else gives them is not heard.  `error` and the
 * SDKs' key would make clients drop their session. */
extern const char *const fields_reserved[];

/* Appends the object.  -ENOMEM, -EMSGSIZE. */
int fields_object(struct buf *out, const char *fields, size_t len);

/* The same as a tree, owned by the caller; NULL when it is malformed or memory is short. */
struct json_object *fields_parse(const char *fields, size_t len);

#endif
