/* errcode.c - WeChat's error codes in words. */
#include "errcode.h"

#include <stddef.h>

static const struct {
	int errcode;
	const char *text;
} known[] = {
	{ 0, "ok" },
	{ -1, "system error" },
	{ 40001, "invalid credential, access_token is invalid or not latest" },
	{ 40002, "invalid grant_type" },
	{ 40003, "invalid openid" },
	{ 40004, "invalid media type" },
	{ 40013, "invalid appid" },
	{ 40014, "invalid access_token" },
	{ 40029, "invalid code" },
	{ 40037, "invalid template_id" },
	{ 40097, "invalid args" },
	{ 40125, "invalid appsecret" },
	{ 40129, "invalid scene" },
	{ 40163, "code been used" },
	{ 40164, "invalid ip, not in whitelist" },
	{ 40226, "code blocked" },
	{ 40243, "AppSecret is frozen" },
	{ 41001, "access_token missing" },
	{ 41002, "appid missing" },
	{ 41004, "appsecret missing" },
	{ 41008, "missing code" },
	{ 41030, "invalid page" },
	{ 42001, "access_token expired" },
	{ 43001, "require GET method" },
	{ 43002, "require POST method" },
	{ 43101, "user refuse to accept the msg" },
	{ 43104, "appid not match openid" },
	{ 43107, "user has switched the message off" },
	{ 43108, "account is limited" },
	{ 44002, "empty post data" },
	{ 44991, "reach max api minute quota limit" },
	{ 45002, "content size out of limit" },
	{ 45009, "reach max api daily quota limit" },
	{ 45011, "api minute-quota reach limit, must slower, retry next minute" },
	{ 45168, "hit illegal content" },
	{ 47001, "data format error" },
	{ 47003, "argument invalid!" },
	{ 61010, "code is expired" },
	{ 87007, "session_key is not existed or expired" },
	{ 87008, "invalid sig_method" },
	{ 87009, "invalid signature" },
	{ 87014, "risky content" },
	{ 87020, "repeated request" },
};

const char *errcode_text(int errcode)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].errcode == errcode)
			return known[i].text;
	return "system error";
}
