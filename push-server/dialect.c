/* dialect.c - which dialects there are, and what they share. */
#include "dialect.h"

#include <errno.h>

#include "config.h"
#include "conn.h"
#include "history.h"
#include "query.h"
#include "request.h"
#include "server.h"
#include "worker.h"

const struct dialect *dialect_of(enum dialect_kind kind)
{
	static const struct dialect *const dialects[DIALECT_COUNT] = {
		[DIALECT_JSON] = &dialect_json,
		[DIALECT_TUNNEL] = &dialect_tunnel,
		[DIALECT_SOCKETIO] = &dialect_socketio,
	};

	return dialects[kind];
}

void dialect_join(struct conn *c, const char *query, size_t len)
{
	char room[ROOM_NAME_MAX + 1], since[24], epoch[EPOCH_LEN + 1];
	int has_room = query_get_words(query, len, "room", room, sizeof(room));
	int has_since = query_get(query, len, "since", since, sizeof(since));
	int has_epoch = query_get(query, len, "epoch", epoch, sizeof(epoch));
	const char *name = room;

	if (has_room == -ENOENT || has_room == 0)
		name = c->worker->server->config->push.default_room;
	else if (has_room < 0)
		name = "";	/* no room's name: refused as such */
	/* An epoch that cannot be one differs from every one that is. */
	request_join(c, name, has_since > 0 ? since : NULL, has_epoch > 0 ? epoch : has_epoch == -EMSGSIZE ? "?" : NULL);
}

int dialect_object(const struct post *p, bool is_own, struct buf *out)
{
	int r = 0;

	if (p->kind == POST_MESSAGE)
		r = buf_adds(out, is_own ? "{\"type\":\"user\"," : "{\"type\":\"remote\",");
	return r == 0 ? buf_add(out, p->text, p->len) : r;
}
