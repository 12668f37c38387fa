/* api_phone.c - what wx.* does on a phone: login codes, userInfo with signature and
 * ciphertext, phone numbers, an avatar.  The {"user":…} of a request says on whose phone. */
#include "api.h"

#include <event2/http.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_common.h"
#include "codes.h"
#include "exchange.h"
#include "people.h"
#include "sandbox.h"
#include "seal.h"

static const char anonymous_name[] = "微信用户";
static const char anonymous_avatar[] =
	"https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyX"
	"wibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132";

/* Whose phone it is.  NULL: has been answered with a failure. */
static struct person *whose(struct sandbox *sb, struct exchange *ex)
{
	const char *name = exchange_text(ex, "user");
	struct person *who = name ? people_meet(sb->people, name) : NULL;

	if (!who)
		exchange_fail(ex, name && *name ? "too many users" : "no user named");
	return who;
}

void phone_login(struct sandbox *sb, struct exchange *ex)
{
	struct person *who = whose(sb, ex);
	char code[CODE_LEN + 1];
	struct json_object *o;

	if (!who)
		return;
	person_login(who, exchange_flag(ex, "newKey"), exchange_now(ex));
	codes_issue(sb->codes, CODE_LOGIN, who, exchange_now(ex), code);
	o = exchange_ok(ex);
	json_object_object_add(o, "code", json_object_new_string(code));
	exchange_answer(ex, o);
}

void phone_check_session(struct sandbox *sb, struct exchange *ex)
{
	struct person *who = whose(sb, ex);

	if (!who)
		return;
	if (who->phone_serial == who->key_serial && person_key_lives(who, exchange_now(ex)))
		exchange_answer(ex, exchange_ok(ex));
	else
		exchange_fail(ex, "session time out, need relogin");
}

static char *avatar_url(const struct person *who, struct exchange *ex)
{
	char *name, *url;

	if (who->avatar_url)
		return mem_copy(who->avatar_url);
	name = evhttp_uriencode(who->name, -1, 0);
	url = mem_format("%s/sandbox/avatar?user=%s", exchange_origin(ex), name ? name : "");
	free(name);
	return url;
}

static struct json_object *profile(const struct person *who, struct exchange *ex)
{
	struct json_object *o = json_object_new_object();
	bool anonymous = exchange_flag(ex, "anonymous");
	char *avatar = anonymous ? mem_copy(anonymous_avatar) : avatar_url(who, ex);

	json_object_object_add(o, "nickName", json_object_new_string(
				       anonymous ? anonymous_name : who->nick_name));
	json_object_object_add(o, "gender", json_object_new_int(0));
	json_object_object_add(o, "language", json_object_new_string("zh_CN"));
	json_object_object_add(o, "city", json_object_new_string(""));
	json_object_object_add(o, "province", json_object_new_string(""));
	json_object_object_add(o, "country", json_object_new_string(""));
	json_object_object_add(o, "avatarUrl", json_object_new_string(avatar));
	free(avatar);
	return o;
}

/* The time and appid that the data is marked with: now and ours, unless the test says else. */
static int64_t marked_time_s(struct exchange *ex)
{
	struct json_object *v;

	if (json_object_object_get_ex(exchange_body(ex), "timestamp", &v))
		return json_object_get_int64(v);
	return exchange_now(ex) / 1000;
}

static const char *marked_app_id(const struct sandbox *sb, struct exchange *ex)
{
	const char *app_id = exchange_text(ex, "appid");

	return app_id ? app_id : sb->app_id;
}

static const char *compact(struct json_object *o)
{
	return json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* Adds encryptedData and iv: plain under the person's session_key. */
static void add_encrypted(struct json_object *o, const struct person *who,
			  struct json_object *plain)
{
	char iv[SEAL_KEY_B64], *data = seal_user_data(who->session_key, compact(plain), iv);

	json_object_object_add(o, "encryptedData", json_object_new_string(data));
	json_object_object_add(o, "iv", json_object_new_string(iv));
	free(data);
}

/* The plaintext of encryptedData: the ids, the profile, the watermark. */
static struct json_object *private_profile(const struct sandbox *sb, struct exchange *ex,
					   const struct person *who, struct json_object *info)
{
	struct json_object *o = json_object_new_object();
	bool with_ids = !exchange_flag(ex, "noOpenId");

	if (with_ids)
		json_object_object_add(o, "openId", json_object_new_string(who->open_id));
	json_object_object_foreach(info, name, value)
		json_object_object_add(o, name, json_object_get(value));
	if (with_ids && *who->union_id)
		json_object_object_add(o, "unionId", json_object_new_string(who->union_id));
	json_object_object_add(o, "watermark",
			       api_watermark(marked_time_s(ex), marked_app_id(sb, ex)));
	return o;
}

void phone_user_info(struct sandbox *sb, struct exchange *ex)
{
	struct person *who = whose(sb, ex);
	struct json_object *o, *info, *private;
	char signature[SEAL_SHA1_HEX];

	if (!who)
		return;
	if (!*who->session_key) {
		exchange_fail(ex, "wx.login first");
		return;
	}
	who->seen_ms = exchange_now(ex);
	info = profile(who, ex);
	private = private_profile(sb, ex, who, info);
	seal_signature(compact(info), who->session_key, signature);
	o = exchange_ok(ex);
	json_object_object_add(o, "rawData", json_object_new_string(compact(info)));
	json_object_object_add(o, "userInfo", info);
	json_object_object_add(o, "signature", json_object_new_string(signature));
	add_encrypted(o, who, private);
	json_object_put(private);
	exchange_answer(ex, o);
}

void phone_number(struct sandbox *sb, struct exchange *ex)
{
	struct person *who = whose(sb, ex);
	struct json_object *o, *info;
	char code[CODE_LEN + 1];

	if (!who)
		return;
	if (!*who->session_key) {
		exchange_fail(ex, "wx.login first");
		return;
	}
	who->seen_ms = exchange_now(ex);
	codes_issue(sb->codes, CODE_PHONE, who, exchange_now(ex), code);
	info = api_phone_info(who, marked_time_s(ex), marked_app_id(sb, ex));
	o = exchange_ok(ex);
	json_object_object_add(o, "code", json_object_new_string(code));
	add_encrypted(o, who, info);
	json_object_put(info);
	exchange_answer(ex, o);
}

/* Length of the first character of text: whole UTF-8, which json-c has seen to. */
static int first_character(const char *text)
{
	int n = *text ? 1 : 0;

	while (((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

void phone_avatar(struct sandbox *sb, struct exchange *ex)
{
	const char *name = exchange_query(ex, "user");
	struct person *who = name ? people_meet(sb->people, name) : NULL;
	char *svg, *letter;
	unsigned hue;

	if (!who) {
		exchange_fail(ex, "no user named");
		return;
	}
	hue = (unsigned)(who->by_name.hash % 360);
	letter = evhttp_htmlescape(who->nick_name);
	svg = mem_format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 132 132\" "
			 "width=\"132\" height=\"132\"><rect width=\"132\" height=\"132\" "
			 "fill=\"hsl(%u 55%% 55%%)\"/><circle cx=\"66\" cy=\"66\" r=\"46\" "
			 "fill=\"hsl(%u 60%% 88%%)\"/><text x=\"66\" y=\"68\" font-size=\"52\" "
			 "font-family=\"sans-serif\" text-anchor=\"middle\" "
			 "dominant-baseline=\"central\" fill=\"hsl(%u 45%% 32%%)\">%.*s</text>"
			 "</svg>",
			 hue, hue, hue, first_character(letter), letter);
	free(letter);
	exchange_document(ex, "image/svg+xml; charset=utf-8", svg);
	free(svg);
}

/* Replaces *field if the request has a text for it. */
static void put_text(struct exchange *ex, const char *name, char **field)
{
	const char *text = exchange_text(ex, name);

	if (text) {
		free(*field);
		*field = mem_copy(text);
	}
}

static void answer_person(struct exchange *ex, const struct person *who)
{
	struct json_object *o = exchange_ok(ex);
	char *avatar = avatar_url(who, ex);

	json_object_object_add(o, "user", json_object_new_string(who->name));
	json_object_object_add(o, "nickName", json_object_new_string(who->nick_name));
	json_object_object_add(o, "avatarUrl", json_object_new_string(avatar));
	json_object_object_add(o, "openid", json_object_new_string(who->open_id));
	json_object_object_add(o, "unionid", json_object_new_string(who->union_id));
	json_object_object_add(o, "phone", json_object_new_string(who->phone));
	free(avatar);
	exchange_answer(ex, o);
}

void phone_user(struct sandbox *sb, struct exchange *ex)
{
	const char *name = exchange_query(ex, "user");
	const char *open_id = exchange_text(ex, "openid");
	const char *union_id = exchange_text(ex, "unionid");
	struct person *who = name ? people_meet(sb->people, name) : whose(sb, ex);

	if (!who) {
		if (name)
			exchange_fail(ex, "no user named");
		return;
	}
	if ((open_id && people_set_open_id(sb->people, who, open_id) < 0) ||
	    (union_id && strlen(union_id) > PEOPLE_ID_LEN)) {
		exchange_fail(ex, "openid, unionid: at most 128 bytes, and nobody else's");
		return;
	}
	if (union_id)
		snprintf(who->union_id, sizeof(who->union_id), "%s", union_id);
	put_text(ex, "nickName", &who->nick_name);
	put_text(ex, "avatarUrl", &who->avatar_url);
	put_text(ex, "phone", &who->phone);
	answer_person(ex, who);
}
