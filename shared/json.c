/* json.c - json-c behind a strict door: jsontext decides what JSON is, json-c builds the tree. */
#include "json.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static pthread_once_t json_once = PTHREAD_ONCE_INIT;
static pthread_key_t json_key;
static __thread struct json_tokener *thread_tokener;

static void json_thread_end(void *tokener)
{
	json_tokener_free(tokener);
	thread_tokener = NULL;
}

static void json_make_key(void)
{
	int r = pthread_key_create(&json_key, json_thread_end);

	assert(r == 0);
	(void)r;
}

/* This thread's tokener, freed when the thread ends. */
static struct json_tokener *json_thread_tokener(void)
{
	struct json_tokener *t = thread_tokener;

	if (t)
		return t;
	pthread_once(&json_once, json_make_key);
	t = json_tokener_new_ex(JSON_ANSWER_DEPTH_MAX + 1);	/* it counts a scalar as a level */
	if (!t)
		return NULL;
	/* jsontext has said already that this is UTF-8, so VALIDATE_UTF8 would look again, and less strictly */
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	if (pthread_setspecific(json_key, t) != 0) {
		json_tokener_free(t);
		return NULL;
	}
	return thread_tokener = t;
}

static struct json_object *json_build(const char *text, size_t len)
{
	struct json_tokener *t = json_thread_tokener();
	struct json_object *o;

	if (!t)
		return NULL;
	while (len > 0 && text[len - 1] != '}')
		len--;		/* blanks: json-c would count them as something behind the value */
	json_tokener_reset(t);
	o = json_tokener_parse_ex(t, text, (int)len);
	if (json_tokener_get_error(t) == json_tokener_success && json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	return NULL;
}

struct json_object *json_parse(const char *text, size_t len)
{
	return jsontext_object(text, len, NULL, 0) < 0 ? NULL : json_build(text, len);
}

struct json_object *json_parse_form(const char *text, size_t len)
{
	return jsontext_form(text, len) < 0 ? NULL : json_build(text, len);
}

struct json_object *json_parse_lenient(const char *text, size_t len)
{
	return jsontext_lenient(text, len) < 0 ? NULL : json_build(text, len);
}

/* Appends text, with U+FFFD for each byte that is no UTF-8. */
static int json_mend(struct buf *out, const char *text, size_t len)
{
	size_t good;
	int r = 0;

	for (; r == 0 && len > 0; text += good, len -= good) {
		good = utf8_prefix(text, len, SIZE_MAX);
		r = buf_add(out, text, good);
		if (r == 0 && good < len) {
			r = buf_adds(out, "\xef\xbf\xbd");
			good++;
		}
	}
	return r;
}

struct json_object *json_parse_answer(const char *text, size_t len)
{
	struct json_object *o = NULL;
	struct buf mended = BUF_INIT;
	size_t mark = utf8_mark(text, len);

	text += mark;
	len -= mark;
	if (utf8_valid(text, len))
		return jsontext_answer(text, len) < 0 ? NULL : json_build(text, len);
	if (json_mend(&mended, text, len) == 0 && jsontext_answer(mended.data, mended.len) >= 0)
		o = json_build(mended.data, mended.len);
	buf_wipe(&mended);
	return o;
}

static struct json_object *json_typed(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type) ? v : NULL;
}

const char *json_text_with_nul(struct json_object *o, const char *key, size_t *len)
{
	struct json_object *v = json_typed(o, key, json_type_string);

	if (!v)
		return NULL;
	*len = (size_t)json_object_get_string_len(v);
	return json_object_get_string(v);
}

const char *json_text(struct json_object *o, const char *key, size_t *len)
{
	size_t n;
	const char *text = json_text_with_nul(o, key, &n);

	if (!text || memchr(text, '\0', n))
		return NULL;
	if (len)
		*len = n;
	return text;
}

char *json_words(struct json_object *o, const char *key)
{
	struct json_object *v;
	const char *text;
	size_t n;

	if (!json_object_object_get_ex(o, key, &v) || !v || json_object_is_type(v, json_type_boolean))
		return NULL;
	if (json_object_is_type(v, json_type_string)) {
		text = json_object_get_string(v);
		n = (size_t)json_object_get_string_len(v);
	} else {
		text = json_object_to_json_string_length(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
	}
	return text ? utf8_words(text, n) : NULL;
}

/* Decimal digits with an optional minus, within int64_t. */
static bool json_digits(const char *text, size_t len, int64_t *out)
{
	bool is_negative = len > 0 && text[0] == '-';
	size_t i = is_negative;
	uint64_t v = 0;

	if (i == len || len - i > 19)	/* 19 digits fit in uint64_t */
		return false;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	if (v > INT64_MAX)
		return false;
	*out = is_negative ? -(int64_t)v : (int64_t)v;
	return true;
}

bool json_int(struct json_object *o, const char *key, int64_t *out)
{
	struct json_object *v = json_typed(o, key, json_type_int);
	const char *text;
	size_t len;
	int64_t n;

	if (v) {
		n = json_object_get_int64(v);
		/* json-c clamps what does not fit, silently */
		if (n == INT64_MIN || (n == INT64_MAX && json_object_get_uint64(v) > INT64_MAX))
			return false;
		*out = n;
		return true;
	}
	text = json_text(o, key, &len);
	return text && json_digits(text, len, out);
}

struct json_object *json_member(struct json_object *o, const char *key)
{
	return json_typed(o, key, json_type_object);
}

bool json_truthy(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return false;
	switch (json_object_get_type(v)) {
	case json_type_null:
		return false;
	case json_type_boolean:
		return json_object_get_boolean(v);
	case json_type_int:
		return json_object_get_int64(v) != 0;
	case json_type_double: {
		double d = json_object_get_double(v);

		return !isnan(d) && (d < 0 || d > 0);
	}
	case json_type_string:
		return json_object_get_string_len(v) > 0;
	default:
		return true;	/* objects and arrays, empty ones too */
	}
}

int json_add(struct buf *out, struct json_object *o)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	return text ? buf_add(out, text, len) : -ENOMEM;
}

static int json_quote_byte(struct buf *out, unsigned char c)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *name = c ? strchr(names, c) : NULL;
	char pair[2] = { '\\', 0 };

	if (c >= 0x80)
		return buf_adds(out, "\xef\xbf\xbd");
	if (!name)
		return buf_addf(out, "\\u%04x", c);
	pair[1] = letters[name - names];
	return buf_add(out, pair, sizeof(pair));
}

int json_quote(struct buf *out, const char *text, size_t len)
{
	size_t start = out->len, i = 0;
	int r = buf_adds(out, "\"");

	while (r == 0 && i < len) {
		size_t from = i, end = i + (utf8_valid(text + i, len - i) ? len - i :
					    utf8_prefix(text + i, len - i, SIZE_MAX));

		for (; r == 0 && i < end; i++) {
			unsigned char c = (unsigned char)text[i];

			if (c >= 0x20 && c != '"' && c != '\\')
				continue;
			r = buf_add(out, text + from, i - from);
			if (r == 0)
				r = json_quote_byte(out, c);
			from = i + 1;
		}
		if (r == 0)
			r = buf_add(out, text + from, i - from);
		if (r == 0 && i < len)
			r = json_quote_byte(out, (unsigned char)text[i++]);
	}
	if (r == 0)
		r = buf_adds(out, "\"");
	if (r < 0)
		buf_cut(out, start);
	return r;
}
