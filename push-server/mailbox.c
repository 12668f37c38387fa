/* mailbox.c - a list under a lock and an eventfd. */
#include "mailbox.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *box)
{
	STAILQ_INIT(&box->list);
	atomic_init(&box->waiting, 0);
	box->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (box->wake_fd < 0)
		return -errno;
	pthread_mutex_init(&box->lock, NULL);
	return 0;
}

void mailbox_fini(struct mailbox *box)
{
	close(box->wake_fd);
	pthread_mutex_destroy(&box->lock);
}

static void mailbox_wake(struct mailbox *box)
{
	eventfd_write(box->wake_fd, 1);
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
	bool was_empty;

	/* Counted before it can be read: the count never passes below nothing. */
	atomic_fetch_add_explicit(&box->waiting, 1, memory_order_relaxed);
	pthread_mutex_lock(&box->lock);
	was_empty = STAILQ_EMPTY(&box->list);
	STAILQ_INSERT_TAIL(&box->list, mail, link);
	pthread_mutex_unlock(&box->lock);
	if (was_empty)		/* otherwise a wake-up is already on its way */
		mailbox_wake(box);
}

void mailbox_post_list(struct mailbox *box, struct mail_list *list, unsigned count)
{
	bool was_empty;

	if (STAILQ_EMPTY(list))
		return;
	atomic_fetch_add_explicit(&box->waiting, count, memory_order_relaxed);
	pthread_mutex_lock(&box->lock);
	was_empty = STAILQ_EMPTY(&box->list);
	STAILQ_CONCAT(&box->list, list);
	pthread_mutex_unlock(&box->lock);
	if (was_empty)
		mailbox_wake(box);
}

void mailbox_read(struct mailbox *box, void *owner)
{
	struct mail_list list = STAILQ_HEAD_INITIALIZER(list);
	struct mail *mail, *next;
	eventfd_t count;

	eventfd_read(box->wake_fd, &count);
	pthread_mutex_lock(&box->lock);
	STAILQ_CONCAT(&list, &box->list);
	pthread_mutex_unlock(&box->lock);
	for (mail = STAILQ_FIRST(&list); mail; mail = next) {
		next = STAILQ_NEXT(mail, link);
		atomic_fetch_sub_explicit(&box->waiting, 1, memory_order_relaxed);
		mail->run(mail, owner);
	}
}

unsigned mailbox_waiting(const struct mailbox *box)
{
	return atomic_load_explicit(&box->waiting, memory_order_relaxed);
}
