/* make_sessions.c - users with sessions, written into the session store as fcgi-login writes them, but without WeChat.
 *   make_sessions DIR COUNT        prints "id skey uid" for each */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/usage.h"
#include "shared/clock.h"
#include "shared/crypto.h"
#include "shared/encode.h"
#include "shared/store.h"

enum { THREADS = 64, SESSION_MS = 86400000 };

struct made {
	char id[2 * SESSION_ID_LEN + 1], skey[65], uid[UID_LEN + 1];
};

static struct store *store;
static struct made *all;
static unsigned count;

static void make_one(unsigned i)
{
	struct store_login login = { .now_ms = clock_wall_ms() };
	struct user *user = &login.user;
	struct session *session = &login.session;
	struct made *made = &all[i];
	struct span skey = { made->skey, 64 };
	uint8_t random[32];
	int r;

	snprintf(user->openid, sizeof(user->openid), "bench-%u", i);
	snprintf(user->nick, sizeof(user->nick), "微信用户%05u", i);
	snprintf(user->avatar, sizeof(user->avatar), "https://example.com/avatar/%05u/132", i);
	if (crypto_random(session->id, sizeof(session->id)) < 0 || crypto_random(random, sizeof(random)) < 0)
		die("no random bytes");
	hex_encode(random, sizeof(random), made->skey);
	hex_encode(session->id, sizeof(session->id), made->id);
	crypto_sha256(&skey, 1, session->skey_hash);
	session->created_ms = session->renewed_ms = login.now_ms;
	session->expires_ms = login.now_ms + SESSION_MS;
	if ((r = store_login(store, &login)) < 0)
		die("a session cannot be stored: %s", strerror(-r));
	memcpy(made->uid, session->uid, sizeof(made->uid));
}

/* Many at once, since what is asked for together is committed together. */
static void *make_share(void *first)
{
	unsigned i;

	for (i = *(unsigned *)first; i < count; i += THREADS)
		make_one(i);
	return NULL;
}

int main(int argc, char *argv[])
{
	struct store_options options = { .map_size = 256 << 20, .per_user = 8 };
	pthread_t threads[THREADS];
	unsigned first[THREADS], i;
	char why[200] = "";

	if (argc != 3)
		die("usage: make_sessions DIR COUNT");
	options.dir = argv[1];
	count = (unsigned)strtoul(argv[2], NULL, 10);
	all = calloc(count ? count : 1, sizeof(*all));
	if (!all || crypto_init() < 0 || store_open(&options, &store, why) < 0)
		die("%s", why[0] ? why : "not enough memory");
	for (i = 0; i < THREADS; i++) {
		first[i] = i;
		if (pthread_create(&threads[i], NULL, make_share, &first[i]) != 0)
			die("no thread");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	store_close(store);
	for (i = 0; i < count; i++)
		printf("%s %s %s\n", all[i].id, all[i].skey, all[i].uid);
	return 0;
}
