/* fields.c - puts braces around a message's fields. */
#include "fields.h"

#include "error.h"
#include "json.h"

const char *const fields_reserved[] = {
	"type", "id", "room", "number", "time", "uid", "nickName", "avatarUrl", "op", "error", "recalled", WAFER_MAGIC, NULL
};

int fields_object(struct buf *out, const char *fields, size_t len)
{
	size_t start = out->len;
	int r;

	if (len > 0 && (fields[len - 1] == ',' || fields[len - 1] == '}'))
		len--;
	if ((r = buf_add(out, "{", 1)) < 0 || (r = buf_add(out, fields, len)) < 0 || (r = buf_add(out, "}", 1)) < 0)
		buf_cut(out, start);
	return r;
}

struct json_object *fields_parse(const char *fields, size_t len)
{
	struct json_object *o = NULL;
	struct buf text = BUF_INIT;

	if (fields_object(&text, fields, len) == 0)
		o = json_parse(text.data, text.len);
	buf_free(&text);
	return o;
}
