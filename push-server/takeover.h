/* takeover.h - a new program takes over the listening sockets of a running one, so that no connection attempt is refused
 * or reset during an upgrade.  The old one starts the new one (SIGUSR2); they agree over a socket pair:
 *   new: "R", ready to open the history   old: stops accepting and storing, "G"   new: opens it, accepts
 * Until then connections wait in the sockets' queues.  The old one's end, however it comes, is a go as well.
 * Threads: the main one. */
#ifndef WXCHAT_TAKEOVER_H
#define WXCHAT_TAKEOVER_H

#include <stdbool.h>

struct server;

/* How many listening sockets came from a predecessor or from systemd's socket activation; 0 for none.  They begin at
 * descriptor 3.  Call once, before threads; *control is the predecessor's end or -1. */
int takeover_inherited(int *control);

/* The new one: says that it is ready and waits for the go.  False: there is nobody to say it to. */
bool takeover_wait(int control);

/* The old one: starts the program at path with argv and waits until it is ready.  On true *control is where to say go. */
bool takeover_start(const struct server *s, const char *path, char *const argv[], int *control);
/* False: the new one is gone, and nobody serves. */
bool takeover_go(int control);

/* Tells a service manager, if there is one ($NOTIFY_SOCKET): "READY=1", "STOPPING=1" ... */
void takeover_notify(const char *state);

#endif
