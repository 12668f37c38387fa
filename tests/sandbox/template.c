/* template.c - the limits of template values: length in characters, and a pattern. */
#include "template.h"

#include <regex.h>
#include <stddef.h>
#include <string.h>

#define DAY "[0-9]{4}(年[0-9]{1,2}月[0-9]{1,2}日|-[0-9]{1,2}-[0-9]{1,2}|/[0-9]{1,2}/[0-9]{1,2})"
#define HOUR "[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?"

static const struct rule {
	const char *name;
	int most;		/* characters */
	const char *pattern;
} rules[] = {
	{ "thing", 20, "." },
	{ "number", 32, "^[0-9]+([.][0-9]+)?$" },
	{ "letter", 32, "^[A-Za-z]+$" },
	{ "symbol", 5, "^[^A-Za-z0-9]+$" },
	{ "character_string", 32, "^[ -~]+$" },
	{ "time", 64, "^(" DAY "( ?" HOUR ")?|" HOUR ")(~(" DAY " ?)?(" HOUR ")?)?$" },
	{ "date", 64, "^" DAY "( ?" HOUR ")?(~" DAY "( ?" HOUR ")?)?$" },
	{ "amount", 16, "^[^0-9]?[^0-9]?[^0-9]?[0-9]{1,10}([.][0-9]+)?(元)?$" },
	{ "phone_number", 17, "^[-+0-9() ]+$" },
	{ "car_number", 8, "." },
	{ "name", 20, "^([ -~]{1,20}|([^ -~]|[ -~]){1,30})$" },
	{ "phrase", 5, "^[^ -~]+$" },
	{ "enum", 20, "." },
};

int template_characters(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

/* The rule of the name before the field's number. */
static const struct rule *find_rule(const char *field)
{
	size_t len = strcspn(field, "0123456789");

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (strlen(rules[i].name) == len && !strncmp(rules[i].name, field, len))
			return &rules[i];
	return NULL;
}

bool template_takes(const char *field, const char *value)
{
	const struct rule *rule = find_rule(field);
	regex_t re;
	bool fits;

	if (!rule || has_control(value) || template_characters(value) > rule->most)
		return false;
	if (regcomp(&re, rule->pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	fits = regexec(&re, value, 0, NULL, 0) == 0;
	regfree(&re);
	return fits;
}
