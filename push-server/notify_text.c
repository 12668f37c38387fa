/* notify_text.c - what a subscribe message says.  No store, no network. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encode.h"
#include "fields.h"
#include "json.h"
#include "notify.h"
#include "utf8.h"

/* Characters that WeChat allows in a value, by the beginning of its name. */
static size_t value_chars(const char *name)
{
	static const struct {
		const char *prefix;
		size_t chars;
	} kinds[] = {
		{ "thing", 20 }, { "number", 32 }, { "letter", 32 }, { "symbol", 5 }, { "character_string", 32 },
		{ "phone_number", 17 }, { "car_number", 8 }, { "name", 10 }, { "phrase", 5 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].chars;
	return 32;
}

static int time_add(struct buf *out, int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;
	char text[48];

	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y年%m月%d日 %H:%M", &tm) == 0)
		return -EINVAL;
	return buf_adds(out, text);
}

/* One {word} of a pattern; -EINVAL for one that is not known. */
static int word_add(struct buf *out, const char *word, size_t len, const struct notice *n)
{
	if (len == 8 && memcmp(word, "nickName", len) == 0)
		return buf_adds(out, n->nick);
	if (len == 7 && memcmp(word, "content", len) == 0)
		return buf_adds(out, n->content);
	if (len == 4 && memcmp(word, "room", len) == 0)
		return buf_adds(out, n->room);
	if (len == 4 && memcmp(word, "time", len) == 0)
		return time_add(out, n->time_ms);
	return -EINVAL;
}

static int pattern_fill(struct buf *out, const char *p, size_t len, const struct notice *n)
{
	const char *end = p + len;
	int r = 0;

	while (p < end && r == 0) {
		const char *close = *p == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;

		if (*p == '{' && close == NULL)
			return -EINVAL;
		r = close == NULL ? buf_add(out, p, 1) : word_add(out, p + 1, (size_t)(close - p) - 1, n);
		p = close == NULL ? p + 1 : close + 1;
	}
	return r;
}

/* No control characters, not empty, not too long: WeChat refuses the whole message otherwise (47003). */
static int value_add(struct buf *out, struct buf *value, const char *name)
{
	const char *text = buf_str(value);
	size_t len;

	for (size_t i = 0; i < value->len; i++)
		if ((unsigned char)value->data[i] < 0x20 || value->data[i] == 0x7f)
			value->data[i] = ' ';
	len = utf8_prefix(text, value->len, value_chars(name));
	while (len > 0 && text[len - 1] == ' ')
		len--;
	return len == 0 ? json_quote(out, "-", 1) : json_quote(out, text, len);
}

static int field_add(struct buf *out, const char *field, size_t len, const struct notice *n, bool is_first)
{
	const char *equals = memchr(field, '=', len);
	struct buf value = BUF_INIT;
	char name[64];
	size_t name_len;
	int r;

	if (equals == NULL || equals == field || (name_len = (size_t)(equals - field)) >= sizeof(name))
		return -EINVAL;
	memcpy(name, field, name_len);
	name[name_len] = '\0';
	if ((!is_first && (r = buf_add(out, ",", 1)) < 0) || (r = json_quote(out, name, name_len)) < 0 ||
	    (r = buf_adds(out, ":{\"value\":")) < 0 ||
	    (r = pattern_fill(&value, equals + 1, len - name_len - 1, n)) < 0 || (r = value_add(out, &value, name)) < 0)
		goto out;
	r = buf_add(out, "}", 1);
out:
	buf_free(&value);
	return r;
}

int notify_data(struct buf *out, const char *pattern, const struct notice *notice)
{
	size_t start = out->len;
	bool is_first = true;
	int r = buf_add(out, "{", 1);

	while (r == 0 && *(pattern += strspn(pattern, " \t")) != '\0') {
		size_t len = strcspn(pattern, " \t");

		r = field_add(out, pattern, len, notice, is_first);
		is_first = false;
		pattern += len;
	}
	if (r == 0)
		r = is_first ? -EINVAL : buf_add(out, "}", 1);
	if (r < 0)
		buf_cut(out, start);
	return r;
}

int notify_page(struct buf *out, const char *pattern, const char *room)
{
	char encoded[3 * ROOM_NAME_MAX + 1];
	const char *at = strstr(pattern, "{room}");
	int r;

	if (at == NULL)
		return buf_adds(out, pattern);
	if ((r = percent_encode(room, strlen(room), encoded, sizeof(encoded))) < 0 ||
	    (r = buf_add(out, pattern, (size_t)(at - pattern))) < 0 || (r = buf_adds(out, encoded)) < 0)
		return r;
	return buf_adds(out, at + strlen("{room}"));
}

int notify_content(struct buf *nick, struct buf *content, const char *fields, size_t len)
{
	struct json_object *o = fields_parse(fields, len);
	const char *text;
	size_t n = 0;
	int r;

	if (o == NULL)
		return -EINVAL;
	text = json_text(o, "nickName", &n);
	if ((r = text != NULL && n > 0 ? buf_add(nick, text, n) : buf_adds(nick, "微信用户")) < 0)
		goto out;
	text = json_text(o, "content", &n);
	if (text != NULL && n > 0)
		r = buf_add(content, text, n);
	else
		r = buf_adds(content, json_truthy(o, "gallery") ? "[图片]" : "[消息]");
out:
	json_object_put(o);
	return r;
}
