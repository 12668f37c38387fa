/* admin.h - the operator's listener: metrics, API and console page, on a thread of its own, so that a slow operator
 * delays no chat.
 * Token:    the file is read again whenever it has changed; without one the API refuses everybody.
 * Threads:  admin_start and admin_stop the one that starts and stops the server. */
#ifndef WXCHAT_ADMIN_H
#define WXCHAT_ADMIN_H

struct admin;
struct server;

/* After the workers are initialised.  *out is NULL when [admin] listen is empty; admin_stop takes NULL, too.
 * -errno with why. */
int admin_start(struct server *s, struct admin **out, char why[static 200]);

/* Before the workers end, because requests that are under way wait for their answers: three seconds at most.  What has none
 * by then is given up with its connection, and a little memory stays for answers that come late. */
void admin_stop(struct admin *a);

#endif
