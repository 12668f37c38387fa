/* words.c - what the server says itself. */
#include "words.h"

#include <string.h>

#include "json.h"

int words_text(struct buf *out, const char *name, const char *text)
{
	int r = buf_addf(out, ",\"%s\":", name);

	return r == 0 ? json_quote(out, text, strlen(text)) : r;
}

static const char event_begins[] = "{\"type\":\"system\",\"event\":\"";

int words_event(struct buf *out, const char *event, const char *room, uint32_t num, const char *cid)
{
	int r = buf_addf(out, "%s%s\"", event_begins, event);

	if (r == 0 && room && *room)
		r = words_text(out, "room", room);
	if (r == 0)
		r = buf_addf(out, ",\"num\":%u", num);
	if (r == 0 && cid && *cid)
		r = words_text(out, "cid", cid);
	return r;
}

bool words_is_event(const struct post *p, const char *event)
{
	size_t begins = sizeof(event_begins) - 1, len = strlen(event);

	return p->len > begins + len && memcmp(p->text, event_begins, begins) == 0 &&
	       memcmp(p->text + begins, event, len) == 0 && p->text[begins + len] == '"';
}

int words_user(struct buf *out, const struct member *who, unsigned connections)
{
	int r = buf_addf(out, "{\"uid\":\"%s\"", who->uid);

	if (r == 0)
		r = words_text(out, "nickName", who->nick);
	if (r == 0)
		r = words_text(out, "avatarUrl", who->avatar);
	if (r == 0 && connections)
		r = buf_addf(out, ",\"connections\":%u", connections);
	return r == 0 ? buf_adds(out, "}") : r;
}

int words_refused(struct buf *out, enum error e, const char *message, const char *room, uint32_t num, const char *cid)
{
	int r = words_event(out, "refused", room, num, cid);

	if (r == 0)
		r = words_text(out, "reason", error_name(e));
	if (r == 0)
		r = words_text(out, "message", message ? message : error_message(e));
	return r == 0 ? buf_adds(out, "}") : r;
}

struct post *words_post(struct buf *words, int r, uint32_t num)
{
	struct post *p = r < 0 ? NULL : post_new(POST_EVENT, words->data, words->len);

	if (p)
		p->num = num;
	buf_free(words);
	return p;
}
