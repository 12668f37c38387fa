/* phone.c - the route phone: the number of a user who agreed to give it, by the code of today's button or by the
 * encrypted data of the old one. */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "issue.h"
#include "params.h"
#include "routes.h"
#include "userinfo.h"

enum { COUNTRY_MAX = 8 };

/* The number after WeChat's country code is what people write. */
struct phone {
	char number[PHONE_MAX + 1], pure[PHONE_MAX + 1];
	char country[COUNTRY_MAX];
};

static enum error phone_by_code(struct call *c, const char *code, struct phone *out)
{
	struct wechat_told told = { 0 };
	struct wechat *wechat;
	enum error e = call_rate(c, "wechat", c->uid, c->config->login.rate_wechat);

	if (e != ERR_NONE)
		return e;
	if (!call_wechat_enter(c))
		return ERR_WECHAT_BUSY;
	wechat = worker_wechat(c->w);
	e = wechat ? wechat_phone(wechat, code, out->number, out->country, &told)
		   : call_fail(c, ERR_STORE, "out of memory");
	call_wechat_leave(c);
	if (e == ERR_BAD_REQUEST)
		c->message = "WeChat did not take this code: it is used, too old, or not from getPhoneNumber";
	if (e != ERR_NONE)
		return call_wechat_failed(c, e, &told, "getuserphonenumber");
	/* abroad the number begins with +country */
	if (out->number[0] == '+' && !strncmp(out->number + 1, out->country, strlen(out->country)))
		memcpy(out->pure, out->number + 1 + strlen(out->country),
		       strlen(out->number + 1 + strlen(out->country)) + 1);
	else
		memcpy(out->pure, out->number, sizeof(out->pure));
	return ERR_NONE;
}

static bool take(struct json_object *o, const char *key, char *out, size_t size)
{
	size_t len;
	const char *text = json_text(o, key, &len);

	if (!text || len == 0 || len >= size || strspn(text, "+0123456789 -") != len)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

static enum error phone_by_data(struct call *c, const struct session *s, const char *encrypted, const char *iv,
				struct phone *out)
{
	char key[WECHAT_KEY_MAX + 1];
	struct json_object *o = NULL;
	bool ok;

	if (!userinfo_plausible(encrypted, iv) || issue_open(c->settings->seal_key, s, key) < 0)
		return ERR_BAD_ENCRYPTED_DATA;
	o = userinfo_open(encrypted, iv, key, c->config->wechat.app_id, NULL);
	explicit_bzero(key, sizeof(key));
	ok = o && take(o, "phoneNumber", out->number, sizeof(out->number)) &&
	     take(o, "purePhoneNumber", out->pure, sizeof(out->pure)) &&
	     take(o, "countryCode", out->country, sizeof(out->country));
	json_object_put(o);
	return ok ? ERR_NONE : ERR_BAD_ENCRYPTED_DATA;
}

static enum error phone_read(struct call *c, const struct session *s, struct params *p, struct phone *out)
{
	const char *code = params_get(p, NULL, "code");
	const char *encrypted = params_get(p, "X-WX-Encrypted-Data", "encryptedData");
	const char *iv = params_get(p, "X-WX-IV", "iv");

	if (p->is_bad)
		return call_fail(c, ERR_BAD_REQUEST, "a field is malformed");
	if (code)
		return phone_by_code(c, code, out);
	if (encrypted && iv)
		return phone_by_data(c, s, encrypted, iv, out);
	return call_fail(c, ERR_BAD_REQUEST, "the code of getPhoneNumber is missing, or encryptedData and iv");
}

enum error route_phone(struct call *c)
{
	struct session session;
	struct params p;
	struct phone phone;
	struct user user;
	enum error e = auth_session(c, &session, &user);
	int r;

	if (e != ERR_NONE)
		return e;
	memset(&phone, 0, sizeof(phone));
	e = params_init(&p, c->rq, (size_t)c->config->login.max_body_kb << 10);
	if (e == ERR_NONE)
		e = phone_read(c, &session, &p, &phone);
	params_fini(&p);
	if (e != ERR_NONE)
		return e;
	r = store_user_update(c->store, user.uid, NULL, NULL, phone.number);
	if (r < 0)
		return call_store_failed(c, "phone", r);
	audit_count(&c->service->audit, COUNT_PHONE, 1);
	r = buf_addf(&c->answer.body, "{\"code\":0,\"data\":{\"phoneNumber\":\"%s\",\"purePhoneNumber\":\"%s\","
		     "\"countryCode\":\"%s\"}}", phone.number, phone.pure, phone.country);
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}
