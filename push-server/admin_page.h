/* admin_page.h - the console, one page that is built into the program (console/build.sh puts it together).
 * Threads: the admin's. */
#ifndef WXCHAT_ADMIN_PAGE_H
#define WXCHAT_ADMIN_PAGE_H

struct evhttp_request;

/* Answers with the page.  Its script and style run because they carry this answer's nonce; nothing else may. */
void page_send(struct evhttp_request *request);

#endif
