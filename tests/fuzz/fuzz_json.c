/* fuzz_json.c - what jsontext passes, json-c takes as well; what is written from it is JSON again and says the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_members(const char *text, size_t len, int count)
{
	struct jsontext_member members[8];
	int i;

	assert(jsontext_object(text, len, members, 8) == count);
	for (i = 0; i < count && i < 8; i++) {
		assert(members[i].name > text && members[i].name + members[i].name_len < members[i].value);
		assert(members[i].value_len > 0 && members[i].value + members[i].value_len < text + len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct buf first = BUF_INIT, second = BUF_INIT;
	int count = jsontext_object(text, len, NULL, 0);
	struct json_object *o = json_parse(text, len), *again;
	size_t n;
	int64_t i;

	assert((o != NULL) == (count >= 0));
	if (o) {
		check_members(text, len, count);
		assert(json_object_object_length(o) <= count);
		assert(json_add(&first, o) == 0);
		again = json_parse(first.data, first.len);
		assert(again && json_object_equal(o, again));
		assert(json_add(&second, again) == 0);
		assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
		json_text(o, "content", &n);
		json_int(o, "id", &i);
		json_truthy(o, "text");
		json_member(o, "user");
		json_object_put(again);
	}
	json_object_put(o);
	json_object_put(json_parse_lenient(text, len));
	json_object_put(json_parse_answer(text, len));

	/* any bytes can be quoted */
	buf_reset(&first);
	assert(buf_adds(&first, "{\"q\":") == 0 && json_quote(&first, text, len) == 0 && buf_adds(&first, "}") == 0);
	o = json_parse(first.data, first.len);
	assert(o);
	if (utf8_valid(text, len) && !memchr(text, '\0', len))
		assert(json_text(o, "q", &n) && n == len && memcmp(json_text(o, "q", &n), text, len) == 0);
	json_object_put(o);
	buf_free(&first);
	buf_free(&second);
	return 0;
}
