/* api_common.c - checks and pieces of answers that the handlers share. */
#include "api_common.h"

#include <json-c/json.h>

#include "exchange.h"
#include "people.h"
#include "sandbox.h"
#include "tokens.h"

int api_check_token(const struct sandbox *sb, const struct exchange *ex)
{
	return tokens_check(sb->tokens, exchange_query(ex, "access_token"), exchange_now(ex));
}

int api_check_body(const struct exchange *ex)
{
	if (!exchange_has_body(ex))
		return 44002;
	return exchange_body(ex) ? 0 : 47001;
}

struct json_object *api_watermark(int64_t time_s, const char *app_id)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "timestamp", json_object_new_int64(time_s));
	json_object_object_add(o, "appid", json_object_new_string(app_id));
	return o;
}

struct json_object *api_phone_info(const struct person *who, int64_t time_s, const char *app_id)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "phoneNumber", json_object_new_string(who->phone));
	json_object_object_add(o, "purePhoneNumber", json_object_new_string(who->phone));
	json_object_object_add(o, "countryCode", json_object_new_string("86"));
	json_object_object_add(o, "watermark", api_watermark(time_s, app_id));
	return o;
}
