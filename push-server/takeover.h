/* takeover.h - a new program takes over the listening sockets of a running one, so that no connection attempt is refused
 * or reset during an upgrade.  The old one starts the new one (SIGUSR2); they agree over a socket pair:
 *   new: "R", ready to open the history   old: stops accepting and storing, "G"   new: opens it, accepts
 * Threads: the main one. */
#ifndef WXCHAT_TAKEOVER_H
#define WXCHAT_TAKEOVER_H

#include <stdbool.h>

struct server;

/* How many listening sockets came from a predecessor or from systemd's socket activation; 0 for none.  They begin at
 * descriptor 3.  Call once, before threads; *control is the predecessor's end or -1. */
int takeover_inherited(int *control);

/* The new one: says that it is ready and waits for the go.  False: the old one thinks otherwise. */
bool takeover_wait(int control);

/* The old one: starts the program at path with argv and waits until it is ready.  On true *control is where to say go. */
bool takeover_start(const struct server *s, const char *path, char *const argv[], int *control);
void takeover_go(int control);

/* Tells a service manager, if there is one ($NOTIFY_SOCKET): "READY=1", "STOPPING=1" ... */
void takeover_notify(const char *state);

#endif
