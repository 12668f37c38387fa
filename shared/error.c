/* error.c - names, statuses and bodies of the errors that clients see. */
#include "error.h"

#include <assert.h>
#include <string.h>

#include "json.h"

static const struct {
	const char *name;
	int status;
	const char *message;
} errors[ERR_COUNT] = {
	[ERR_NONE] = { "OK", 200, "ok" },
	[ERR_INVALID_SESSION] = { "ERR_INVALID_SESSION", 401,
		"the session has ended or never was: log in again" },
	[ERR_LOGIN_FAILED] = { "ERR_LOGIN_FAILED", 401,
		"WeChat refused the code: call wx.login again for a new one" },
	[ERR_BAD_SIGNATURE] = { "ERR_BAD_SIGNATURE", 400,
		"the signature is not that of rawData under the present session_key: call wx.login, then wx.getUserInfo" },
	[ERR_BAD_ENCRYPTED_DATA] = { "ERR_BAD_ENCRYPTED_DATA", 400,
		"encryptedData cannot be decrypted under the present session_key: call wx.login, then wx.getUserInfo" },
	[ERR_BAD_REQUEST] = { "ERR_BAD_REQUEST", 400, "the request is malformed" },
	[ERR_TOO_LARGE] = { "ERR_TOO_LARGE", 413, "that is more than is allowed" },
	[ERR_UNSUPPORTED_MEDIA] = { "ERR_UNSUPPORTED_MEDIA", 415, "files of this type are not taken" },
	[ERR_RATE_LIMITED] = { "ERR_RATE_LIMITED", 429, "too many requests: slow down" },
	[ERR_BANNED] = { "ERR_BANNED", 403, "this user or address is banned" },
	[ERR_FORBIDDEN] = { "ERR_FORBIDDEN", 403, "this is not open to you" },
	[ERR_MUTED] = { "ERR_MUTED", 403, "you have been muted" },
	[ERR_RISKY_CONTENT] = { "ERR_RISKY_CONTENT", 400, "the content was refused by the content check" },
	[ERR_WECHAT_BUSY] = { "ERR_WECHAT_BUSY", 503, "WeChat is busy: try again in a moment" },
	[ERR_WECHAT_TIMEOUT] = { "ERR_WECHAT_TIMEOUT", 504, "WeChat did not answer in time" },
	[ERR_WECHAT_BAD_ANSWER] = { "ERR_WECHAT_BAD_ANSWER", 502, "WeChat answered wrongly" },
	[ERR_STORE] = { "ERR_STORE", 503, "the store is full or out of order" },
	[ERR_NOT_FOUND] = { "ERR_NOT_FOUND", 404, "there is nothing here" },
};

const char *error_name(enum error e)
{
	assert(e < ERR_COUNT);
	return errors[e].name;
}

int error_status(enum error e)
{
	assert(e < ERR_COUNT);
	return errors[e].status;
}

const char *error_message(enum error e)
{
	assert(e < ERR_COUNT);
	return errors[e].message;
}

int error_body(struct buf *out, enum error e, bool is_session_body, const char *message, const char *detail)
{
	size_t start = out->len;
	int r;

	if (!message)
		message = error_message(e);
	r = buf_adds(out, is_session_body ? "{\"" WAFER_MAGIC "\":1,\"code\":-1,\"error\":\""
					  : "{\"code\":1,\"error\":\"");
	if (r == 0)
		r = buf_adds(out, error_name(e));
	if (r == 0)
		r = buf_adds(out, "\",\"message\":");
	if (r == 0)
		r = json_quote(out, message, strlen(message));
	if (r == 0 && detail)
		r = buf_addf(out, ",\"detail\":%s", detail);
	if (r == 0)
		r = buf_adds(out, ",\"data\":{}}");
	if (r < 0)
		buf_cut(out, start);
	return r;
}
