/* tunnel.c - the route tunnel: an address for a WebSocket that carries its own authority, because the SDKs' tunnels
 * connect without headers.  A ticket lives for a minute and stands for the session that asked for it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "crypto.h"
#include "encode.h"
#include "json.h"
#include "links.h"
#include "query.h"
#include "routes.h"
#include "utf8.h"

enum { TICKET_MS = 60000, ROOM_MAX = 64, TICKET_LEN = 32, TUNNEL_ID_LEN = 16 };

static bool room_ok(const char *room, size_t len)
{
	if (!utf8_valid(room, len))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)room[i] < 0x20 || room[i] == 0x7f)
			return false;
	return true;
}

static int tunnel_url(struct call *c, const char *ticket, const char *room, size_t room_len, struct buf *url)
{
	char coded[3 * ROOM_MAX + 1];
	int r = links_push(c, url);

	if (r == 0)
		r = buf_addf(url, "%cticket=%s&dialect=tunnel", strchr(buf_str(url), '?') ? '&' : '?', ticket);
	if (r == 0 && room_len > 0) {
		r = percent_encode(room, room_len, coded, sizeof(coded));
		if (r >= 0)
			r = buf_addf(url, "&room=%s", coded);
	}
	return r;
}

static enum error tunnel_answer(struct call *c, const struct buf *url)
{
	struct buf *out = &c->answer.body;
	uint8_t raw[TUNNEL_ID_LEN];
	char id[2 * TUNNEL_ID_LEN + 1];
	int r = crypto_random(raw, sizeof(raw));

	hex_encode(raw, sizeof(raw), id);
	if (r == 0)
		r = buf_adds(out, "{\"code\":0,\"url\":");
	if (r == 0)
		r = json_quote(out, url->data, url->len);
	if (r == 0)
		r = buf_addf(out, ",\"data\":{\"tunnelId\":\"%s\",\"connectUrl\":", id);
	if (r == 0)
		r = json_quote(out, url->data, url->len);
	if (r == 0)
		r = buf_adds(out, "}}");
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "out of memory");
}

enum error route_tunnel(struct call *c)
{
	struct session session;
	struct user user;
	struct buf url = BUF_INIT;
	uint8_t raw[TICKET_LEN];
	char ticket[2 * TICKET_LEN + 1], room[ROOM_MAX + 1];
	enum error e = auth_session(c, &session, &user);
	int n, r;

	if (e != ERR_NONE)
		return e;
	/* Read as the push server reads its own: an empty one is the default room. */
	n = query_get_words(c->rq->query, c->rq->query_len, "room", room, sizeof(room));
	if (n != -ENOENT && n != 0 && (n < 0 || !room_ok(room, (size_t)n)))
		return call_fail(c, ERR_BAD_REQUEST, "room is 1 to 64 bytes of text");
	if (crypto_random(raw, sizeof(raw)) < 0)
		return call_fail(c, ERR_STORE, "no ticket could be made");
	hex_encode(raw, sizeof(raw), ticket);
	r = tunnel_url(c, ticket, room, n > 0 ? (size_t)n : 0, &url);
	if (r < 0)
		e = call_fail(c, ERR_BAD_REQUEST, "the request's Host cannot be made a URL of: set [push] url");
	else if ((r = store_ticket_put(c->store, raw, session.id, c->now_ms + TICKET_MS, c->now_ms)) < 0)
		e = call_store_failed(c, "ticket", r);
	else
		e = tunnel_answer(c, &url);
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(ticket, sizeof(ticket));
	buf_wipe(&url);
	audit_count(&c->service->audit, COUNT_TUNNEL, e == ERR_NONE);
	return e;
}
