/* upgrade.c - the handshake's decisions: path, Origin, limits, dialect, session, room. */
#include "upgrade.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "addresses.h"
#include "clock.h"
#include "config.h"
#include "conn.h"
#include "credentials.h"
#include "input.h"
#include "bounds.h"
#include "people.h"
#include "query.h"
#include "server.h"
#include "worker.h"

static const char socketio_path[] = "/socket.io/";

static bool slice_equals(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* "/ws" is also "/ws/". */
static bool path_is(struct slice path, const char *wanted)
{
	if (*wanted == '\0')
		return false;
	if (path.len > 1 && path.p[path.len - 1] == '/' && wanted[strlen(wanted) - 1] != '/')
		path.len--;
	return slice_equals(path, wanted);
}

static bool query_is(const struct handshake *h, const char *name, const char *value)
{
	char text[32];

	return query_get(h->query.p, h->query.len, name, text, sizeof(text)) >= 0 && strcmp(text, value) == 0;
}

static bool address_is_trusted(void *config, const char *address)
{
	/* A unix socket's peer is whoever its mode lets in: the web server. */
	return strcmp(address, "::") == 0 || config_list_has(((const struct config *)config)->push.trusted_proxies, address);
}

static void upgrade_address(struct conn *c, const struct handshake *h)
{
	char peer[IPADDR_TEXT], address[IPADDR_TEXT];

	conn_address_text(c, peer);
	handshake_address(h, peer, address_is_trusted, (void *)(uintptr_t)c->worker->server->config, address);
	ipaddr_read(address, c->address);
}

static bool origin_is_let_in(const struct config *config, const struct handshake *h)
{
	char origin[256];
	size_t i;

	if (config->push.origins[0] == '\0' || config_list_has(config->push.origins, "*"))
		return true;
	if (h->origin.len == 0 || h->origin.len >= sizeof(origin))
		return false;
	for (i = 0; i < h->origin.len; i++)	/* scheme and host are the same in any case; the list is in small letters */
		origin[i] = h->origin.p[i] >= 'A' && h->origin.p[i] <= 'Z' ? (char)(h->origin.p[i] - 'A' + 'a') : h->origin.p[i];
	origin[h->origin.len] = '\0';
	return config_list_has(config->push.origins, origin);
}

/* Which endpoint; 101 or the HTTP status of a refusal. */
static int upgrade_endpoint(struct conn *c, const struct handshake *h)
{
	const struct server *server = c->worker->server;
	const struct config *config = server->config;

	if (path_is(h->path, config->push.echo_path)) {
		c->state = CONN_ECHO;
	} else if (path_is(h->path, config->push.path)) {
		c->dialect = query_is(h, "dialect", "tunnel") ? DIALECT_TUNNEL : DIALECT_JSON;
	} else if (path_is(h->path, socketio_path) || path_is(h->path, "/socket.io")) {
		if (!query_is(h, "EIO", "4") || !query_is(h, "transport", "websocket"))
			return 400;
		c->dialect = DIALECT_SOCKETIO;
	} else {
		return 404;
	}
	if (!origin_is_let_in(config, h))
		return 403;
	if (atomic_load_explicit(&((struct server *)(uintptr_t)server)->is_over_memory, memory_order_relaxed)) {
		metric_add(&c->worker->metrics.refused_memory, 1);
		return 503;
	}
	if (server->addresses && !addresses_take(server->addresses, c->address)) {
		metric_add(&c->worker->metrics.refused_address, 1);
		return 429;
	}
	c->is_address_counted = server->addresses != NULL;
	return 101;
}

static void upgrade_send(struct conn *c, const struct buf *answer)
{
	struct chunk *chunk = chunk_new(answer->len);

	if (!chunk) {
		conn_end(c);
		return;
	}
	memcpy(chunk->bytes, answer->data, answer->len);
	conn_send_raw(c, chunk);
	chunk_unref(chunk);
}

static void upgrade_refuse(struct conn *c, int status)
{
	struct buf answer = BUF_INIT;

	metric_add(&c->worker->metrics.handshakes_refused, 1);
	if (handshake_refuse(&answer, status) == 0) {
		upgrade_send(c, &answer);
		conn_finish(c);
	} else {
		conn_end(c);
	}
	buf_free(&answer);
}

enum error upgrade_session(struct conn *c, const struct credentials *shown)
{
	struct worker *w = c->worker;
	int64_t now_ms = clock_wall_ms();
	struct member who;
	char address[46];
	int r;

	if (!worker_sessions(w))
		return ERR_INVALID_SESSION;
	metric_add(&w->metrics.session_checks, 1);
	r = store_authorise(w->sessions, shown->id, shown->skey[0] ? shown->skey : NULL, now_ms, &who);
	if (r == -ENOENT || r == -ESTALE)
		return ERR_INVALID_SESSION;
	if (r < 0)
		return ERR_STORE;
	conn_authorise(c, shown->id, &who);
	conn_address_text(c, address);
	return people_is_banned(w, &c->uid, address, now_ms) ? ERR_BANNED : ERR_NONE;
}

void upgrade_dismiss(struct conn *c, enum error verdict)
{
	if (verdict == ERR_STORE) {
		conn_close(c, CLOSE_INTERNAL);
		return;
	}
	metric_add(&c->worker->metrics.handshakes_no_session, 1);
	conn_dismiss(c, verdict);
}

/* A header's text; "" when it is too long for a credential and so somebody else's. */
static void credential_text(struct slice header, char *out, size_t size)
{
	size_t len = header.len < size ? header.len : 0;

	if (len)
		memcpy(out, header.p, len);
	out[len] = '\0';
}

/* The credentials of the request, in whichever form.  0; -ENOENT when there are none of use, which some clients show later;
 * -EINVAL for headers that contradict each other, and a ticket that is none. */
static int upgrade_credentials(struct worker *w, const struct handshake *h, struct credentials *out)
{
	char id[2 * SESSION_ID_LEN + 1], skey[2 * SESSION_ID_LEN + SKEY_TEXT_LEN + 2], bearer[256], ticket[65];
	int len, r;

	if (h->credentials_differ)
		return -EINVAL;
	len = query_get(h->query.p, h->query.len, "ticket", ticket, sizeof(ticket));
	if (len != -ENOENT && len != 0) {
		if (len < 0 || !worker_sessions(w) || store_ticket(w->sessions, ticket, (size_t)len, clock_wall_ms(), out->id) < 0)
			return -EINVAL;
		out->skey[0] = '\0';	/* the ticket stood for it */
		return 0;
	}
	credential_text(h->wx_id, id, sizeof(id));
	credential_text(h->wx_skey, skey, sizeof(skey));
	credential_text(h->authorization, bearer, sizeof(bearer));
	r = credentials_find(id, skey, bearer, h->query.p, h->query.len, out) == 0 ? 0 : -ENOENT;
	explicit_bzero(skey, sizeof(skey));
	explicit_bzero(bearer, sizeof(bearer));
	return r;
}

static void upgrade_enter(struct conn *c, const struct handshake *h)
{
	const struct dialect *dialect = dialect_of(c->dialect);
	enum error verdict = ERR_INVALID_SESSION;
	struct credentials shown;
	char events[8];
	int r = upgrade_credentials(c->worker, h, &shown);

	c->wants_all = query_get(h->query.p, h->query.len, "events", events, sizeof(events)) > 0 &&
		       strcmp(events, "all") == 0;
	c->state = CONN_GREETED;
	if (r == 0)
		verdict = upgrade_session(c, &shown);
	explicit_bzero(&shown, sizeof(shown));
	dialect->greet(c, h->query.p, h->query.len, verdict == ERR_NONE);
	if (verdict == ERR_NONE || (r == -ENOENT && dialect->may_show_later))
		return;
	upgrade_dismiss(c, verdict);
}

static void upgrade_accept(struct conn *c, const struct handshake *h)
{
	const struct config *config = c->worker->server->config;
	bool deflate = h->has_deflate && strcmp(config->push.deflate, "on") == 0;
	struct buf answer = BUF_INIT;

	if (handshake_answer(&answer, h, deflate) < 0) {
		conn_end(c);
		buf_free(&answer);
		return;
	}
	c->window_bits = deflate ? h->server_bits : 0;
	upgrade_send(c, &answer);
	buf_free(&answer);
	metric_add(&c->worker->metrics.handshakes_ok, 1);
	if (c->state == CONN_DEAD)
		return;
	if (c->worker->stopping) {	/* told so in a way that every client understands: the next attempt finds the successor */
		c->state = CONN_GREETED;
		conn_close(c, CLOSE_RESTART);
	} else if (c->state != CONN_ECHO) {
		upgrade_enter(c, h);
	}
}

size_t upgrade_take(struct conn *c, const char *bytes, size_t len)
{
	struct handshake h;
	const char *head = bytes;
	size_t before = 0, head_len = len;
	int status;

	if (input_has_held(c->in)) {
		before = input_held_len(c->in);
		if (input_hold(&c->in, (const uint8_t *)bytes, len < HANDSHAKE_MAX_BYTES ? len : HANDSHAKE_MAX_BYTES) < 0) {
			conn_end(c);
			return len;
		}
		head = input_held(c->in);
		head_len = input_held_len(c->in);
	}
	status = handshake_parse(head, head_len, &h);
	if (status == 0) {
		if (before == 0 && input_hold(&c->in, (const uint8_t *)bytes, len) < 0)
			conn_end(c);
		return len;
	}
	if (status == 101) {
		upgrade_address(c, &h);
		status = upgrade_endpoint(c, &h);
	}
	if (status == 101) {
		struct input *held = c->in;

		c->in = NULL;		/* what follows the head is read afresh; h borrows from held until here ends */
		upgrade_accept(c, &h);
		input_free(held);
		return h.length - before;
	}
	upgrade_refuse(c, status);
	return len;
}
