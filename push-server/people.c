/* people.c - decisions about people, looked up and carried out. */
#include "people.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "be.h"
#include "config.h"
#include "conn.h"
#include "home.h"
#include "mailbox.h"
#include "room.h"
#include "server.h"
#include "words.h"
#include "worker.h"

/* An expiry under that key that has not passed; 0 means for ever. */
static bool is_in_force(struct worker *w, enum room_table table, const char *key, size_t len, int64_t now_ms)
{
	struct buf value = BUF_INIT;
	bool found = history_get(w->past, table, key, len, &value) == 0 && value.len >= 8;
	uint64_t until = found ? be_get(value.data, 8) : 0;

	buf_free(&value);
	return found && (until == 0 || (int64_t)until > now_ms);
}

bool people_is_banned(struct worker *w, const struct uid *uid, const char *address, int64_t now_ms)
{
	char key[64] = "u";

	if (history_count(w->server->history, TABLE_BANS) == 0)
		return false;
	uid_text(uid, key + 1);
	if (is_in_force(w, TABLE_BANS, key, 1 + UID_LEN, now_ms))
		return true;
	if (!address)
		return false;
	snprintf(key, sizeof(key), "a%s", address);
	return is_in_force(w, TABLE_BANS, key, strlen(key), now_ms);
}

/* Room NUL uid, on the stack: these are asked for each message. */
static size_t room_key(char out[static ROOM_NAME_MAX + 2 + UID_LEN], const char *room, const struct uid *uid)
{
	size_t len = strlen(room);

	memcpy(out, room, len + 1);
	uid_text(uid, out + len + 1);
	return len + 1 + UID_LEN;
}

bool people_is_muted(struct worker *w, const char *room, const struct uid *uid, int64_t now_ms)
{
	char key[ROOM_NAME_MAX + 2 + UID_LEN];

	if (history_count(w->server->history, TABLE_MUTES) == 0)
		return false;
	return is_in_force(w, TABLE_MUTES, key, room_key(key, room, uid), now_ms) ||
	       is_in_force(w, TABLE_MUTES, key, room_key(key, "", uid), now_ms);
}

bool people_is_moderator(struct worker *w, const char *room, const struct uid *uid)
{
	char key[ROOM_NAME_MAX + 2 + UID_LEN];
	char text[UID_LEN + 1];

	uid_text(uid, text);
	if (config_list_has(w->server->config->push.moderators, text))
		return true;
	if (history_count(w->server->history, TABLE_MODERATORS) == 0)
		return false;
	return history_get(w->past, TABLE_MODERATORS, key, room_key(key, room, uid), NULL) == 0 ||
	       history_get(w->past, TABLE_MODERATORS, key, room_key(key, "", uid), NULL) == 0;
}

bool people_may_enter(struct worker *w, const char *room, const struct uid *uid)
{
	static const char pair[] = "@dm:";
	char key[ROOM_NAME_MAX + 2 + UID_LEN];
	struct uid one, other;

	if (room[0] != '@')
		return true;
	if (strncmp(room, pair, 4) == 0)
		return strlen(room) == 4 + 2 * UID_LEN + 1 && room[4 + UID_LEN] == ':' &&
		       uid_parse(room + 4, UID_LEN, &one) && uid_parse(room + 5 + UID_LEN, UID_LEN, &other) &&
		       (uid_equal(uid, &one) || uid_equal(uid, &other));
	return history_get(w->past, TABLE_ENROLLED, key, room_key(key, room, uid), NULL) == 0;
}

/* --- on live connections --- */

/* A decision on its way to every worker.  Each carries it out, and sends a word to each behind all that this made it send: when
 * the last word has been read, every home has heard of every leave. */
struct order {
	struct uid uid;
	bool has_uid;
	char address[46];
	char room[ROOM_NAME_MAX + 1];
	enum close_code code;
	void (*carry_out)(const struct order *order, struct worker *w);
	people_done *done;
	void *arg;
	atomic_uint words;		/* not read yet */
	struct order_mail {
		struct mail mail;
		struct order *order;
	} mails[];			/* one to each worker, then one from each to each */
};

static bool people_match(const struct order *m, const struct conn *c)
{
	char address[46];

	if (c->state == CONN_DEAD || c->state == CONN_TLS || c->state == CONN_HANDSHAKE)
		return false;
	if (m->has_uid && c->state == CONN_OPEN && uid_equal(&c->uid, &m->uid))
		return true;
	if (m->address[0] == '\0')
		return false;
	conn_address_text(c, address);
	return strcmp(address, m->address) == 0;
}

static void disconnect(const struct order *m, struct worker *w)
{
	uint32_t slot;

	for (slot = 0; slot < w->slot_count; slot++) {
		struct conn *c = worker_slot(w, slot);

		if (!c || !people_match(m, c))
			continue;
		if (m->code == CLOSE_BANNED)
			conn_dismiss(c, ERR_BANNED);
		else
			conn_close(c, m->code);
	}
}

void people_put_out(struct conn *c, const char *room)
{
	struct room *r = room_find(c->worker, room);
	struct buf words = BUF_INIT;
	struct post *p;
	uint32_t left;
	int n;

	if (!r || !room_place(r, c))
		return;
	left = r->num ? r->num - 1 : 0;
	room_hold(r);
	/* Who does not know that event hears of it as of any refusal. */
	n = c->wants_all ? words_event(&words, "kicked", room, left, NULL)
			 : words_refused(&words, ERR_FORBIDDEN, "a moderator has put you out of this room", room, left, NULL);
	p = words_post(&words, n == 0 && c->wants_all ? buf_adds(&words, "}") : n, 0);
	if (p)
		conn_tell(c, p);
	if (room_place(r, c))	/* still: telling may have ended it */
		home_leave(c, r, true);
	post_unref(p);
	room_release(r);
}

/* Who is on its way in is found among all of the user's connections, and put out when it has arrived. */
static void kick_joining(struct worker *w, struct room *r, const struct uid *uid)
{
	struct place *place;
	struct conn *c;
	uint32_t slot;

	for (slot = 0; slot < w->slot_count && r->joining; slot++)
		if ((c = worker_slot(w, slot)) && uid_equal(&c->uid, uid) && (place = room_place(r, c)) &&
		    place->index == PLACE_JOINING)
			place->index = PLACE_KICKED;
}

static void kick(const struct order *m, struct worker *w)
{
	struct room *r = room_find(w, m->room);
	uint32_t i;

	if (!r)
		return;
	kick_joining(w, r, &m->uid);
	room_hold(r);
	for (i = r->count; i-- > 0;)
		if (uid_equal(&r->members[i]->uid, &m->uid))
			people_put_out(r->members[i], m->room);
	room_release(r);
}

/* --- orders --- */

static void word_run(struct mail *mail, void *worker)
{
	struct order *order = ((struct order_mail *)mail)->order;

	if (atomic_fetch_sub(&order->words, 1) != 1)
		return;
	order->done(order->arg, worker);
	free(order);
}

static void order_run(struct mail *mail, void *worker)
{
	struct order *order = ((struct order_mail *)mail)->order;
	struct order_mail *words;
	struct worker *w = worker;
	unsigned i, workers = w->server->worker_count;

	order->carry_out(order, w);
	words = &order->mails[workers * (1u + w->index)];
	for (i = 0; i < workers; i++) {
		words[i].mail.run = word_run;
		words[i].order = order;
		worker_send(w, i, &words[i].mail);
	}
}

static struct order *order_new(struct server *s, const struct uid *uid, people_done *done, void *arg)
{
	unsigned workers = s->worker_count;
	struct order *order = calloc(1, sizeof(*order) + workers * (1u + workers) * sizeof(order->mails[0]));

	if (!order)
		return NULL;
	order->done = done;
	order->arg = arg;
	atomic_init(&order->words, workers * workers);
	if (uid) {
		order->has_uid = true;
		order->uid = *uid;
	}
	return order;
}

static void order_send(struct server *s, struct order *order)
{
	unsigned i;

	for (i = 0; i < s->worker_count; i++) {	/* with the last the order may be gone */
		order->mails[i].mail.run = order_run;
		order->mails[i].order = order;
		worker_post(&s->workers[i], &order->mails[i].mail);
	}
}

int people_disconnect(struct server *s, const struct uid *uid, const char *address, enum close_code code, people_done *done,
		      void *arg)
{
	struct order *order = order_new(s, uid, done, arg);

	if (!order)
		return -ENOMEM;
	order->carry_out = disconnect;
	order->code = code;
	if (address)
		snprintf(order->address, sizeof(order->address), "%s", address);
	order_send(s, order);
	return 0;
}

int people_kick(struct server *s, const char *room, const struct uid *uid, people_done *done, void *arg)
{
	struct order *order = order_new(s, uid, done, arg);

	if (!order)
		return -ENOMEM;
	order->carry_out = kick;
	snprintf(order->room, sizeof(order->room), "%s", room);
	order_send(s, order);
	return 0;
}
