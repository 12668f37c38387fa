/* lws.c - a room server on libwebsockets, as its documentation would have one write it: one service thread, a queue for each
 * member, writing when the library says that one may.  Knows rooms and numbers messages; checks no session, stores nothing.
 *   lws        prints "listening PORT" */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 256, ROOM_NAME_MAX = 63, RX_BYTES = 16384 };

/* One text for all members of a room; goes with the last of them who has it. */
struct text {
	unsigned users;
	size_t len;
	unsigned char bytes[];		/* LWS_PRE that the library writes to, then the text */
};

struct room {
	struct room *next;
	struct member *members;
	unsigned long long last;
	char name[ROOM_NAME_MAX + 1];
};

struct member {
	struct lws *wsi;
	struct room *room;
	struct member *next;
	struct text *queue[QUEUE];
	unsigned first, count;
};

static struct room *rooms;

static void text_release(struct text *t)
{
	if (--t->users == 0)
		free(t);
}

static struct room *room_of(struct lws *wsi)
{
	char name[ROOM_NAME_MAX + 1] = "";
	struct room *room;

	if (lws_get_urlarg_by_name(wsi, "room=", name, sizeof(name)) == NULL)
		return NULL;
	for (room = rooms; room; room = room->next)
		if (strcmp(room->name, name) == 0)
			return room;
	room = calloc(1, sizeof(*room));
	if (room) {
		strcpy(room->name, name);
		room->next = rooms;
		rooms = room;
	}
	return room;
}

static void room_say(struct room *room, const char *in, size_t len)
{
	static const size_t head_max = 64;
	struct text *t = malloc(sizeof(*t) + LWS_PRE + head_max + len);
	struct member *m;
	int head;

	if (!t || len < 2 || in[0] != '{') {
		free(t);
		return;
	}
	t->users = 1;
	head = snprintf((char *)t->bytes + LWS_PRE, head_max, "{\"type\":\"remote\",\"id\":%llu,", ++room->last);
	memcpy(t->bytes + LWS_PRE + head, in + 1, len - 1);
	t->len = (size_t)head + len - 1;
	for (m = room->members; m; m = m->next) {
		if (m->count == QUEUE)
			continue;	/* too slow: it misses this one */
		m->queue[(m->first + m->count++) % QUEUE] = t;
		t->users++;
		lws_callback_on_writable(m->wsi);
	}
	text_release(t);
}

static int member_write(struct member *m)
{
	while (m->count && !lws_send_pipe_choked(m->wsi)) {
		struct text *t = m->queue[m->first];
		int n = lws_write(m->wsi, t->bytes + LWS_PRE, t->len, LWS_WRITE_TEXT);

		m->first = (m->first + 1) % QUEUE;
		m->count--;
		if (n < (int)t->len)
			n = -1;
		text_release(t);
		if (n < 0)
			return -1;
	}
	if (m->count)
		lws_callback_on_writable(m->wsi);
	return 0;
}

static void member_leave(struct member *m)
{
	struct member **at;

	for (at = &m->room->members; *at && *at != m; at = &(*at)->next)
		;
	if (*at)
		*at = m->next;
	for (; m->count; m->count--, m->first = (m->first + 1) % QUEUE)
		text_release(m->queue[m->first]);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct member *m = user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		memset(m, 0, sizeof(*m));
		m->wsi = wsi;
		m->room = room_of(wsi);
		if (!m->room)
			return -1;
		m->next = m->room->members;
		m->room->members = m;
		return 0;
	case LWS_CALLBACK_RECEIVE:
		if (lws_is_first_fragment(wsi) && lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
			room_say(m->room, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return member_write(m);
	case LWS_CALLBACK_CLOSED:
		if (m->room)
			member_leave(m);
		return 0;
	default:
		return 0;
	}
}

int main(void)
{
	static const struct lws_protocols protocols[] = {
		{ .name = "rooms", .callback = on_event, .per_session_data_size = sizeof(struct member), .rx_buffer_size = RX_BYTES },
		{ .name = NULL },
	};
	struct lws_context_creation_info info = {
		.port = 0, .iface = "127.0.0.1", .protocols = protocols, .gid = -1, .uid = -1,
		.options = LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	};
	struct lws_context *context;
	struct lws_vhost *vhost;

	lws_set_log_level(LLL_ERR, NULL);
	context = lws_create_context(&info);
	vhost = context ? lws_create_vhost(context, &info) : NULL;
	if (!vhost) {
		fprintf(stderr, "libwebsockets does not start\n");
		return 1;
	}
	printf("listening %d\n", lws_get_vhost_listen_port(vhost));
	fflush(stdout);
	while (lws_service(context, 0) >= 0)
		;
	lws_context_destroy(context);
	return 0;
}
