/* live.c - rooms and what happens in them, by the push server's API. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* --- requests --- */

static void put(struct json_object *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_object_add(o, key, json_object_new_string(value));
}

/* "90", "10m", "2h", "7d" in seconds; -1 when it is none of these. */
static int64_t duration(const char *text)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 }, { '\0', 1 } };
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (end == text || errno != 0 || n < 0 || n > INT32_MAX || (*end != '\0' && end[1] != '\0'))
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end)
			return n * units[i].seconds;
	return -1;
}

/* --for; false when it is no duration, which has been said. */
static bool put_duration(struct ctl *ctl, struct json_object *body)
{
	int64_t seconds = ctl->seconds == NULL ? 0 : duration(ctl->seconds);

	if (seconds < 0) {
		ctl_fail(CTL_USAGE, "--for: a number with s, m, h, d or w behind it, such as 10m");
		return false;
	}
	if (ctl->seconds != NULL)
		json_object_object_add(body, "seconds", json_object_new_int64(seconds));
	return true;
}

/* Sends it and says "done", or shows the answer as JSON. */
static int post(struct ctl *ctl, const char *path, struct json_object *body)
{
	struct json_object *answer = NULL;
	int code = api_ask(ctl, path, body, &answer);

	if (code == CTL_OK && ctl->json)
		ctl_print_json(answer);
	else if (code == CTL_OK)
		puts("done");
	json_object_put(body);
	json_object_put(answer);
	return code;
}

/* --- lists --- */

typedef void show_fn(struct json_object *o);

static int list(struct ctl *ctl, const char *path, const char *name, const char *heading, show_fn *show)
{
	struct json_object *answer = NULL, *all;
	int code = api_ask(ctl, path, NULL, &answer);
	size_t count;

	if (code != CTL_OK)
		return code;
	count = json_object_object_get_ex(answer, name, &all) && json_object_is_type(all, json_type_array)
			? json_object_array_length(all) : 0;
	if (count > 0 && !ctl->json)
		puts(heading);
	for (size_t i = 0; i < count; i++) {
		if (ctl->json)
			ctl_print_json(json_object_array_get_idx(all, i));
		else
			show(json_object_array_get_idx(all, i));
	}
	json_object_put(answer);
	return CTL_OK;
}

static void column(struct json_object *o, const char *key, unsigned places)
{
	size_t len;
	const char *text = ctl_text(o, key, &len);

	put_column(text, len, places);
}

static void last(struct json_object *o, const char *key)
{
	size_t len;
	const char *text = ctl_text(o, key, &len);

	put_text(text, len);
	fputc('\n', stdout);
}

static void show_room(struct json_object *o)
{
	column(o, "room", 40);
	printf("%7" PRId64 "  %11" PRId64 "  %" PRId64 "\n", ctl_int(o, "users"), ctl_int(o, "connections"), ctl_int(o, "id"));
}

static void show_kept(struct json_object *o)
{
	column(o, "room", 40);
	printf("%10" PRId64 "  %" PRId64 "\n", ctl_int(o, "first"), ctl_int(o, "id"));
}

static int rooms(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (ctl->all)
		return list(ctl, "rooms?kept=1", "rooms", "ROOM                                      OLDEST KEPT  LAST",
			    show_kept);
	return list(ctl, "rooms", "rooms", "ROOM                                        USERS  CONNECTIONS  LAST", show_room);
}

static void show_member(struct json_object *o)
{
	column(o, "uid", 20);
	column(o, "nickName", 24);
	printf("%" PRId64 "\n", ctl_int(o, "connections"));
}

static void show_row(struct json_object *o)
{
	column(o, "uid", 20);
	column(o, "nickName", 24);
	last(o, "room");
}

static void show_mute(struct json_object *o)
{
	column(o, "uid", 20);
	column(o, "nickName", 24);
	put_time(ctl_int(o, "until"));
	last(o, "room");
}

static int list_of_room(struct ctl *ctl, const char *path, const char *name, const char *room, const char *heading,
			show_fn *show)
{
	struct buf full = BUF_INIT;
	int code;

	if (buf_adds(&full, path) < 0 || api_parameter(&full, "room", room) < 0)
		code = ctl_fail(CTL_USAGE, "the room's name is too long");
	else
		code = list(ctl, full.data, name, heading, show);
	buf_free(&full);
	return code;
}

static int members(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return list_of_room(ctl, "members", "members", argv[0], "UID                   NAME                      CONNECTIONS",
			    show_member);
}

static int enrolled(struct ctl *ctl, int argc, char **argv)
{
	return list_of_room(ctl, "enrolled", "enrolled", argc > 0 ? argv[0] : NULL,
			    "UID                   NAME                      ROOM", show_row);
}

static int moderators(struct ctl *ctl, int argc, char **argv)
{
	return list_of_room(ctl, "moderators", "moderators", argc > 0 ? argv[0] : NULL,
			    "UID                   NAME                      ROOM (none: everywhere)", show_row);
}

static int mutes(struct ctl *ctl, int argc, char **argv)
{
	return list_of_room(ctl, "mutes", "mutes", argc > 0 ? argv[0] : NULL,
			    "UID                   NAME                      UNTIL                ROOM (none: everywhere)",
			    show_mute);
}

static void show_ban(struct json_object *o)
{
	size_t len;

	column(o, ctl_text(o, "uid", &len)[0] != '\0' ? "uid" : "address", 39);
	column(o, "nickName", 20);
	put_time(ctl_int(o, "until"));
	last(o, "reason");
}

static int bans(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return list(ctl, "bans", "bans",
		    "WHO                                      NAME                  UNTIL                REASON", show_ban);
}

/* --- people --- */

static bool is_address(const char *text)
{
	uint8_t binary[16];

	return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

static int ban(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *body = json_object_new_object();

	(void)argc;
	put(body, is_address(argv[0]) ? "address" : "uid", argv[0]);
	put(body, "reason", ctl->reason);
	if (put_duration(ctl, body))
		return post(ctl, "ban", body);
	json_object_put(body);
	return CTL_USAGE;
}

static int unban(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *body = json_object_new_object();

	(void)argc;
	put(body, is_address(argv[0]) ? "address" : "uid", argv[0]);
	return post(ctl, "unban", body);
}

/* The calls that are about a user in a room, or in all. */
static int about_user(struct ctl *ctl, const char *path, const char *uid, const char *room)
{
	struct json_object *body = json_object_new_object();

	put(body, "uid", uid);
	put(body, "room", room);
	if (put_duration(ctl, body))
		return post(ctl, path, body);
	json_object_put(body);
	return CTL_USAGE;
}

static int mute(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return about_user(ctl, "mute", argv[0], ctl->room);
}

static int unmute(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return about_user(ctl, "unmute", argv[0], ctl->room);
}

static int kick(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return about_user(ctl, "kick", argv[0], ctl->room);
}

static int enroll(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return about_user(ctl, "enroll", argv[1], argv[0]);
}

static int dismiss(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return about_user(ctl, "dismiss", argv[1], argv[0]);
}

static int moderator(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *body = json_object_new_object();
	bool on = strcmp(argv[0], "add") == 0;

	(void)argc;
	if (!on && strcmp(argv[0], "remove") != 0) {
		json_object_put(body);
		return ctl_fail(CTL_USAGE, "usage: wxchatctl moderator add|remove UID [--room ROOM]");
	}
	put(body, "uid", argv[1]);
	put(body, "room", ctl->room);
	json_object_object_add(body, "on", json_object_new_boolean(on));
	return post(ctl, "moderator", body);
}

/* --- messages --- */

/* {"text":true,"content":TEXT}, or what --message holds; NULL when that is not JSON, which has been said. */
static struct json_object *message_body(struct ctl *ctl, const char *text)
{
	struct json_object *body = json_object_new_object(), *message;

	if ((ctl->message == NULL) == (text == NULL)) {
		json_object_put(body);
		ctl_fail(CTL_USAGE, "say either a text or --message JSON");
		return NULL;
	}
	if (text != NULL) {
		message = json_object_new_object();
		json_object_object_add(message, "text", json_object_new_boolean(1));
		put(message, "content", text);
	} else if ((message = json_parse(ctl->message, strlen(ctl->message))) == NULL) {
		json_object_put(body);
		ctl_fail(CTL_USAGE, "--message is not a JSON object");
		return NULL;
	}
	json_object_object_add(body, "message", message);
	put(body, "cid", ctl->cid);
	put(body, "uid", ctl->uid);
	put(body, "nickName", ctl->nick);
	put(body, "avatarUrl", ctl->avatar);
	return body;
}

static int publish(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *body = message_body(ctl, argc > 1 ? argv[1] : NULL), *answer = NULL;
	int code;

	if (body == NULL)
		return CTL_USAGE;
	put(body, "room", argv[0]);
	code = api_ask(ctl, "publish", body, &answer);
	if (code == CTL_OK && ctl->json)
		ctl_print_json(answer);
	else if (code == CTL_OK)
		printf("message %" PRId64 "\n", ctl_int(answer, "id"));
	json_object_put(body);
	json_object_put(answer);
	return code;
}

static int broadcast(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *body = message_body(ctl, argc > 0 ? argv[0] : NULL), *answer = NULL;
	int code;

	if (body == NULL)
		return CTL_USAGE;
	code = api_ask(ctl, "broadcast", body, &answer);
	if (code == CTL_OK && ctl->json)
		ctl_print_json(answer);
	else if (code == CTL_OK)
		printf("said in %" PRId64 " room%s\n", ctl_int(answer, "rooms"), ctl_int(answer, "rooms") == 1 ? "" : "s");
	json_object_put(body);
	json_object_put(answer);
	return code;
}

static int recall(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *body = json_object_new_object();

	(void)argc;
	put(body, "room", argv[0]);
	put(body, "id", argv[1]);
	return post(ctl, "recall", body);
}

static void show_message(struct json_object *m)
{
	size_t len;
	const char *text;

	printf("%8" PRId64 "  ", ctl_int(m, "id"));
	put_time(ctl_int(m, "time"));
	column(m, "nickName", 16);
	text = ctl_text(m, "content", &len);
	if (json_truthy(m, "recalled"))
		text = "(recalled)";
	else if (len == 0)
		text = ctl_text(m, "url", &len);
	put_text(text, strlen(text));
	fputc('\n', stdout);
}

static int history(struct ctl *ctl, int argc, char **argv)
{
	struct buf path = BUF_INIT;
	int code;

	(void)argc;
	if (buf_adds(&path, "history") < 0 || api_parameter(&path, "room", argv[0]) < 0 ||
	    api_parameter(&path, "before", ctl->before) < 0 || api_parameter(&path, "limit", ctl->limit) < 0)
		code = ctl_fail(CTL_USAGE, "the arguments are too long");
	else
		code = list(ctl, path.data, "messages", "      ID  TIME                 NAME              TEXT", show_message);
	buf_free(&path);
	return code;
}

/* --- export --- */

/* All messages of a room, oldest first, as JSON lines. */
static int export_room(struct ctl *ctl, const char *room)
{
	struct json_object *answer, *all;
	int64_t after = 0;
	bool is_more = true;
	int code = CTL_OK;

	while (is_more && code == CTL_OK) {
		struct buf path = BUF_INIT;

		answer = NULL;
		if (buf_addf(&path, "history?limit=500&after=%" PRId64, after) < 0 ||
		    api_parameter(&path, "room", room) < 0)
			code = ctl_fail(CTL_USAGE, "the room's name is too long");
		else
			code = api_ask(ctl, path.data, NULL, &answer);
		buf_free(&path);
		is_more = code == CTL_OK && json_truthy(answer, "more");
		if (code == CTL_OK && json_object_object_get_ex(answer, "messages", &all))
			for (size_t i = 0; i < json_object_array_length(all); i++) {
				struct json_object *m = json_object_array_get_idx(all, i);

				ctl_print_json(m);
				after = ctl_int(m, "id");
			}
		json_object_put(answer);
	}
	return code;
}

static int export(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *answer = NULL, *all;
	size_t len;
	int code;

	if ((argc == 0) != ctl->all)
		return ctl_fail(CTL_USAGE, "usage: wxchatctl export ROOM | --all");
	if (!ctl->all)
		return export_room(ctl, argv[0]);
	if ((code = api_ask(ctl, "rooms?kept=1", NULL, &answer)) != CTL_OK)
		return code;
	if (json_object_object_get_ex(answer, "rooms", &all))
		for (size_t i = 0; i < json_object_array_length(all) && code == CTL_OK; i++)
			code = export_room(ctl, ctl_text(json_object_array_get_idx(all, i), "room", &len));
	json_object_put(answer);
	return code;
}

const struct command live_commands[] = {
	{ "rooms", "[--all]", "rooms with somebody in them; --all: rooms with messages kept", 0, 0, rooms, "A" },
	{ "members", "ROOM", "who is there", 1, 1, members, "" },
	{ "history", "ROOM [--before ID] [--limit N]", "the last messages", 1, 1, history, "bl" },
	{ "export", "ROOM | --all", "all messages kept, as JSON lines", 0, 1, export, "A" },
	{ "publish", "ROOM TEXT | --message JSON", "say something (--uid, --nick, --avatar, --cid)", 1, 2, publish, "miuna" },
	{ "broadcast", "TEXT | --message JSON", "say it in every room with members (--cid)", 0, 1, broadcast, "miuna" },
	{ "recall", "ROOM ID", "erase a message", 2, 2, recall, "" },
	{ "kick", "UID [--room ROOM]", "put out of a room; without one, disconnect", 1, 1, kick, "r" },
	{ "ban", "UID|ADDRESS [--for TIME] [--reason R]", "keep somebody out; TIME: 10m, 2h, 7d", 1, 1, ban, "fw" },
	{ "unban", "UID|ADDRESS", "let in again", 1, 1, unban, "" },
	{ "bans", "", "who is kept out", 0, 0, bans, "" },
	{ "mute", "UID [--room ROOM] [--for TIME]", "may read, but not speak; without a room: anywhere", 1, 1, mute, "rf" },
	{ "unmute", "UID [--room ROOM]", "may speak again", 1, 1, unmute, "r" },
	{ "mutes", "[ROOM]", "who may not speak", 0, 1, mutes, "" },
	{ "enroll", "@ROOM UID", "let into a private room", 2, 2, enroll, "" },
	{ "dismiss", "@ROOM UID", "take that back, and put out", 2, 2, dismiss, "" },
	{ "enrolled", "[@ROOM]", "who is let into private rooms", 0, 1, enrolled, "" },
	{ "moderator", "add|remove UID [--room ROOM]", "may recall, mute and kick", 2, 2, moderator, "r" },
	{ "moderators", "[ROOM]", "who may", 0, 1, moderators, "" },
	{ NULL, NULL, NULL, 0, 0, NULL, "" },
};
