/* server.h - what all workers share: set before they start, constant afterwards but for what is atomic. */
#ifndef WXCHAT_SERVER_H
#define WXCHAT_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "history.h"
#include "store.h"

struct addresses;
struct admin;
struct hooks;
struct tls_context;
struct worker;

/* A socket that a worker accepts from. */
struct listening {
	int fd;
	bool is_tcp;
	unsigned worker;
};

struct server {
	const struct config *config;
	struct store *_Atomic store;	/* NULL until fcgi-login has made it; see server_store */
	pthread_mutex_t store_lock;
	struct history *history;
	struct worker *workers;
	unsigned worker_count;
	struct listening *listening;
	unsigned listening_count;
	struct tls_context *tls;	/* NULL without */
	struct addresses *addresses;	/* connections per address; NULL without a limit */
	struct hooks *hooks;		/* content check, webhooks, notices; NULL when all are off */
	struct admin *admin;		/* NULL when off */
	atomic_bool is_over_memory;	/* past max_memory_mb */
	atomic_bool is_ending;		/* workers read no more mail */
	int64_t started_ms;
};

/* The session store; opened by the first who asks once it is there.  NULL: nobody has ever logged in.  Any thread. */
struct store *server_store(struct server *s);

/* The caller's own reader of it, opened into *reader as soon as it can be; NULL until then.  One thread a reader. */
struct store_reader *server_reader(struct server *s, struct store_reader **reader);

/* store_member through such a reader; -ENOENT also while there is no store. */
int server_member(struct server *s, struct store_reader **reader, const char *uid, struct member *out);

/* Opens the history, unless another server writes to it. */
int server_open(struct server *s, char why[static 200]);

/* What is open is closed: for a server that was never started. */
void server_close(struct server *s);

/* Starts the history, the workers, hooks and the operator's listener.  History, listening sockets and TLS are open already. */
int server_start(struct server *s, char why[static 200]);

/* Lets the workers take connections. */
void server_accept(struct server *s);

/* No new connections; the open ones are closed with 1012 over drain_s.  refuse_messages: a successor takes them, so what
 * is said here from now on is left to be said there; when this returns, all that was said before is stored, and nothing
 * writes to the history any more. */
void server_drain(struct server *s, bool refuse_messages);

/* How many connections are open. */
uint64_t server_connections(const struct server *s);

/* Ends everything; messages that were taken are stored. */
void server_stop(struct server *s);

#endif
