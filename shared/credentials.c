/* credentials.c - what a client shows to prove its session. */
#include "credentials.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "encode.h"
#include "query.h"

enum { ID_TEXT_LEN = 2 * SESSION_ID_LEN, PAIR_TEXT_LEN = ID_TEXT_LEN + 1 + SKEY_TEXT_LEN };

static int credentials_parse(const char *id, size_t id_len, const char *skey, size_t skey_len,
			     struct credentials *out)
{
	uint8_t raw[SKEY_TEXT_LEN / 2];
	int r;

	r = hex_decode(id, id_len, out->id, sizeof(out->id));
	if (r == 0)
		r = hex_decode(skey, skey_len, raw, sizeof(raw));
	if (r == 0)
		hex_encode(raw, sizeof(raw), out->skey);
	explicit_bzero(raw, sizeof(raw));
	return r;
}

static int credentials_pair(const char *text, struct credentials *out)
{
	if (strlen(text) != PAIR_TEXT_LEN || text[ID_TEXT_LEN] != '.')
		return -EINVAL;
	return credentials_parse(text, ID_TEXT_LEN, text + ID_TEXT_LEN + 1, SKEY_TEXT_LEN, out);
}

/* The token of "Bearer TOKEN", or NULL: other schemes, and tokens that are none of ours, are somebody else's business (a
 * gateway's, say). */
static const char *credentials_bearer(const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	authorization += 7;
	authorization += strspn(authorization, " ");
	return strlen(authorization) == PAIR_TEXT_LEN && authorization[ID_TEXT_LEN] == '.' ? authorization : NULL;
}

int credentials_read(const char *id, const char *skey, const char *authorization,
		     struct credentials *out)
{
	const char *bearer = credentials_bearer(authorization);
	struct credentials shown, other;
	bool has_id = id && *id, has_skey = skey && *skey;
	int r = 0;

	if (!has_id && !has_skey && !bearer)
		return -ENOENT;
	memset(&shown, 0, sizeof(shown));
	memset(&other, 0, sizeof(other));
	if (has_id && !has_skey)
		r = -EINVAL;
	else if (has_id && strlen(skey) != PAIR_TEXT_LEN)
		r = credentials_parse(id, strlen(id), skey, strlen(skey), &shown);
	else if (has_skey)
		r = credentials_pair(skey, &shown);
	if (r == 0 && has_id && (hex_decode(id, strlen(id), other.id, sizeof(other.id)) < 0 ||
				 memcmp(other.id, shown.id, sizeof(shown.id)) != 0))
		r = -EINVAL;
	if (r == 0 && bearer)
		r = credentials_pair(bearer, has_skey ? &other : &shown);
	if (r == 0 && bearer && has_skey && memcmp(&other, &shown, sizeof(shown)) != 0)
		r = -EINVAL;
	if (r == 0)
		*out = shown;
	explicit_bzero(&shown, sizeof(shown));
	explicit_bzero(&other, sizeof(other));
	return r;
}

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdefABCDEF") == len;
}

/* The text if it has the form of an id, else NULL. */
static const char *formed_id(const char *text)
{
	return text && strlen(text) == ID_TEXT_LEN && is_hex(text, ID_TEXT_LEN) ? text : NULL;
}

/* The text if it has the form of an skey, with or without its id, else NULL. */
static const char *formed_skey(const char *text)
{
	if (!text)
		return NULL;
	if (strlen(text) == PAIR_TEXT_LEN && is_hex(text, ID_TEXT_LEN) && text[ID_TEXT_LEN] == '.')
		return is_hex(text + ID_TEXT_LEN + 1, SKEY_TEXT_LEN) ? text : NULL;
	return strlen(text) == SKEY_TEXT_LEN && is_hex(text, SKEY_TEXT_LEN) ? text : NULL;
}

int credentials_find(const char *id, const char *skey, const char *authorization, const char *query, size_t len,
		     struct credentials *out)
{
	char query_id[ID_TEXT_LEN + 1], query_skey[PAIR_TEXT_LEN + 1];
	int id_len = query_get(query, len, "X-WX-Id", query_id, sizeof(query_id));
	int skey_len = query_get(query, len, "X-WX-Skey", query_skey, sizeof(query_skey));
	const char *bearer = credentials_bearer(authorization);
	bool is_shown = (id && *id) || (skey && *skey) || bearer ||
			(id_len != 0 && id_len != -ENOENT) || (skey_len != 0 && skey_len != -ENOENT);
	const char *other_id = id_len > 0 ? formed_id(query_id) : NULL;
	const char *other_skey = skey_len > 0 ? formed_skey(query_skey) : NULL;
	int r;

	id = formed_id(id);
	skey = formed_skey(skey);
	if (!formed_skey(bearer))
		authorization = NULL;
	r = credentials_read(id, skey, authorization, out);
	if (r < 0)
		r = credentials_read(other_id, other_skey, NULL, out);
	if (r < 0)
		r = credentials_read(id ? id : other_id, skey ? skey : other_skey, authorization, out);
	explicit_bzero(query_skey, sizeof(query_skey));
	return r < 0 && is_shown ? -EINVAL : r;
}
