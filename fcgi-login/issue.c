/* issue.c - making sessions.  No store, no requests, no clock. */
#include "issue.h"

#include <errno.h>
#include <string.h>

#include "be.h"
#include "crypto.h"
#include "encode.h"

_Static_assert(WECHAT_KEY_MAX + SEAL_OVERHEAD <= SEALED_MAX, "a sealed session_key must fit");

int issue_seal_key(const char *app_secret, uint8_t key[static 32])
{
	static const char purpose[] = "wxchat: sealing of session keys, 1";
	const struct span parts[] = { { purpose, sizeof(purpose) - 1 } };

	return crypto_hmac_sha256(app_secret, strlen(app_secret), parts, 1, key);
}

int issue_seal(const uint8_t seal_key[static 32], const uint8_t id[static SESSION_ID_LEN],
	       const char *session_key, uint8_t sealed[static SEALED_MAX], size_t *len)
{
	const struct span aad = { id, SESSION_ID_LEN };
	size_t key_len = strlen(session_key);
	int n;

	if (key_len > WECHAT_KEY_MAX)
		return -EMSGSIZE;
	n = crypto_seal(seal_key, &aad, session_key, key_len, sealed);
	if (n < 0)
		return n;
	*len = (size_t)n;
	return 0;
}

int issue_open(const uint8_t seal_key[static 32], const struct session *s,
	       char session_key[static WECHAT_KEY_MAX + 1])
{
	const struct span aad = { s->id, SESSION_ID_LEN };
	int n;

	if (s->sealed_len < SEAL_OVERHEAD || s->sealed_len > WECHAT_KEY_MAX + SEAL_OVERHEAD)
		return -EBADMSG;
	n = crypto_open(seal_key, &aad, s->sealed_key, s->sealed_len, session_key);
	if (n < 0)
		return n;
	session_key[n] = '\0';
	return 0;
}

int issue_session(const char *app_id, const char *app_secret, const uint8_t seal_key[static 32],
		  const char *session_key, int64_t now_ms, int64_t expires_ms, struct session *out,
		  char skey[static SKEY_TEXT_LEN + 1])
{
	uint8_t expiry[8], mac[SHA256_LEN];
	/* ends of text are hashed too, so that no two sets of parts make one message */
	const struct span parts[] = { { app_id, strlen(app_id) + 1 }, { session_key, strlen(session_key) + 1 },
				      { out->id, sizeof(out->id) }, { expiry, sizeof(expiry) } };
	const struct span text = { skey, SKEY_TEXT_LEN };
	int r;

	be_put(expiry, (uint64_t)expires_ms, sizeof(expiry));
	if ((r = crypto_random(out->id, sizeof(out->id))) < 0)
		return r;
	if ((r = crypto_hmac_sha256(app_secret, strlen(app_secret), parts, 4, mac)) < 0)
		return r;
	hex_encode(mac, sizeof(mac), skey);
	explicit_bzero(mac, sizeof(mac));
	if ((r = crypto_sha256(&text, 1, out->skey_hash)) < 0)
		return r;
	if ((r = issue_seal(seal_key, out->id, session_key, out->sealed_key, &out->sealed_len)) < 0)
		return r;
	out->created_ms = out->renewed_ms = now_ms;
	out->expires_ms = expires_ms;
	return 0;
}
