/* conn_sweep.c - what time does to a connection: deadlines, pings, silence, stalled readers, and its session's end. */
#include "conn_internal.h"

#include <errno.h>

#include "output.h"
#include "server.h"
#include "store.h"
#include "worker.h"

static bool is_due(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

void conn_authorise(struct conn *c, const uint8_t session[static SESSION_ID_LEN], const struct member *who)
{
	memcpy(c->session, session, SESSION_ID_LEN);
	uid_parse(who->uid, UID_LEN, &c->uid);
	c->expires_s = (uint32_t)(who->expires_ms / 1000);
	c->revision = who->revision;
	c->state = CONN_OPEN;
	c->is_counted = true;
	metric_add(&c->worker->metrics.authorised, 1);
}

static void conn_check_session(struct conn *c, int64_t wall_ms)
{
	struct worker *w = c->worker;
	int64_t expires_ms;
	int r;

	metric_add(&w->metrics.session_checks, 1);
	r = store_alive(w->sessions, c->session, wall_ms, &expires_ms);
	if (r == -ENOENT || r == -ESTALE)
		conn_dismiss(c, ERR_INVALID_SESSION);
	else if (r == 0)
		c->expires_s = (uint32_t)(expires_ms / 1000);
}

static void conn_ping(struct conn *c, uint32_t now_ms, uint32_t idle_ms)
{
	const struct dialect *dialect = dialect_of(c->dialect);
	uint32_t every_ms = (uint32_t)conn_config(c)->push.ping_s * 1000;
	struct buf *out = &c->worker->scratch;
	int opcode;

	if (now_ms - c->ping_ms < every_ms || (idle_ms < every_ms && !dialect->needs_heartbeat))
		return;
	c->ping_ms = now_ms;
	conn_control(c, FRAME_PING, NULL, 0);
	buf_reset(out);
	opcode = c->state == CONN_OPEN ? dialect->heartbeat(out) : 0;
	if (opcode > 0)
		conn_message(c, (enum frame_opcode)opcode, out->data, out->len);
}

void conn_sweep(struct conn *c, uint32_t now_ms, int64_t wall_ms, bool look_up)
{
	const struct config *config = conn_config(c);
	uint32_t idle_ms = now_ms - c->seen_ms;

	switch (c->state) {
	case CONN_TLS:
	case CONN_HANDSHAKE:
	case CONN_GREETED:
		if (is_due(now_ms, c->deadline_ms)) {
			metric_add(&c->worker->metrics.handshakes_timed_out, 1);
			conn_end(c);
		}
		return;
	case CONN_CLOSING:
	case CONN_ENDING:
		if (is_due(now_ms, c->deadline_ms))
			conn_end(c);
		return;
	case CONN_DEAD:
		return;
	default:
		break;
	}
	if (c->out && now_ms - output_since(c->out) > STALLED_MS) {
		conn_too_slow(c);
		return;
	}
	if (idle_ms >= (uint32_t)config->push.idle_s * 1000 && !c->pauses) {
		metric_add(&c->worker->metrics.closed_idle, 1);
		conn_close(c, CLOSE_GOING_AWAY);
		return;
	}
	conn_ping(c, now_ms, idle_ms);
	if (c->state == CONN_OPEN && (look_up || wall_ms / 1000 >= c->expires_s))
		conn_check_session(c, wall_ms);
}
