/* request.c - clients' wishes: judged here as far as this worker can (session, rate, form), then asked of the room's
 * home.  What they are is in message.c and operation.c. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "clock.h"
#include "config.h"
#include "conn.h"
#include "home.h"
#include "people.h"
#include "request_internal.h"
#include "room.h"
#include "server.h"
#include "words.h"
#include "worker.h"

const char request_room_rule[] = "room: 1 to 64 bytes of UTF-8 without control characters";
const char request_no_memory[] = "the server is short of memory";

struct ask *ask_new(enum request_kind kind)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask) {
		ask->kind = kind;
		ask->from.worker = NO_WORKER;
	}
	return ask;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	free(ask->text);
	free(ask->words);
	free(ask);
}

static const struct config *request_config(const struct conn *c)
{
	return c->worker->server->config;
}

void request_refuse(struct conn *c, enum error e, const char *message, const char *cid, uint32_t tag)
{
	const struct room *r = c->place.room;
	struct buf words = BUF_INIT;
	struct post *p;

	p = words_post(&words, words_refused(&words, e, message, r ? r->name : NULL, r ? r->num : 0, cid), 0);
	if (p)
		conn_answer(c, p, tag, false);
	post_unref(p);
	metric_add(e == ERR_RATE_LIMITED ? &c->worker->metrics.refused_rate
		   : e == ERR_BAD_REQUEST ? &c->worker->metrics.refused_bad : &c->worker->metrics.refused_other, 1);
}

/* --- who may ask, and how often --- */

/* Counts an offence; true when it was one too many within a minute. */
static bool strike(struct conn *c, uint8_t *strikes, unsigned most)
{
	uint32_t now = worker_now();

	if (now - c->strike_ms > 60000) {
		c->strike_ms = now;
		c->rate_strikes = c->bad_strikes = 0;
	}
	return ++*strikes > most;
}

void request_bad(struct conn *c, const char *message, const char *cid, uint32_t tag)
{
	request_refuse(c, ERR_BAD_REQUEST, message, cid, tag);
	if (strike(c, &c->bad_strikes, BAD_REQUESTS_MAX))
		conn_close(c, CLOSE_RATE);
}

/* One message more: within the rate?  Two seconds' worth may come at once. */
static bool rate_take(struct conn *c)
{
	int64_t per_minute = request_config(c)->push.rate, now_us, step_us, burst_us;

	if (per_minute == 0)
		return true;
	now_us = clock_mono_us();
	step_us = 60000000 / per_minute;
	burst_us = step_us > 2000000 ? step_us : 2000000;
	if (c->rate_due_us < now_us)
		c->rate_due_us = now_us;
	if (c->rate_due_us + step_us - now_us > burst_us)
		return false;
	c->rate_due_us += step_us;
	return true;
}

bool request_rate(struct conn *c, const char *cid, uint32_t tag)
{
	if (rate_take(c))
		return true;
	request_refuse(c, ERR_RATE_LIMITED, NULL, cid, tag);
	if (strike(c, &c->rate_strikes, RATE_STRIKES_MAX))
		conn_close(c, CLOSE_RATE);
	return false;
}

bool request_session(struct conn *c, struct member *who, const char *cid, uint32_t tag)
{
	struct worker *w = c->worker;
	int64_t now_ms = clock_wall_ms();
	char address[46];
	int r;

	metric_add(&w->metrics.session_checks, 1);
	r = store_authorise(w->sessions, c->session, NULL, now_ms, who);
	if (r == -ENOENT || r == -ESTALE) {
		conn_dismiss(c, ERR_INVALID_SESSION);
		return false;
	}
	if (r < 0) {
		request_refuse(c, ERR_STORE, NULL, cid, tag);
		return false;
	}
	c->expires_s = (uint32_t)(who->expires_ms / 1000);
	if (history_count(w->server->history, TABLE_BANS)) {
		conn_address_text(c, address);
		if (people_is_banned(w, &c->uid, address, now_ms)) {
			conn_dismiss(c, ERR_BANNED);
			return false;
		}
	}
	return true;
}

/* --- asking --- */

/* What answers may be long is asked for twice at a time, not PENDING_MAX times. */
static unsigned request_weight(enum request_kind kind)
{
	if (kind == REQUEST_CATCH_UP)	/* one a room at a time, and only while little waits */
		return 0;
	return kind == REQUEST_JOIN || kind == REQUEST_HISTORY ? PENDING_MAX / 2 : 1;
}

void request_send(struct conn *c, struct ask *ask, uint32_t tag)
{
	ask->from = conn_name(c);
	ask->tag = tag;
	ask->uid = c->uid;
	c->pending = (uint16_t)(c->pending + request_weight(ask->kind));
	if (c->pending >= PENDING_MAX)
		conn_pause(c, PAUSE_PENDING);
	home_ask(c->worker, ask);
}

void request_ended(struct conn *c, enum request_kind kind)
{
	unsigned weight = request_weight(kind);

	c->pending = (uint16_t)(c->pending > weight ? c->pending - weight : 0);
	if (c->pending <= PENDING_MAX / 2)
		conn_resume(c, PAUSE_PENDING);
}

struct room *request_place(struct conn *c, const char *name, const char *cid, uint32_t tag)
{
	struct room *r;

	if (!name) {
		if (!c->place.room)
			request_bad(c, "this connection is in no room: join one", cid, tag);
		return c->place.room;
	}
	if (!home_name_valid(name, strlen(name))) {
		request_bad(c, request_room_rule, cid, tag);
		return NULL;
	}
	r = room_find(c->worker, name);
	if (!r || !room_place(r, c)) {
		request_refuse(c, ERR_FORBIDDEN, "this connection is not in that room: join it first", cid, tag);
		return NULL;
	}
	return r;
}

void ask_address(struct ask *ask, const char *room, const char *cid)
{
	snprintf(ask->room, sizeof(ask->room), "%s", room);
	snprintf(ask->cid, sizeof(ask->cid), "%s", cid);
}

void request_take(struct conn *c, const char *text, size_t len, uint32_t tag)
{
	struct request_head head;
	struct member who;
	const char *wrong = request_head_read(&head, text, len);

	/* A ping is free: whoever is told to wait must be able to see that the server lives. */
	if (request_session(c, &who, head.cid, tag) &&
	    ((head.op && strcmp(head.op, "ping") == 0) || request_rate(c, head.cid, tag))) {
		if (wrong)
			request_bad(c, wrong, head.cid, tag);
		else if (head.op)
			operation_take(c, &head, tag);
		else
			message_take(c, &head, &who, tag);
	}
	request_head_fini(&head);
}
