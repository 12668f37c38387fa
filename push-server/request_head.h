/* request_head.h - what a client's object says of itself: its members as they are written, its cid, room and operation.
 * Knows no connections and no rooms.
 * Threads: any.  No state. */
#ifndef WXCHAT_REQUEST_HEAD_H
#define WXCHAT_REQUEST_HEAD_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "bounds.h"
#include "buf.h"
#include "history.h"
#include "jsontext.h"

/* An object's members as they are written. */
struct members {
	const struct jsontext_member *list;	/* borrow from the text */
	size_t count;
	struct jsontext_member *many;
	struct jsontext_member few[MEMBERS_MAX];
};

/* Reads those of text[0..len) into *m, to be ended by members_fini whatever is returned: 0, -ENOMEM, or what jsontext_object
 * says of a text that is no object.  On any error there are none. */
int members_read(struct members *m, const char *text, size_t len);
void members_fini(struct members *m);

/* The last of that name, which is the one that counts; NULL when there is none. */
const struct jsontext_member *members_find(const struct members *m, const char *name);

struct request_head {
	char cid[CID_MAX + 1];		/* "" when none */
	char room[ROOM_NAME_MAX + 1];	/* not yet known to be a room's name */
	bool has_room;
	const char *op;			/* borrowed from the tree; NULL: a message */
	struct json_object *tree;	/* when one was needed */
	struct members members;
};

/* Reads text[0..len) into *head, to be ended by request_head_fini whatever is returned: NULL, or what is wrong, in words. */
const char *request_head_read(struct request_head *head, const char *text, size_t len);
void request_head_fini(struct request_head *head);

/* What is wrong with a text of which jsontext_object returned this, in words; otherwise: when it is simply no object. */
const char *request_head_wrong(int returned, const char *otherwise);

/* Is this the member's name, however it is written?  name: ASCII. */
bool member_is(const struct jsontext_member *m, const char *name);
bool member_is_among(const struct jsontext_member *m, const char *const *names);	/* NULL-ended */

/* Appends the member as it is written, with a comma behind it. */
int member_add(struct buf *out, const struct jsontext_member *m);

/* A string member of the tree into out.  1, 0 when absent or null, -EINVAL when it is no string or too long. */
int tree_text(struct json_object *tree, const char *name, char *out, size_t size);

#endif
