/* jsontext.h - is this text one JSON object (RFC 8259, to the letter), and which members does it have?  One pass
 * over the bytes, no tree, no allocation: for judging what a peer sent, and for copying members without parsing them.
 * Threads: any.  No state. */
#ifndef WXCHAT_JSONTEXT_H
#define WXCHAT_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A tree costs some 800 bytes a value: a form with a few fields, and a message of WeChat's, hold no more than these, all
 * members and elements at every depth counted. */
enum { JSON_DEPTH_MAX = 16, JSON_ANSWER_DEPTH_MAX = 64, JSON_FORM_VALUES_MAX = 256, JSON_MESSAGE_VALUES_MAX = 1000 };

/* One member of the outermost object, as it is written: the name without its quotes (still escaped, if has_escape),
 * the value with them.  Borrowed from the text. */
struct jsontext_member {
	const char *name, *value;
	size_t name_len, value_len;
	bool has_escape;	/* the name holds a backslash: \u0075id is uid */
};

/* Checks text[0..len), of which the first max members go to members.  Returns how many members there are (it may be
 * more than max), or -EINVAL for anything but one whole object: bad UTF-8 and numbers that no double can hold included;
 * -ELOOP where the depth passes JSON_DEPTH_MAX, -EILSEQ at a name with an escaped NUL (C strings would cut it). */
int jsontext_object(const char *text, size_t len, struct jsontext_member *members, size_t max);

/* As jsontext_object, for forms: -E2BIG where there are more than JSON_FORM_VALUES_MAX values. */
int jsontext_form(const char *text, size_t len);

/* As jsontext_object, but control characters may stand in strings as they are (NUL apart); -E2BIG where there are more than
 * JSON_MESSAGE_VALUES_MAX values. */
int jsontext_lenient(const char *text, size_t len);

/* The same of an answer of WeChat's, whose fields are not ours to bound: nested up to JSON_ANSWER_DEPTH_MAX. */
int jsontext_answer(const char *text, size_t len);

#endif
