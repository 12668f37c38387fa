/* test_relay.c - a sender of binary data is held back by what is on its way, and let go when that has arrived. */
#include "unit.h"

#include "push-server/bounds.h"
#include "push-server/mailbox.h"
#include "push-server/post.h"
#include "push-server/relay.h"

static unsigned resumed;

static void on_resume(void *worker, struct conn_ref sender)
{
	assert_null(worker);
	assert_int_equal(sender.slot, 7);
	resumed++;
}

/* Sends posts of that many bytes until the sender is to stop; how many that took. */
static unsigned send_until_stopped(struct relay *r, struct post **posts, unsigned max, size_t len)
{
	unsigned count = 0;
	bool is_stopped = false;

	while (!is_stopped && count < max) {
		posts[count] = post_new(POST_BINARY, NULL, len);
		assert_non_null(posts[count]);
		posts[count]->relay = r;
		is_stopped = relay_add(r, len);
		count++;
	}
	return count;
}

static void a_flood_is_stopped_and_goes_on(void **state)
{
	static const struct {
		const char *sentence;
		size_t len;
		unsigned most;		/* posts on their way */
	} rows[] = {
		{ "large posts", 64 << 10, RELAY_HIGH_BYTES / (64 << 10) },
		{ "a post larger than the mark", RELAY_HIGH_BYTES + 1, 1 },
		{ "posts of a byte", 1, RELAY_HIGH_BYTES / 128 },
		{ "empty posts", 0, RELAY_HIGH_BYTES / 128 },
	};
	static struct post *posts[RELAY_HIGH_BYTES / 128 + 1];
	const struct conn_ref sender = { .slot = 7 };
	struct mailbox box;
	size_t i;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	for (i = 0; i < COUNT(rows); i++) {
		struct relay *r = relay_new(&box, sender, RELAY_HIGH_BYTES, on_resume);
		unsigned count = send_until_stopped(r, posts, COUNT(posts), rows[i].len), n;

		if (count > rows[i].most)
			ROW_FAILS(rows[i].sentence, "%u posts", count);
		resumed = 0;
		for (n = 0; n < count; n++)
			post_unref(posts[n]);
		mailbox_read(&box, NULL);
		if (resumed != 1)
			ROW_FAILS(rows[i].sentence, "resumed %u times", resumed);
		relay_unref(r);
	}
	mailbox_fini(&box);
}

static void who_stays_below_the_mark_is_never_stopped(void **state)
{
	const struct conn_ref sender = { .slot = 7 };
	struct mailbox box;
	struct relay *r;
	unsigned i;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	r = relay_new(&box, sender, RELAY_HIGH_BYTES, on_resume);
	for (i = 0; i < 1000; i++) {
		struct post *p = post_new(POST_BINARY, NULL, RELAY_HIGH_BYTES / 2);

		p->relay = r;
		assert_false(relay_add(r, p->len));
		post_unref(p);
	}
	assert_int_equal(mailbox_waiting(&box), 0);
	relay_unref(r);
	mailbox_fini(&box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_stopped_and_goes_on),
		cmocka_unit_test(who_stays_below_the_mark_is_never_stopped),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
