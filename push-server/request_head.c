/* request_head.c - the usual object is read off its bytes; only one that names an operation, or writes its cid or room
 * with escapes, is worth a tree. */
#include "request_head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const char no_object[] = "one JSON object a message";
static const char no_memory[] = "the server is short of memory";
static const char bad_cid[] = "cid: a string of at most 64 bytes, without U+FFFD, which halves of surrogate pairs become";

const char *request_head_wrong(int returned, const char *otherwise)
{
	_Static_assert(JSON_DEPTH_MAX == 16 && JSON_FORM_VALUES_MAX == 256, "the words say so");
	switch (returned) {
	case -EINVAL:
		return otherwise;
	case -ELOOP:
		return "objects and arrays nested at most 16 deep, the outermost counted";
	case -EILSEQ:
		return "no name may hold U+0000";
	case -E2BIG:
		return "an operation holds at most 256 values";
	default:
		return no_memory;
	}
}

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* The next character of a name whose escapes are known to be well-formed; 0x80 for any outside ASCII. */
static unsigned char name_next(const char **p)
{
	static const char written[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *q = *p, *known;
	int code;

	if (*q != '\\') {
		*p = q + 1;
		return (unsigned char)*q < 0x80 ? (unsigned char)*q : 0x80;
	}
	if (q[1] != 'u') {
		*p = q + 2;
		known = strchr(written, q[1]);
		return (unsigned char)(known ? meant[known - written] : q[1]);
	}
	*p = q + 6;
	code = hex_digit(q[2]) << 12 | hex_digit(q[3]) << 8 | hex_digit(q[4]) << 4 | hex_digit(q[5]);
	return (unsigned char)(code < 0x80 ? code : 0x80);
}

bool member_is(const struct jsontext_member *m, const char *name)
{
	const char *p = m->name, *end = m->name + m->name_len;
	size_t len = strlen(name);

	if (!m->has_escape)
		return m->name_len == len && memcmp(m->name, name, len) == 0;
	for (; p < end && *name; name++)
		if (name_next(&p) != (unsigned char)*name)
			return false;
	return p == end && *name == '\0';
}

bool member_is_among(const struct jsontext_member *m, const char *const *names)
{
	for (; *names; names++)
		if (member_is(m, *names))
			return true;
	return false;
}

int member_add(struct buf *out, const struct jsontext_member *m)
{
	int r;

	if ((r = buf_adds(out, "\"")) < 0 || (r = buf_add(out, m->name, m->name_len)) < 0 ||
	    (r = buf_adds(out, "\":")) < 0 || (r = buf_add(out, m->value, m->value_len)) < 0)
		return r;
	return buf_adds(out, ",");
}

int members_read(struct members *m, const char *text, size_t len)
{
	int count = jsontext_object(text, len, m->few, MEMBERS_MAX);

	m->list = m->few;
	m->count = 0;
	m->many = NULL;
	if (count > MEMBERS_MAX) {
		m->many = malloc((size_t)count * sizeof(*m->many));
		if (!m->many)
			return -ENOMEM;
		jsontext_object(text, len, m->many, (size_t)count);
		m->list = m->many;
	}
	if (count < 0)
		return count;
	m->count = (size_t)count;
	return 0;
}

void members_fini(struct members *m)
{
	free(m->many);
}

const struct jsontext_member *members_find(const struct members *m, const char *name)
{
	size_t i;

	for (i = m->count; i > 0; i--)
		if (member_is(&m->list[i - 1], name))
			return &m->list[i - 1];
	return NULL;
}

/* A plain string's bytes, without its quotes; false when it is another kind of value or has escapes. */
static bool plain_text(const struct jsontext_member *m, char *out, size_t size)
{
	size_t len = m->value_len;

	if (len < 2 || m->value[0] != '"' || len - 2 >= size || memchr(m->value, '\\', len))
		return false;
	memcpy(out, m->value + 1, len - 2);
	out[len - 2] = '\0';
	return true;
}

/* Reads the head off the members; false when only a tree can tell.  *has_op: it names an operation. */
static bool head_quick(struct request_head *head, bool *has_op)
{
	bool is_plain = true;
	size_t i;

	*has_op = false;
	for (i = 0; i < head->members.count; i++) {
		const struct jsontext_member *m = &head->members.list[i];

		if (member_is(m, "op"))
			*has_op = true;
		if (member_is(m, "cid"))
			is_plain &= plain_text(m, head->cid, sizeof(head->cid));
		if (member_is(m, "room")) {
			is_plain &= plain_text(m, head->room, sizeof(head->room));
			head->has_room = true;
		}
	}
	return is_plain && !*has_op;
}

int tree_text(struct json_object *tree, const char *name, char *out, size_t size)
{
	struct json_object *member;
	const char *text;
	size_t len;

	if (!json_object_object_get_ex(tree, name, &member) || !member)
		return 0;
	text = json_text(tree, name, &len);
	if (!text || len >= size)
		return -EINVAL;
	memcpy(out, text, len + 1);
	return 1;
}

static const char *head_slow(struct request_head *head, const char *text, size_t len, bool has_op)
{
	struct json_object *op;
	int r;

	/* A message may be long, and is one in a tenth of a second; a ping may come at any rate. */
	head->tree = has_op ? json_parse_form(text, len) : json_parse(text, len);
	if (!head->tree)
		return request_head_wrong(has_op ? jsontext_form(text, len) : 0, no_object);
	head->cid[0] = '\0';
	if (tree_text(head->tree, "cid", head->cid, sizeof(head->cid)) < 0) {
		head->cid[0] = '\0';
		return bad_cid;
	}
	r = tree_text(head->tree, "room", head->room, sizeof(head->room));
	if (r < 0)
		return "room: 1 to 64 bytes of UTF-8 without control characters";
	head->has_room = r > 0;
	if (json_object_object_get_ex(head->tree, "op", &op) && !(head->op = json_text(head->tree, "op", NULL)))
		return "op: the name of an operation";
	return NULL;
}

const char *request_head_read(struct request_head *head, const char *text, size_t len)
{
	const char *wrong;
	bool has_op;
	int r;

	head->cid[0] = head->room[0] = '\0';
	head->has_room = false;
	head->op = NULL;
	head->tree = NULL;
	if ((r = members_read(&head->members, text, len)) < 0)
		return request_head_wrong(r, no_object);
	wrong = head_quick(head, &has_op) ? NULL : head_slow(head, text, len, has_op);
	/* What could not be written looks alike: the second of two such cids would be taken for a resend, and lost. */
	if (strstr(head->cid, "\xef\xbf\xbd")) {
		head->cid[0] = '\0';
		return bad_cid;
	}
	return wrong;
}

void request_head_fini(struct request_head *head)
{
	json_object_put(head->tree);
	members_fini(&head->members);
}
