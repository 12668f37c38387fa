/* params.c - the fields of a request.  Knows no field by name. */
#include "params.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "encode.h"
#include "query.h"
#include "text.h"
#include "utf8.h"

enum error params_init(struct params *p, struct request *rq, size_t limit)
{
	size_t blank;
	int r;

	memset(p, 0, sizeof(*p));
	p->rq = rq;
	p->body.max = limit + 32768;
	r = request_body(rq, &p->body, limit);
	if (r == -EMSGSIZE)
		return ERR_TOO_LARGE;
	if (r < 0)
		return ERR_BAD_REQUEST;
	blank = utf8_mark(buf_str(&p->body), p->body.len);
	blank += strspn(buf_str(&p->body) + blank, " \t\r\n");
	if (blank == p->body.len)
		return ERR_NONE;
	if (request_has_type(rq, "application/x-www-form-urlencoded") && p->body.data[blank] != '{') {
		p->is_form = true;
		return ERR_NONE;
	}
	p->json = json_parse_form(p->body.data + blank, p->body.len - blank);
	return p->json ? ERR_NONE : ERR_BAD_REQUEST;
}

void params_fini(struct params *p)
{
	for (unsigned i = 0; i < p->count; i++)
		text_wipe(p->kept[i]);
	json_object_put(p->json);
	buf_wipe(&p->body);
}

/* Keeps raw[0..len), decoded when is_encoded, as a C string. */
static const char *params_keep(struct params *p, const char *raw, size_t len, bool is_encoded, bool plus_is_blank)
{
	char *copy;
	int n;

	assert(p->count < PARAMS_KEPT);
	copy = malloc(len + 1);
	if (!copy) {
		p->is_bad = true;
		return NULL;
	}
	n = (int)len;
	if (is_encoded)
		n = percent_decode(raw, len, plus_is_blank, copy, len);
	else
		memcpy(copy, raw, len);
	if (n < 0 || memchr(copy, '\0', (size_t)n)) {
		free(copy);
		p->is_bad = true;
		return NULL;
	}
	copy[n] = '\0';
	if (n == 0) {
		free(copy);
		return NULL;
	}
	p->kept[p->count++] = copy;
	return copy;
}

static const char *from_header(struct params *p, const char *header, bool is_encoded, bool plus_is_blank)
{
	char name[32];
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(name) - 1 && header[i]; i++)
		name[i] = header[i] == '-' ? '_' : (char)toupper((unsigned char)header[i]);
	name[i] = '\0';
	value = request_header(p->rq, name);
	if (!value)
		return NULL;
	return is_encoded ? params_keep(p, value, strlen(value), true, plus_is_blank) : value;
}

static const char *from_pairs(struct params *p, const char *text, size_t len, const char *name, bool plus_is_blank)
{
	struct query_item item;
	size_t pos = 0, name_len = strlen(name);

	while (query_next(text, len, &pos, &item))
		if (item.name_len == name_len && !strncasecmp(item.name, name, name_len))
			return params_keep(p, item.value, item.value_len, true, plus_is_blank);
	return NULL;
}

static const char *from_json(struct params *p, const char *name)
{
	struct json_object *value;
	const char *text;
	size_t len;

	if (!json_object_object_get_ex(p->json, name, &value) || !value)
		return NULL;
	text = json_text(p->json, name, &len);
	if (!text) {
		p->is_bad = true;
		return NULL;
	}
	return len ? text : NULL;
}

/* is_encoded: in the header.  plus_is_blank: in header and query; in a form it always is. */
static const char *params_find(struct params *p, const char *header, const char *name, bool is_encoded, bool plus_is_blank)
{
	const char *value = NULL;

	if (header)
		value = from_header(p, header, is_encoded, plus_is_blank);
	if (!value && header)
		value = from_pairs(p, p->rq->query, p->rq->query_len, header, plus_is_blank);
	if (!value)
		value = from_pairs(p, p->rq->query, p->rq->query_len, name, plus_is_blank);
	if (!value && p->json)
		value = from_json(p, name);
	if (!value && p->is_form)
		value = from_pairs(p, p->body.data, p->body.len, name, true);
	return p->is_bad ? NULL : value;
}

const char *params_get(struct params *p, const char *header, const char *name)
{
	return params_find(p, header, name, false, false);
}

const char *params_get_encoded(struct params *p, const char *header, const char *name)
{
	return params_find(p, header, name, true, false);
}

const char *params_get_words(struct params *p, const char *header, const char *name)
{
	return params_find(p, header, name, true, true);
}
