/* mailbox.h - how threads talk: a list under a lock and an eventfd.
 * Threads:  mailbox_post* any; the others the owner's.
 * Bounds:   none here: what enters is bounded at its source (each connection may have PENDING_MAX messages
 *           on their way, and the history holds back while a mailbox is longer than MAIL_HIGH). */
#ifndef WXCHAT_MAILBOX_H
#define WXCHAT_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* A thing to be done in another thread.  run owns the mail and frees it. */
struct mail {
	STAILQ_ENTRY(mail) link;
	void (*run)(struct mail *mail, void *owner);
};
STAILQ_HEAD(mail_list, mail);

struct mailbox {
	pthread_mutex_t lock;
	struct mail_list list;		/* under lock */
	atomic_uint waiting;
	int wake_fd;			/* readable while mail waits */
};

int mailbox_init(struct mailbox *box);
/* Runs nothing: mail that still waits is run by a last mailbox_read before. */
void mailbox_fini(struct mailbox *box);

void mailbox_post(struct mailbox *box, struct mail *mail);
/* All of list in one go; list is empty afterwards. */
void mailbox_post_list(struct mailbox *box, struct mail_list *list, unsigned count);

/* Runs all that waits, in order; owner is passed on. */
void mailbox_read(struct mailbox *box, void *owner);

/* How many wait now, roughly. */
unsigned mailbox_waiting(const struct mailbox *box);

#endif
