/* rules.c - what fcgi-login demands of its configuration beyond the form of values. */
#include "rules.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "media.h"

static bool types_hold(const struct config *c, char why[static CONFIG_WHY_SIZE])
{
	struct media_types types;
	char what[MEDIA_WHY_SIZE];

	int r = media_types_read(&types, c->media.types, what);

	if (r == 0 && types.count > 0)
		return true;
	if (r == 0)
		snprintf(what, sizeof(what), "no type is named; " MEDIA_TYPES_KNOWN " are allowed");
	config_blame(c, "media", "types", what, why);
	return false;
}

static bool ca_holds(const struct config *c, char why[static CONFIG_WHY_SIZE])
{
	FILE *f = *c->wechat.ca_file ? fopen(c->wechat.ca_file, "re") : NULL;
	X509 *certificate;

	if (!f)
		return true;	/* that it can be read has been seen */
	certificate = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	ERR_clear_error();
	X509_free(certificate);
	if (certificate)
		return true;
	config_blame(c, "wechat", "ca_file", "holds no certificate; CA certificates in PEM are allowed", why);
	return false;
}

bool rules_hold(const struct config *c, char why[static CONFIG_WHY_SIZE])
{
	return types_hold(c, why) && ca_holds(c, why);
}
