/* service.h - what the requests of this process share, what each thread has of its own, and one call of a route.
 * Threads:  a struct service is everybody's; a struct worker one thread's; a struct call is its thread's, until a handler
 *           that lets go of the thread hands it on.
 * SIGHUP makes a new struct settings; each worker goes over to it at its next request. */
#ifndef WXCHAT_SERVICE_H
#define WXCHAT_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "bans.h"
#include "config.h"
#include "error.h"
#include "gate.h"
#include "http_loop.h"
#include "media.h"
#include "pushcrypt.h"
#include "request.h"
#include "store.h"
#include "wechat.h"

enum { SEAL_KEY_LEN = 32 };

/* What follows from the configuration; constant. */
struct settings {
	unsigned refs;				/* under service.lock */
	struct config *config;
	struct wechat_shared *wechat;
	struct media_types types;
	uint8_t seal_key[SEAL_KEY_LEN];		/* seals session_keys in the store */
	uint8_t push_key[PUSH_KEY_LEN];		/* of the message push's safe mode */
	bool has_push_key;
	int wechat_max, wechat_waiting_max;	/* threads that may wait for WeChat at once, and for a place among them */
};

/* How long a request waits for a place among those that wait for WeChat. */
enum { GATE_WAIT_MS = 300 };

struct service {
	struct store *store;
	struct bans *bans;
	struct audit audit;
	pthread_mutex_t lock;			/* guards settings and its refs */
	struct settings *settings;
	atomic_uint generation;			/* goes up with each new settings */
	struct gate wechat_gate;		/* threads that wait for WeChat */
	struct http_loop *loop;			/* asks WeChat for those that let go of their thread; NULL: nobody does */
	atomic_llong swept_ms;			/* when leftovers of uploads were last removed */
};

/* Takes config in any case.  On failure why says what is wrong with it, for people. */
struct settings *settings_new(struct config *config, struct store *store, char why[static 200]);

/* Opens the store, derives the settings; takes config.  0, or -1 with why filled. */
int service_init(struct service *s, struct config *config, char why[static 200]);
void service_fini(struct service *s);

/* Starts the threads to which logins are left: one that asks WeChat, one that commits.  Without them each login keeps its own
 * thread to the end.  0 or a negative errno. */
int service_start(struct service *s);

/* Lets them carry out what they were left with, for up to deadline_ms.  false: they have not, and nothing may be freed.
 * Nobody may serve requests meanwhile.  Fine when not all could be started. */
bool service_stop(struct service *s, int deadline_ms);

/* Puts new settings in place; takes them. */
void service_renew(struct service *s, struct settings *settings);

struct worker {
	struct service *service;
	struct settings *settings;		/* a reference */
	unsigned generation;
	struct wechat *wechat;			/* made when first needed */
	struct http *http;			/* for the bucket; made when first needed */
	struct media_sniffer *sniffer;		/* made at the first upload */
};

void worker_init(struct worker *w, struct service *s);
void worker_fini(struct worker *w);

/* At the beginning of each request: goes over to the newest settings. */
void worker_refresh(struct worker *w);

/* NULL when memory ran out. */
struct wechat *worker_wechat(struct worker *w);
struct http *worker_http(struct worker *w);

struct call {
	struct service *service;
	struct worker *w;		/* NULL once the call has let go of its thread */
	const struct config *config;
	struct settings *settings;	/* the worker's; the call's own once it has let go */
	struct request *rq;
	struct store *store;
	void (*on_ended)(struct call *c);	/* its owner's: the answer has been sent, and the call may go */
	int64_t now_ms;
	int64_t began_us;
	char address[ADDRESS_MAX];	/* the client's */
	struct answer answer;
	const char *message;		/* for an error, instead of the usual words; constant text */
	const char *allow;		/* for a method refused: those that are not; constant text */
	char detail[128];		/* JSON text for an error, or "" */
	unsigned retry_s;		/* Retry-After, or 0 */
	char uid[UID_LEN + 1];		/* once known: for the log */
};

/* The thread may go on to other requests while this one waits; the request's input is read to its end first, so that nobody
 * has to wait for it later.  At its end such a call returns what it holds. */
void call_let_go(struct call *c);
void call_return(struct call *c);

/* For handlers that fail: keeps message, returns e. */
enum error call_fail(struct call *c, enum error e, const char *message);

/* A store's errno as what the client is told; logs it. */
enum error call_store_failed(struct call *c, const char *what, int r);

enum { RATE_WINDOW_S = 60 };

/* Counts one use by who: ERR_RATE_LIMITED, with Retry-After, once there were limit in a minute.  0 is no limit. */
enum error call_rate(struct call *c, const char *what, const char *who, int64_t limit);

/* Before and after asking WeChat: false when as many others wait as may (503, with Retry-After). */
bool call_wechat_enter(struct call *c);
void call_wechat_leave(struct call *c);

/* What WeChat told, as the error's detail, and in the log. */
enum error call_wechat_failed(struct call *c, enum error e, const struct wechat_told *told, const char *what);

#endif
