/* rules.c - what push-server demands of its configuration beyond the form of values. */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "admin_token.h"
#include "hooks.h"
#include "tls.h"
#include "webhook.h"

static bool broken(const struct config *c, const char *section, const char *key, const char *what, char *why)
{
	config_blame(c, section, key, what, why);
	return false;
}

static bool events_hold(const struct config *c, char *why)
{
	const char *list = c->webhook.events;
	enum hook_event kind;
	char word[64];
	size_t n;

	for (; *(list += strspn(list, " \t,")); list += n) {
		n = strcspn(list, " \t,");
		snprintf(word, sizeof(word), "%.*s", (int)n, list);
		for (kind = 0; kind < HOOK_EVENTS && strcmp(word, webhook_event_name(kind)) != 0; kind++)
			;
		if (kind == HOOK_EVENTS)
			return broken(c, "webhook", "events", "there is no such event; occupied vacated join leave message "
				      "are allowed", why);
	}
	return true;
}

static bool tls_holds(const struct config *c, char *why)
{
	char what[200] = "";
	struct tls_context *tls;

	if (!*c->push.tls_cert)
		return true;
	tls = tls_context_new(c->push.tls_cert, c->push.tls_key, what);
	if (!tls)
		return broken(c, "push", strstr(what, c->push.tls_key) == what ? "tls_key" : "tls_cert", what, why);
	tls_context_free(tls);
	return true;
}

static bool token_holds(const struct config *c, char *why)
{
	struct token token;
	bool holds;

	if (!*c->admin.token_file || !*c->admin.listen)
		return true;
	token_init(&token, c->admin.token_file);
	holds = token_check(&token, NULL) != TOKEN_NONE_KEPT;
	token_fini(&token);
	return holds || broken(c, "admin", "token_file", "its first line must hold the token: 1 to 511 characters, better 32 "
			       "random ones", why);
}

static bool hooks_hold(const struct config *c, char *why)
{
	const char *section, *key, *what = hooks_lack(c, &section, &key);

	return !what || broken(c, section, key, what, why);
}

bool rules_hold(const struct config *c, char why[static CONFIG_WHY_SIZE])
{
	return events_hold(c, why) && hooks_hold(c, why) && token_holds(c, why) && tls_holds(c, why);
}
