/* server.h - what all workers share: set before they start, constant afterwards but for what is atomic. */
#ifndef WXCHAT_SERVER_H
#define WXCHAT_SERVER_H

#include <openssl/ssl.h>
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

enum { LISTENERS_MAX = 8 };

struct server {
	const struct config *config;
	struct store *store;
	struct history *history;
	struct worker *workers;
	unsigned worker_count;
	/* listen_fds[listener][worker]: each worker accepts for itself */
	int *listen_fds[LISTENERS_MAX];
	bool listener_is_tcp[LISTENERS_MAX];
	unsigned listener_count;
	struct tls_context *tls;	/* NULL without */
	struct addresses *addresses;	/* connections per address; NULL without a limit */
	struct hooks *hooks;		/* content check, webhooks, notices; NULL when all are off */
	struct admin *admin;		/* NULL when off */
	atomic_bool is_over_memory;	/* past max_memory_mb */
	int64_t started_ms;
};

#endif
