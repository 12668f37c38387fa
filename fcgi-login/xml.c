/* xml.c - WeChat's XML messages as JSON objects, by expat. */
#include "xml.h"

#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

struct level {
	struct json_object *object;	/* made with the first element inside; owned until it is put into its parent */
	struct buf text;
};

struct reader {
	XML_Parser parser;
	struct level levels[XML_DEPTH_MAX];
	int depth;			/* levels in use */
	int elements;
	struct json_object *result;
	bool failed;
};

static void reader_fail(struct reader *rd)
{
	rd->failed = true;
	XML_StopParser(rd->parser, XML_FALSE);
}

static void XMLCALL on_doctype(void *arg, const char *name, const char *system, const char *public_id, int internal)
{
	(void)name;
	(void)system;
	(void)public_id;
	(void)internal;
	reader_fail(arg);
}

static void XMLCALL on_start(void *arg, const char *name, const char **attributes)
{
	struct reader *rd = arg;

	(void)name;
	(void)attributes;
	if (rd->failed)
		return;
	if (rd->depth == XML_DEPTH_MAX || ++rd->elements > XML_ELEMENTS_MAX) {
		reader_fail(rd);
		return;
	}
	rd->levels[rd->depth++] = (struct level){ NULL, BUF_INIT };
}

static void XMLCALL on_text(void *arg, const char *text, int len)
{
	struct reader *rd = arg;

	if (!rd->failed && rd->depth > 0 && buf_add(&rd->levels[rd->depth - 1].text, text, (size_t)len) < 0)
		reader_fail(rd);
}

/* What a finished element is; takes its level's object. */
static struct json_object *level_value(struct level *l)
{
	const char *text = buf_str(&l->text);
	size_t len = l->text.len;

	if (l->object)
		return l->object;
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	while (len > 0 && strchr(" \t\r\n", *text)) {
		text++;
		len--;
	}
	return json_object_new_string_len(text, (int)len);
}

/* Takes value. */
static bool object_add(struct json_object *o, const char *key, struct json_object *value)
{
	struct json_object *there, *list;

	if (!value)
		return false;
	if (!json_object_object_get_ex(o, key, &there)) {
		if (json_object_object_add(o, key, value) == 0)
			return true;
	} else if (json_object_get_type(there) == json_type_array) {
		if (json_object_array_add(there, value) == 0)
			return true;
	} else if ((list = json_object_new_array())) {
		if (json_object_array_add(list, json_object_get(there)) == 0 &&
		    json_object_object_add(o, key, list) == 0)
			return object_add(o, key, value);
		json_object_put(list);
	}
	json_object_put(value);
	return false;
}

static void XMLCALL on_end(void *arg, const char *name)
{
	struct reader *rd = arg;
	struct json_object *value;
	struct level *l, *up;

	if (rd->failed)
		return;
	l = &rd->levels[--rd->depth];
	value = level_value(l);
	buf_free(&l->text);
	if (rd->depth == 0) {
		rd->result = value;
		return;
	}
	up = &rd->levels[rd->depth - 1];
	if (!up->object)
		up->object = json_object_new_object();
	if (!up->object) {
		json_object_put(value);
		reader_fail(rd);
	} else if (!object_add(up->object, name, value)) {
		reader_fail(rd);
	}
}

struct json_object *xml_parse(const char *text, size_t len)
{
	struct reader rd = { .parser = XML_ParserCreate("UTF-8") };

	if (!rd.parser)
		return NULL;
	XML_SetUserData(rd.parser, &rd);
	XML_SetElementHandler(rd.parser, on_start, on_end);
	XML_SetCharacterDataHandler(rd.parser, on_text);
	XML_SetStartDoctypeDeclHandler(rd.parser, on_doctype);
	if (len > INT_MAX || XML_Parse(rd.parser, text, (int)len, 1) != XML_STATUS_OK)
		rd.failed = true;
	while (rd.depth > 0) {
		struct level *l = &rd.levels[--rd.depth];

		json_object_put(l->object);
		buf_free(&l->text);
	}
	XML_ParserFree(rd.parser);
	if (rd.result && (rd.failed || json_object_get_type(rd.result) != json_type_object)) {
		json_object_put(rd.result);
		rd.result = NULL;
	}
	return rd.result;
}
