/* api_subscribe.c - subscribe messages: the consent on the phone, and the one message that
 * the server may send for it. */
#include "api.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api_common.h"
#include "exchange.h"
#include "journal.h"
#include "people.h"
#include "push.h"
#include "sandbox.h"
#include "template.h"

enum { MAX_ASKED = 5 };		/* templates in one dialogue */

/* Tells the developer's server, if it listens: List is an object for one, an array for many. */
static void tell(struct sandbox *sb, const struct person *who, const char *event,
		 struct json_object *list)
{
	struct json_object *o;

	if (!push_is_on(sb->push)) {
		json_object_put(list);
		return;
	}
	o = push_event(sb->push, who->open_id, event);
	if (json_object_array_length(list) == 1) {
		json_object_object_add(o, "List",
				       json_object_get(json_object_array_get_idx(list, 0)));
		json_object_put(list);
	} else {
		json_object_object_add(o, "List", list);
	}
	push_send(sb->push, o, NULL, NULL);
}

static struct json_object *popup(const char *template_id, const char *choice)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "TemplateId", json_object_new_string(template_id));
	json_object_object_add(o, "SubscribeStatusString", json_object_new_string(choice));
	json_object_object_add(o, "PopupScene", json_object_new_string("0"));
	return o;
}

/* Is it an array of one to five non-empty strings? */
static bool are_templates(struct json_object *list)
{
	size_t n;

	if (!json_object_is_type(list, json_type_array))
		return false;
	n = json_object_array_length(list);
	for (size_t i = 0; i < n; i++) {
		struct json_object *id = json_object_array_get_idx(list, i);

		if (!json_object_is_type(id, json_type_string) ||
		    json_object_get_string_len(id) == 0)
			return false;
	}
	return n >= 1 && n <= MAX_ASKED;
}

void phone_subscribe(struct sandbox *sb, struct exchange *ex)
{
	const char *name = exchange_text(ex, "user"), *choice = exchange_text(ex, "choice");
	struct person *who = name ? people_meet(sb->people, name) : NULL;
	struct json_object *ids = NULL, *o, *list;
	bool accepts = !choice || !strcmp(choice, "accept");

	json_object_object_get_ex(exchange_body(ex), "tmplIds", &ids);
	if (!who || !are_templates(ids)) {
		exchange_fail(ex, "user and one to five tmplIds are wanted");
		return;
	}
	o = exchange_ok(ex);
	list = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));
		const char *said = accepts ? "accept" : choice;

		if (accepts && person_consent(who, id) < 0)
			said = "filter";
		json_object_object_add(o, id, json_object_new_string(said));
		json_object_array_add(list, popup(id, said));
	}
	tell(sb, who, "subscribe_msg_popup_event", list);
	exchange_answer(ex, o);
}

/* The first field of data that its template would refuse; NULL if all is well. */
static const char *refused_field(struct json_object *data)
{
	json_object_object_foreach(data, field, item) {
		struct json_object *value;

		if (!json_object_object_get_ex(item, "value", &value) ||
		    !json_object_is_type(value, json_type_string) ||
		    !template_takes(field, json_object_get_string(value)))
			return field;
	}
	return NULL;
}

static void note(struct sandbox *sb, struct exchange *ex, const struct person *who)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "user", json_object_new_string(who->name));
	json_object_object_foreach(exchange_body(ex), name, value)
		json_object_object_add(o, name, json_object_get(value));
	json_object_object_add(o, "time", json_object_new_int64(exchange_now(ex)));
	journal_sent(sb->journal, JOURNAL_SUBSCRIBE, o);
}

static struct json_object *sent_event(const char *template_id)
{
	struct json_object *list = json_object_new_array(), *o = json_object_new_object();

	json_object_object_add(o, "TemplateId", json_object_new_string(template_id));
	json_object_object_add(o, "MsgID", json_object_new_string("1864323726461255680"));
	json_object_object_add(o, "ErrorCode", json_object_new_string("0"));
	json_object_object_add(o, "ErrorStatus", json_object_new_string("success"));
	json_object_array_add(list, o);
	return list;
}

void api_subscribe_send(struct sandbox *sb, struct exchange *ex)
{
	const char *to = exchange_text(ex, "touser"), *id = exchange_text(ex, "template_id");
	struct json_object *data = NULL;
	struct person *who = NULL;
	const char *field;
	char words[160];
	int r = api_check_token(sb, ex);

	if (r == 0)
		r = api_check_body(ex);
	if (r == 0 && !(who = to ? people_by_open_id(sb->people, to) : NULL))
		r = 40003;
	if (r == 0 && (!id || !*id))
		r = 40037;
	if (r == 0 && (!json_object_object_get_ex(exchange_body(ex), "data", &data) ||
		       !json_object_is_type(data, json_type_object)))
		r = 47001;
	if (r == 0 && (field = refused_field(data))) {
		snprintf(words, sizeof(words), "argument invalid! data.%s.value invalid", field);
		exchange_errcode(ex, 47003, words);
		return;
	}
	if (r == 0 && person_use_consent(who, id) < 0)
		r = 43101;
	if (r == 0) {
		note(sb, ex, who);
		tell(sb, who, "subscribe_msg_sent_event", sent_event(id));
	}
	exchange_errcode(ex, r, NULL);
}
