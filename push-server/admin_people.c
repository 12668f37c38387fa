/* admin_people.c - the API's calls about people: bans, mutes, enrolments, moderators, and putting somebody out.
 * Each is kept first and then carried out on live connections. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "admin_api.h"
#include "be.h"
#include "clock.h"
#include "ipaddr.h"
#include "operate.h"
#include "people.h"
#include "request.h"
#include "server.h"

enum { SECONDS_MAX = 315360000, REASON_MAX = 200, BAN_KEY_MAX = 1 + IPADDR_TEXT };

/* When a decision ends: 0 for never. */
static uint64_t expiry(int64_t seconds)
{
	return seconds == 0 ? 0 : (uint64_t)(clock_wall_ms() + seconds * 1000);
}

static void done_ok(struct call *call)
{
	if (!call_refused(call))
		call_ok(call);
}

/* What was to be taken back was not there. */
static void done_gone(struct call *call)
{
	enum error e = operate_refusal(buf_str(&call->answer), call->answer.len, NULL);

	if (e == ERR_NOT_FOUND)
		call_fail(call, ERR_NOT_FOUND, "there was nothing to take back");
	else
		done_ok(call);
}

/* --- bans --- */

/* The ban's key from uid or address; 0 when the call has been ended. */
static size_t ban_key(struct call *call, char key[static BAN_KEY_MAX + 1], bool *is_address)
{
	size_t len = 0;
	const char *address = json_text(call->body, "address", &len);
	uint8_t binary[IPADDR_LEN];

	*is_address = address != NULL;
	if (address == NULL) {
		if (!call_uid(call))
			return 0;
		key[0] = 'u';
		uid_text(&call->uid, key + 1);
		return 1 + UID_LEN;
	}
	key[0] = 'a';
	if (!ipaddr_read(address, binary)) {
		call_fail(call, ERR_BAD_REQUEST, "address: an IPv4 or IPv6 address");
		return 0;
	}
	ipaddr_text(binary, key + 1);
	return strlen(key);
}

static void ban_kept(struct call *call)
{
	char key[BAN_KEY_MAX + 1];
	bool is_address;

	if (call_refused(call) || ban_key(call, key, &is_address) == 0)
		return;
	call->then = call_ok;
	if (people_disconnect(call->api->server, is_address ? NULL : &call->uid, is_address ? key + 1 : NULL, CLOSE_BANNED,
			      call_go_on, call) < 0)
		call_ok(call);		/* it is kept, and the banned one found out with the next message all the same */
}

static void ban(struct call *call)
{
	uint8_t value[8 + REASON_MAX];
	char key[BAN_KEY_MAX + 1];
	const char *reason;
	size_t key_len, n = 0;
	int64_t seconds;
	bool is_address;

	if (!call_number(call, "seconds", 0, SECONDS_MAX, &seconds))
		return;
	if ((key_len = ban_key(call, key, &is_address)) == 0)
		return;
	reason = json_text(call->body, "reason", &n);
	if (n > REASON_MAX) {
		call_fail(call, ERR_TOO_LARGE, "reason: 200 bytes at most");
		return;
	}
	be_put(value, expiry(seconds), 8);
	if (n > 0)
		memcpy(value + 8, reason, n);
	call_change(call, &(struct change){
			.verb = HISTORY_SET, .table = TABLE_BANS, .key = key, .key_len = key_len,
			.value = value, .value_len = 8 + n,
		}, ban_kept);
}

static void unban(struct call *call)
{
	char key[BAN_KEY_MAX + 1];
	size_t key_len;
	bool is_address;

	if ((key_len = ban_key(call, key, &is_address)) > 0)
		call_change(call, &(struct change){
				.verb = HISTORY_DELETE, .table = TABLE_BANS, .key = key, .key_len = key_len,
			}, done_gone);
}

/* --- what is kept by room and uid --- */

/* Sets or deletes the row of the call's room ("" for everywhere) and uid. */
static void row_change(struct call *call, enum history_verb verb, enum room_table table, const uint8_t *value,
		       size_t len, void (*then)(struct call *call))
{
	struct buf key = BUF_INIT;
	char uid[UID_LEN + 1];

	uid_text(&call->uid, uid);
	if (history_key(&key, call->room, uid) < 0)
		call_fail(call, ERR_STORE, "out of memory");
	else
		call_change(call, &(struct change){
				.verb = verb, .table = table, .key = key.data, .key_len = key.len,
				.value = value, .value_len = len,
			}, then);
	buf_free(&key);
}

/* In one room its home does it, and tells the room. */
static void ask_home(struct call *call, enum request_kind kind, int64_t seconds, void (*then)(struct call *call))
{
	struct ask *ask = operate_new(kind, call->room, NULL, NULL);

	if (ask != NULL) {
		ask->whom = call->uid;
		ask->limit = (uint32_t)seconds;
	}
	call_ask(call, ask, then);
}

static void mute(struct call *call)
{
	uint8_t value[8];
	int64_t seconds;

	if (!call_number(call, "seconds", 0, SECONDS_MAX, &seconds) || !call_room(call, false) || !call_uid(call))
		return;
	if (call->room[0] != '\0') {
		ask_home(call, REQUEST_MUTE, seconds, done_ok);
		return;
	}
	be_put(value, expiry(seconds), 8);
	row_change(call, HISTORY_SET, TABLE_MUTES, value, sizeof(value), done_ok);
}

static void unmute(struct call *call)
{
	if (!call_room(call, false) || !call_uid(call))
		return;
	if (call->room[0] != '\0')
		ask_home(call, REQUEST_UNMUTE, 0, done_gone);
	else
		row_change(call, HISTORY_DELETE, TABLE_MUTES, NULL, 0, done_gone);
}

static void enroll(struct call *call)
{
	if (!call_room(call, true) || !call_uid(call))
		return;
	if (call->room[0] != '@' || strncmp(call->room, "@dm:", 4) == 0)
		call_fail(call, ERR_BAD_REQUEST, "only rooms whose names begin with @ (and not with @dm:) have members");
	else
		row_change(call, HISTORY_SET, TABLE_ENROLLED, (const uint8_t *)"1", 1, done_ok);
}

static void dismissed(struct call *call)
{
	enum error e = operate_refusal(buf_str(&call->answer), call->answer.len, NULL);

	call->then = call_ok;
	if (e != ERR_NONE)
		done_gone(call);
	else if (people_kick(call->api->server, call->room, &call->uid, call_go_on, call) < 0)
		call_fail(call, ERR_STORE, "out of memory");
}

static void dismiss(struct call *call)
{
	if (call_room(call, true) && call_uid(call))
		row_change(call, HISTORY_DELETE, TABLE_ENROLLED, NULL, 0, dismissed);
}

static void moderator(struct call *call)
{
	if (!call_room(call, false) || !call_uid(call))
		return;
	if (!json_object_object_get_ex(call->body, "on", NULL) || json_truthy(call->body, "on"))
		row_change(call, HISTORY_SET, TABLE_MODERATORS, (const uint8_t *)"1", 1, done_ok);
	else
		row_change(call, HISTORY_DELETE, TABLE_MODERATORS, NULL, 0, done_gone);
}

/* --- putting somebody out --- */

static void disconnect(struct call *call)
{
	if (!call_uid(call))
		return;
	call->then = call_ok;
	if (people_disconnect(call->api->server, &call->uid, NULL, CLOSE_GOING_AWAY, call_go_on, call) < 0)
		call_fail(call, ERR_STORE, "out of memory");
}

static void kick(struct call *call)
{
	if (!call_room(call, false))
		return;
	if (call->room[0] == '\0')
		disconnect(call);
	else if (call_uid(call))
		ask_home(call, REQUEST_KICK, 0, done_ok);
}

/* --- lists --- */

struct list {
	struct api *api;
	struct buf *json;
	enum room_table table;
	int64_t now_ms;
	unsigned count;
};

/* `,"nickName":…` when the user is known. */
static int add_nick(struct list *l, const char *uid)
{
	struct member who;
	int r;

	if (server_member(l->api->server, &l->api->users, uid, &who) < 0)
		return 0;
	if ((r = buf_adds(l->json, ",\"nickName\":")) < 0)
		return r;
	return json_quote(l->json, who.nick, who.nick_len);
}

static int add_expiry(struct list *l, uint64_t until_ms)
{
	return until_ms == 0 ? 0 : buf_addf(l->json, ",\"until\":%" PRIu64, until_ms);
}

static int list_ban(struct list *l, const char *key, size_t key_len, const uint8_t *value, size_t len)
{
	char uid[UID_LEN + 1] = "";
	int r;

	if ((r = buf_addf(l->json, "{\"%s\":", key[0] == 'u' ? "uid" : "address")) < 0 ||
	    (r = json_quote(l->json, key + 1, key_len - 1)) < 0 || (r = add_expiry(l, be_get(value, 8))) < 0)
		return r;
	if (len > 8 && ((r = buf_adds(l->json, ",\"reason\":")) < 0 ||
			(r = json_quote(l->json, (const char *)value + 8, len - 8)) < 0))
		return r;
	if (key[0] == 'u' && key_len == 1 + UID_LEN) {
		memcpy(uid, key + 1, UID_LEN);
		if ((r = add_nick(l, uid)) < 0)
			return r;
	}
	return buf_add(l->json, "}", 1);
}

static int list_row(struct list *l, const char *key, size_t key_len, const uint8_t *value, size_t len)
{
	char uid[UID_LEN + 1] = "";
	size_t room_len = strnlen(key, key_len);
	int r;

	if (key_len != room_len + 1 + UID_LEN)
		return 0;
	memcpy(uid, key + room_len + 1, UID_LEN);
	if ((r = buf_addf(l->json, "{\"uid\":\"%s\",\"room\":", uid)) < 0)
		return r;
	r = room_len == 0 ? buf_adds(l->json, "null") : json_quote(l->json, key, room_len);
	if (r < 0 || (l->table == TABLE_MUTES && len >= 8 && (r = add_expiry(l, be_get(value, 8))) < 0) ||
	    (r = add_nick(l, uid)) < 0)
		return r;
	return buf_add(l->json, "}", 1);
}

static int list_each(const void *key, size_t key_len, const void *value, size_t len, void *arg)
{
	struct list *l = arg;
	bool is_timed = l->table == TABLE_BANS || l->table == TABLE_MUTES;
	int r;

	if (key_len < 2 || (is_timed && len < 8))
		return 0;
	if (is_timed && be_get(value, 8) != 0 && (int64_t)be_get(value, 8) <= l->now_ms)
		return 0;
	if (l->count++ >= API_LIST_MAX)
		return 1;
	if (l->count > 1 && (r = buf_add(l->json, ",", 1)) < 0)
		return r;
	return l->table == TABLE_BANS ? list_ban(l, key, key_len, value, len) : list_row(l, key, key_len, value, len);
}

static void list_table(struct call *call, enum room_table table, const char *name)
{
	struct buf json = BUF_INIT, prefix = BUF_INIT;
	struct list l = { .api = call->api, .json = &json, .table = table, .now_ms = clock_wall_ms() };
	int r = buf_addf(&json, "{\"ok\":true,\"%s\":[", name);

	if (call->room[0] != '\0')
		r = history_key(&prefix, call->room, "");
	if (r == 0)
		r = history_each_key(call->api->past, table, buf_str(&prefix), prefix.len, list_each, &l);
	if (r >= 0)
		r = buf_adds(&json, "]}");
	buf_free(&prefix);
	if (r < 0) {
		buf_free(&json);
		call_fail(call, ERR_STORE, strerror(-r));
	} else {
		call_reply(call, &json);
	}
}

static void bans(struct call *call)
{
	list_table(call, TABLE_BANS, "bans");
}

static void mutes(struct call *call)
{
	if (call_room(call, false))
		list_table(call, TABLE_MUTES, "mutes");
}

static void enrolled(struct call *call)
{
	if (call_room(call, false))
		list_table(call, TABLE_ENROLLED, "enrolled");
}

static void moderators(struct call *call)
{
	if (call_room(call, false))
		list_table(call, TABLE_MODERATORS, "moderators");
}

const struct route api_people_routes[] = {
	{ "ban", true, ban }, { "unban", true, unban }, { "bans", false, bans },
	{ "mute", true, mute }, { "unmute", true, unmute }, { "mutes", false, mutes },
	{ "enroll", true, enroll }, { "dismiss", true, dismiss }, { "enrolled", false, enrolled },
	{ "moderator", true, moderator }, { "moderators", false, moderators },
	{ "kick", true, kick }, { "disconnect", true, disconnect },
	{ NULL, false, NULL },
};
