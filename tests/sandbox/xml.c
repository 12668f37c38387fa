/* xml.c - writes JSON objects as WeChat's XML.  Reads none. */
#include "xml.h"

#include <event2/buffer.h>
#include <json-c/json.h>
#include <string.h>

#include "sandbox.h"

static void add_members(struct evbuffer *out, struct json_object *object);

static void add_cdata(struct evbuffer *out, const char *text)
{
	const char *end;

	evbuffer_add_printf(out, "<![CDATA[");
	while ((end = strstr(text, "]]>"))) {	/* may not stand inside: goes half and half */
		evbuffer_add(out, text, (size_t)(end - text) + 2);
		evbuffer_add_printf(out, "]]><![CDATA[");
		text = end + 2;
	}
	evbuffer_add_printf(out, "%s]]>", text);
}

static void add_element(struct evbuffer *out, const char *name, struct json_object *value)
{
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			add_element(out, name, json_object_array_get_idx(value, i));
		return;
	}
	evbuffer_add_printf(out, "<%s>", name);
	if (json_object_is_type(value, json_type_object))
		add_members(out, value);
	else if (json_object_is_type(value, json_type_string))
		add_cdata(out, json_object_get_string(value));
	else
		evbuffer_add_printf(out, "%s", json_object_to_json_string(value));
	evbuffer_add_printf(out, "</%s>", name);
}

static void add_members(struct evbuffer *out, struct json_object *object)
{
	json_object_object_foreach(object, name, value)
		add_element(out, name, value);
}

char *xml_of(struct json_object *object)
{
	struct evbuffer *out = evbuffer_new();
	char *text;

	add_element(out, "xml", object);
	evbuffer_add(out, "", 1);
	text = mem_copy((const char *)evbuffer_pullup(out, -1));
	evbuffer_free(out);
	return text;
}
