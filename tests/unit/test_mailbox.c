/* test_mailbox.c - mail between threads: all of it arrives, each sender's in its order, and the owner is woken. */
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "push-server/mailbox.h"

enum { SENDERS = 4, MAILS = 5000 };

struct letter {
	struct mail mail;
	unsigned sender, number;
};

struct reader {
	unsigned next[SENDERS], count;
	struct mailbox *box;
	bool answers;		/* each letter of sender 0 posts another one */
};

static void letter_run(struct mail *mail, void *owner)
{
	struct letter *l = (struct letter *)mail;
	struct reader *r = owner;

	if (l->number == r->next[l->sender])
		r->next[l->sender]++;
	r->count++;
	if (r->answers) {
		struct letter *answer = malloc(sizeof(*answer));

		r->answers = false;
		*answer = (struct letter){ { .run = letter_run }, 1, 0 };
		mailbox_post(r->box, &answer->mail);
	}
	free(l);
}

static struct letter *letter_new(unsigned sender, unsigned number)
{
	struct letter *l = malloc(sizeof(*l));

	*l = (struct letter){ { .run = letter_run }, sender, number };
	return l;
}

static void list_add(struct mail_list *list, struct letter *l)
{
	STAILQ_INSERT_TAIL(list, &l->mail, link);
}

static bool is_woken(const struct mailbox *box)
{
	struct pollfd p = { .fd = box->wake_fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void mail_wakes_once_and_is_read_in_order(void **state)
{
	struct mail_list list = STAILQ_HEAD_INITIALIZER(list);
	struct reader r = { { 0 }, 0, NULL, false };
	struct mailbox box;
	unsigned i;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	assert_false(is_woken(&box));
	mailbox_post_list(&box, &list, 0);
	assert_false(is_woken(&box));
	mailbox_post(&box, &letter_new(0, 0)->mail);
	for (i = 1; i < 10; i++)
		list_add(&list, letter_new(0, i));
	mailbox_post_list(&box, &list, 9);
	assert_true(STAILQ_EMPTY(&list));
	assert_int_equal(mailbox_waiting(&box), 10);
	assert_true(is_woken(&box));
	mailbox_read(&box, &r);
	assert_int_equal(r.next[0], 10);
	assert_int_equal(mailbox_waiting(&box), 0);
	assert_false(is_woken(&box));
	mailbox_read(&box, &r);
	assert_int_equal(r.count, 10);
	mailbox_fini(&box);
}

static void what_is_posted_while_mail_is_read_wakes_again(void **state)
{
	struct mailbox box;
	struct reader r = { { 0 }, 0, &box, true };

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	mailbox_post(&box, &letter_new(0, 0)->mail);
	mailbox_read(&box, &r);
	assert_int_equal(r.count, 1);
	assert_true(is_woken(&box));
	mailbox_read(&box, &r);
	assert_int_equal(r.count, 2);
	mailbox_fini(&box);
}

struct sender {
	struct mailbox *box;
	unsigned number;
};

static void *send_many(void *arg)
{
	struct sender *s = arg;
	struct mail_list list = STAILQ_HEAD_INITIALIZER(list);
	unsigned i, count = 0;

	for (i = 0; i < MAILS; i++) {
		if (i % 3 == 0) {
			list_add(&list, letter_new(s->number, i));
			count++;
			continue;
		}
		/* what was gathered goes first, so that the order stands */
		mailbox_post_list(s->box, &list, count);
		count = 0;
		mailbox_post(s->box, &letter_new(s->number, i)->mail);
	}
	mailbox_post_list(s->box, &list, count);
	return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
	struct reader r = { { 0 }, 0, NULL, false };
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	struct mailbox box;
	unsigned i;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	for (i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ &box, i };
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
	}
	while (r.count < SENDERS * MAILS) {
		struct pollfd p = { .fd = box.wake_fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 20000), 1);
		mailbox_read(&box, &r);
	}
	for (i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(r.next[i], MAILS);
	}
	assert_int_equal(mailbox_waiting(&box), 0);
	mailbox_fini(&box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_wakes_once_and_is_read_in_order),
		cmocka_unit_test(what_is_posted_while_mail_is_read_wakes_again),
		cmocka_unit_test(nothing_is_lost_between_threads),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
