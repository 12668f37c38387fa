/* json.h - json-c, strict: valid UTF-8, no NaN or Infinity, bounded depth, nothing behind the value.
 * Where no tree is needed, jsontext.h is many times faster.
 * Threads:  json_parse any (a tokener per thread).  Objects are one thread's at a time. */
#ifndef WXCHAT_JSON_H
#define WXCHAT_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "jsontext.h"

/* The object in text[0..len), owned by the caller (json_object_put); NULL if it is anything but one
 * whole valid JSON object, as jsontext_object says it.  Of members of one name the last counts. */
struct json_object *json_parse(const char *text, size_t len);

/* As json_parse, for a form's few fields: NULL also where there are more than JSON_FORM_VALUES_MAX values. */
struct json_object *json_parse_form(const char *text, size_t len);

/* As json_parse, for what WeChat made, which was seen with raw control characters in strings; at most
 * JSON_MESSAGE_VALUES_MAX values. */
struct json_object *json_parse_lenient(const char *text, size_t len);

/* As json_parse_lenient, for what WeChat's servers answer: an odd byte or a deep field that nobody asked for must not spoil
 * the rest.  A byte order mark at the beginning is passed over, each byte that is no UTF-8 becomes U+FFFD, and
 * JSON_ANSWER_DEPTH_MAX bounds the depth. */
struct json_object *json_parse_answer(const char *text, size_t len);

/* A member that is a string: its bytes (borrowed from o) and length, else NULL.  Strings holding NUL
 * count as absent. */
const char *json_text(struct json_object *o, const char *key, size_t *len);

/* The same, but NULs are let in: only len tells where it ends. */
const char *json_text_with_nul(struct json_object *o, const char *key, size_t *len);

/* What people may read in a member, as text: a string with blanks for its NULs, or what else it is as JSON.  NULL when it is
 * absent, null or a boolean, or memory is short; else to be freed. */
char *json_words(struct json_object *o, const char *key);

/* A member that is an integer (WeChat sometimes sends one as a string of digits): false if absent or not one. */
bool json_int(struct json_object *o, const char *key, int64_t *out);

/* A member that is an object, borrowed; else NULL. */
struct json_object *json_member(struct json_object *o, const char *key);

/* A member that is there and true in JavaScript's sense. */
bool json_truthy(struct json_object *o, const char *key);

/* Appends the object as compact JSON, slashes not escaped. */
int json_add(struct buf *out, struct json_object *o);

/* Appends text as a JSON string with its quotes; text must be UTF-8 (bad bytes become U+FFFD). */
int json_quote(struct buf *out, const char *text, size_t len);

#endif
