/* api_login.c - WeChat's servers: codes into sessions, access tokens, session keys, phone
 * numbers.  Every answer is HTTP 200; what went wrong is in errcode. */
#include "api.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "api_common.h"
#include "codes.h"
#include "exchange.h"
#include "people.h"
#include "sandbox.h"
#include "seal.h"
#include "tokens.h"

static bool is_empty(const char *text)
{
	return !text || !*text;
}

/* 0, or the errcode that these two deserve. */
static int check_app(const struct sandbox *sb, const char *app_id, const char *secret)
{
	if (is_empty(app_id))
		return 41002;
	if (is_empty(secret))
		return 41004;
	if (strcmp(app_id, sb->app_id) != 0)
		return 40013;
	return strcmp(secret, sb->app_secret) != 0 ? 40125 : 0;
}

static int spend_errcode(int r)
{
	return r == -EALREADY ? 40163 : 40029;
}

void api_code_to_session(struct sandbox *sb, struct exchange *ex)
{
	const char *code = exchange_query(ex, "js_code");
	const char *grant = exchange_query(ex, "grant_type");
	struct json_object *o;
	struct person *who;
	int r = check_app(sb, exchange_query(ex, "appid"), exchange_query(ex, "secret"));

	if (r == 0 && is_empty(code))
		r = 41008;
	if (r == 0 && (!grant || strcmp(grant, "authorization_code") != 0))
		r = 40002;
	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	if ((r = codes_spend(sb->codes, CODE_LOGIN, code, exchange_now(ex), &who)) < 0) {
		exchange_errcode(ex, spend_errcode(r), NULL);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "session_key", json_object_new_string(who->session_key));
	json_object_object_add(o, "openid", json_object_new_string(who->open_id));
	if (*who->union_id)
		json_object_object_add(o, "unionid", json_object_new_string(who->union_id));
	exchange_answer(ex, o);
}

static void answer_token(struct exchange *ex, const char *token, int64_t expires_s)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "access_token", json_object_new_string(token));
	json_object_object_add(o, "expires_in", json_object_new_int64(expires_s));
	exchange_answer(ex, o);
}

void api_token(struct sandbox *sb, struct exchange *ex)
{
	const char *grant = exchange_query(ex, "grant_type"), *token;
	int64_t expires_s;
	int r = check_app(sb, exchange_query(ex, "appid"), exchange_query(ex, "secret"));

	if (!grant || strcmp(grant, "client_credential") != 0)
		r = 40002;
	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	token = tokens_plain(sb->tokens, exchange_now(ex), &expires_s);
	answer_token(ex, token, expires_s);
}

void api_stable_token(struct sandbox *sb, struct exchange *ex)
{
	const char *grant = exchange_text(ex, "grant_type"), *token;
	int64_t expires_s;
	int r = api_check_body(ex);

	if (r == 0)
		r = check_app(sb, exchange_text(ex, "appid"), exchange_text(ex, "secret"));
	if (r == 0 && (!grant || strcmp(grant, "client_credential") != 0))
		r = 40002;
	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	token = tokens_stable(sb->tokens, exchange_flag(ex, "force_refresh"), exchange_now(ex),
			      &expires_s);
	if (token)
		answer_token(ex, token, expires_s);
	else
		exchange_errcode(ex, 45011, NULL);
}

/* The person whose openid and login-state signature the query holds.  0, or an errcode. */
static int check_signed(struct sandbox *sb, struct exchange *ex, struct person **who)
{
	const char *open_id = exchange_query(ex, "openid");
	const char *signature = exchange_query(ex, "signature");
	const char *method = exchange_query(ex, "sig_method");
	char right[SEAL_SHA256_HEX];
	int r = api_check_token(sb, ex);

	if (r != 0)
		return r;
	if (is_empty(open_id) || is_empty(signature))
		return 40097;
	if (!method || strcmp(method, "hmac_sha256") != 0)
		return 87008;
	*who = people_by_open_id(sb->people, open_id);
	if (!*who)
		return 40003;
	if (!person_key_lives(*who, exchange_now(ex)))
		return 87007;
	seal_login_state((*who)->session_key, right);
	return strcmp(right, signature) != 0 ? 87009 : 0;
}

void api_check_session(struct sandbox *sb, struct exchange *ex)
{
	struct person *who;

	exchange_errcode(ex, check_signed(sb, ex, &who), NULL);
}

void api_reset_session_key(struct sandbox *sb, struct exchange *ex)
{
	struct json_object *o;
	struct person *who;
	int r = check_signed(sb, ex, &who);

	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	person_reset_key(who);
	o = json_object_new_object();
	json_object_object_add(o, "errcode", json_object_new_int(0));
	json_object_object_add(o, "errmsg", json_object_new_string("ok"));
	json_object_object_add(o, "openid", json_object_new_string(who->open_id));
	json_object_object_add(o, "session_key", json_object_new_string(who->session_key));
	exchange_answer(ex, o);
}

void api_phone_number(struct sandbox *sb, struct exchange *ex)
{
	const char *code = exchange_text(ex, "code");
	struct json_object *o;
	struct person *who;
	int r = api_check_token(sb, ex);

	if (r == 0)
		r = api_check_body(ex);
	if (r == 0 && is_empty(code))
		r = 41008;
	if (r != 0) {
		exchange_errcode(ex, r, NULL);
		return;
	}
	if ((r = codes_spend(sb->codes, CODE_PHONE, code, exchange_now(ex), &who)) < 0) {
		exchange_errcode(ex, spend_errcode(r), NULL);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "errcode", json_object_new_int(0));
	json_object_object_add(o, "errmsg", json_object_new_string("ok"));
	json_object_object_add(o, "phone_info",
			       api_phone_info(who, exchange_now(ex) / 1000, sb->app_id));
	exchange_answer(ex, o);
}
