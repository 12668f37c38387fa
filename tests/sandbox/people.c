/* people.c - who there is and what they hold.  No HTTP, no codes; the clock is an argument. */
#include "people.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

enum {
	KEY_FRESH_MS = 3600 * 1000,		/* wx.login keeps a key that is younger */
	KEY_IDLE_MS = 3 * 24 * 3600 * 1000	/* an unused key dies */
};

struct people {
	const char *app_id;
	struct strmap by_name, by_open_id;
};

static const char *const manners[] = {
	"爱笑的", "早起的", "安静的", "迷路的", "勇敢的", "慢吞吞的", "会唱歌的", "爱吃辣的",
	"认真的", "好奇的", "犯困的", "热心的", "爱下雨的", "追风的", "养花的", "不加班的",
};
static const char *const animals[] = {
	"熊猫", "锦鲤", "橘猫", "白鹭", "水獭", "麻雀", "松鼠", "海豚",
	"刺猬", "小鹿", "企鹅", "柴犬", "蜗牛", "鲸鱼", "燕子", "兔子",
};

struct people *people_new(const char *app_id)
{
	struct people *people = mem_new(sizeof(*people));

	people->app_id = app_id;
	strmap_init(&people->by_name);
	strmap_init(&people->by_open_id);
	return people;
}

static void person_free(struct person *who)
{
	for (size_t i = 0; i < who->consent_count; i++)
		free(who->consents[i].template_id);
	free(who->consents);
	free(who->name);
	free(who->nick_name);
	free(who->avatar_url);
	free(who->phone);
	free(who);
}

void people_free(struct people *people)
{
	if (!people)
		return;
	for (size_t i = 0; i < people->by_name.size; i++) {
		struct strmap_node *node = people->by_name.buckets[i];

		while (node) {
			struct strmap_node *next = node->next;

			person_free(node->thing);
			node = next;
		}
	}
	strmap_fini(&people->by_name);
	strmap_fini(&people->by_open_id);
	free(people);
}

struct person *people_meet(struct people *people, const char *name)
{
	struct person *who = strmap_get(&people->by_name, name);
	uint64_t hash = strmap_hash(name);

	if (who)
		return who;
	if (!*name || people->by_name.count >= SANDBOX_MAX_PEOPLE)
		return NULL;
	who = mem_new(sizeof(*who));
	who->name = mem_copy(name);
	who->nick_name = mem_format("%s%s", manners[hash >> 8 & 15], animals[hash >> 16 & 15]);
	who->phone = mem_format("138%08u", (unsigned)((hash >> 24) % 100000000));
	seal_open_id(people->app_id, name, who->open_id);
	/* another person may have been given this openid by PUT /sandbox/user */
	while (strmap_get(&people->by_open_id, who->open_id))
		seal_open_id(people->app_id, who->open_id, who->open_id);
	strmap_put(&people->by_name, &who->by_name, who->name, who);
	strmap_put(&people->by_open_id, &who->by_open_id, who->open_id, who);
	return who;
}

struct person *people_by_open_id(const struct people *people, const char *open_id)
{
	return strmap_get(&people->by_open_id, open_id);
}

int people_set_open_id(struct people *people, struct person *who, const char *open_id)
{
	struct person *holder = people_by_open_id(people, open_id);

	if (!*open_id || strlen(open_id) > PEOPLE_ID_LEN)
		return -EINVAL;
	if (holder)
		return holder == who ? 0 : -EEXIST;
	strmap_remove(&people->by_open_id, &who->by_open_id);
	snprintf(who->open_id, sizeof(who->open_id), "%s", open_id);
	strmap_put(&people->by_open_id, &who->by_open_id, who->open_id, who);
	return 0;
}

bool person_key_lives(const struct person *who, int64_t now_ms)
{
	return *who->session_key && now_ms - who->key_used_ms < KEY_IDLE_MS;
}

void person_login(struct person *who, bool fresh, int64_t now_ms)
{
	if (fresh || !person_key_lives(who, now_ms) ||
	    now_ms - who->key_made_ms >= KEY_FRESH_MS) {
		person_reset_key(who);
		who->key_made_ms = now_ms;
	}
	who->key_used_ms = now_ms;
	who->seen_ms = now_ms;
	who->phone_serial = who->key_serial;
}

void person_reset_key(struct person *who)
{
	seal_random_key(who->session_key);
	who->key_serial++;
}

static struct consent *consent_find(const struct person *who, const char *template_id)
{
	for (size_t i = 0; i < who->consent_count; i++)
		if (!strcmp(who->consents[i].template_id, template_id))
			return &who->consents[i];
	return NULL;
}

int person_consent(struct person *who, const char *template_id)
{
	struct consent *c = consent_find(who, template_id);

	if (!c) {
		if (who->consent_count == SANDBOX_MAX_CONSENTS)
			return -ENOSPC;
		if (!who->consents)
			who->consents = mem_new(SANDBOX_MAX_CONSENTS * sizeof(*c));
		c = &who->consents[who->consent_count++];
		c->template_id = mem_copy(template_id);
	}
	c->left++;
	return 0;
}

int person_use_consent(struct person *who, const char *template_id)
{
	struct consent *c = consent_find(who, template_id);

	if (!c || !c->left)
		return -EPERM;
	c->left--;
	return 0;
}
