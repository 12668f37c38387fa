/* listener.h - accepting: each worker for itself, from sockets of its own (SO_REUSEPORT) or shared ones.
 * Threads: listener_open before threads start; the others the worker's. */
#ifndef WXCHAT_LISTENER_H
#define WXCHAT_LISTENER_H

#include <stdbool.h>

struct server;
struct worker;

/* Fills server->listening: from descriptors that were handed over (by a predecessor or systemd; count of them from
 * descriptor 3), else by binding each address of [push] listen.  -errno with why. */
int listener_open(struct server *s, int inherited, char why[static 200]);
void listener_close(struct server *s);

/* The worker starts accepting, or stops for good. */
int listener_start(struct worker *w);
void listener_stop(struct worker *w);

/* The tick: resumes after a pause for want of descriptors. */
void listener_tick(struct worker *w);

#endif
