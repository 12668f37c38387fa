/* api_common.h - what several of the handlers check and write alike. */
#ifndef API_COMMON_H
#define API_COMMON_H

#include <stdint.h>

struct exchange;
struct json_object;
struct person;
struct sandbox;

/* 0, or the errcode of a missing or dead access_token in the query. */
int api_check_token(const struct sandbox *sb, const struct exchange *ex);

/* 0; 44002 for an empty body; 47001 for one that is not a JSON object. */
int api_check_body(const struct exchange *ex);

/* {"timestamp","appid"}; the caller owns it. */
struct json_object *api_watermark(int64_t time_s, const char *app_id);

/* {"phoneNumber",…,"watermark"}; the caller owns it. */
struct json_object *api_phone_info(const struct person *who, int64_t time_s,
				   const char *app_id);

#endif
