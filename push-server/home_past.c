/* home_past.c - what a room remembers and who is in it, for one who asks. */
#include <errno.h>

#include "bounds.h"
#include "config.h"
#include "home_internal.h"
#include "server.h"
#include "words.h"

/* About what an answer says of a message beside its stored text, and of one that was recalled. */
enum { MESSAGE_EXTRA = 64, RECALLED_LEN = 256 };

struct past {
	struct buf words;
	const char *room;
	const struct uid *viewer;
	uint32_t count;
	int r;
};

static int past_add(const struct history_entry *entry, void *arg)
{
	struct past *past = arg;
	struct post *p = home_message_post(past->room, entry);
	bool is_own;

	if (!p)
		past->r = -ENOMEM;
	if (past->r == 0 && past->count)
		past->r = buf_adds(&past->words, ",");
	if (past->r == 0) {
		is_own = p->has_uid && uid_equal(&p->uid, past->viewer);
		past->r = buf_adds(&past->words, is_own ? "{\"type\":\"user\"," : "{\"type\":\"remote\",");
	}
	if (past->r == 0)
		past->r = buf_add(&past->words, p->text, p->len);
	past->count++;
	post_unref(p);
	return past->r;
}

/* How long the messages of a page are. */
struct page {
	uint64_t from;
	size_t len[HISTORY_LIMIT_MAX];
};

static int page_measure(const struct history_entry *entry, void *arg)
{
	struct page *page = arg;
	uint64_t i = entry->id - page->from;

	if (i >= HISTORY_LIMIT_MAX)
		return 1;
	page->len[i] = (entry->is_recalled ? RECALLED_LEN : entry->len) + MESSAGE_EXTRA;
	return 0;
}

/* From where on the messages up to `to` fit into one answer; *from stays when they all do.  -EIO. */
static int page_begin(struct worker *w, const char *room, uint64_t *from, uint64_t to)
{
	struct page page = { .from = *from };
	size_t left = (size_t)w->server->config->push.queue_kb * 1024;
	uint64_t id = to;

	if (left > HISTORY_BYTES)
		left = HISTORY_BYTES;
	if (history_each(w->past, room, *from, to, page_measure, &page) < 0)
		return -EIO;
	for (; id > *from && page.len[id - *from] + page.len[id - 1 - *from] <= left; id--)
		left -= page.len[id - *from];
	*from = id;
	return 0;
}

void home_past(struct worker *w, struct ask *ask)
{
	struct past past = { .words = BUF_INIT, .room = ask->room, .viewer = &ask->uid };
	struct home *h = home_get(w, ask->room, true);
	uint64_t first = 0, last = 0, to, from;
	uint32_t limit = ask->limit ? ask->limit : 50;

	if (!h || history_bounds(w->past, ask->room, &first, &last) < 0) {
		home_refuse(w, ask, ERR_STORE, NULL);
		return;
	}
	/* Not past what was told: the rest arrives by itself. */
	to = ask->has_since && ask->number <= h->last ? ask->number - (ask->number > 0) : h->last;
	from = to >= limit ? to - limit + 1 : 1;
	if (from < first)
		from = first;
	past.r = from < to ? page_begin(w, ask->room, &from, to) : 0;
	if (past.r == 0)
		past.r = words_event(&past.words, "history", ask->room, h->presence.users, ask->cid);
	if (past.r == 0)
		past.r = buf_addf(&past.words, ",\"epoch\":\"%s\",\"messages\":[", history_epoch(w->server->history));
	if (past.r == 0 && from <= to && to > 0)
		past.r = history_each(w->past, ask->room, from, to, past_add, &past);
	if (past.r < 0) {
		buf_free(&past.words);
		home_refuse(w, ask, past.r == -EMSGSIZE ? ERR_TOO_LARGE : ERR_STORE, NULL);
	} else {
		home_answer_one(w, ask, home_words(&past.words, past.r, 0, "],\"more\":%s", from > first && first && to ? "true" : "false"));
	}
	home_free_if_idle(h);
}

static int members_add(struct buf *words, struct worker *w, const struct presence_user *user)
{
	struct member who;
	int r;

	home_who(w, &user->uid, &who);
	r = words_user(words, &who, user->connections);
	if (r == 0 && user->connections == 0) {	/* within its grace time */
		words->len--;
		r = buf_adds(words, ",\"connections\":0}");
	}
	return r;
}

void home_members(struct worker *w, struct ask *ask)
{
	static const struct uid nobody;
	struct home *h = home_get(w, ask->room, false);
	const struct presence_user *user;
	struct buf words = BUF_INIT;
	uint32_t pos = 0, listed = 0;
	int r = words_event(&words, "members", ask->room, home_num(w, ask), ask->cid);

	if (r == 0)
		r = buf_adds(&words, ",\"members\":[");
	if (!uid_equal(&ask->whom, &nobody)) {
		if (r == 0 && h && (user = presence_find(&h->presence, &ask->whom)))
			r = members_add(&words, w, user);
	} else {
		while (r == 0 && h && listed < MEMBERS_LISTED_MAX && (user = presence_next(&h->presence, &pos))) {
			if (listed++)
				r = buf_adds(&words, ",");
			if (r == 0)
				r = members_add(&words, w, user);
		}
	}
	home_answer_one(w, ask, home_words(&words, r, 0, "]"));
}
