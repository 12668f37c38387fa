/* dialect_json.c - the chat's own dialect: one JSON object a text frame, binary data as it is. */
#include "conn.h"
#include "dialect.h"
#include "request.h"

static void json_greet(struct conn *c, const char *query, size_t len, bool has_session)
{
	if (has_session)
		dialect_join(c, query, len);
}

static void json_take(struct conn *c, enum frame_opcode opcode, char *data, size_t len)
{
	if (opcode == FRAME_TEXT)
		request_take(c, data, len, 0);
	else
		request_binary(c, data, len);
}

static int json_encode(struct worker *w, const struct post *p, bool is_own, struct buf *out)
{
	int r = dialect_object(p, is_own, out);

	(void)w;
	return r < 0 ? r : p->kind == POST_BINARY ? FRAME_BINARY : FRAME_TEXT;
}

static int json_answer(struct worker *w, const struct post *p, uint32_t tag, bool is_copy, struct buf *out)
{
	(void)tag;
	return is_copy ? 0 : json_encode(w, p, true, out);
}

static int json_dismiss(const struct conn *c, const char *json, size_t len, struct buf *out)
{
	int r = buf_add(out, json, len);

	(void)c;
	return r < 0 ? r : FRAME_TEXT;
}

static int json_heartbeat(struct buf *out)
{
	(void)out;
	return 0;
}

const struct dialect dialect_json = {
	.name = "json",
	.greet = json_greet,
	.take = json_take,
	.encode = json_encode,
	.answer = json_answer,
	.dismiss = json_dismiss,
	.heartbeat = json_heartbeat,
};
