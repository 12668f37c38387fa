/* admin_api.h - the JSON API: requests in, asks to rooms and changes of what is kept about people out, answers back.
 * One style: {"ok":true,…} with 200, or {"ok":false,"error":"ERR_…","message":…} with a status that fits.
 * Threads: the admin's alone, but for api_post and the on_… that workers call. */
#ifndef WXCHAT_ADMIN_API_H
#define WXCHAT_ADMIN_API_H

#include <event2/http.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "buf.h"
#include "error.h"
#include "history.h"
#include "json.h"
#include "mailbox.h"
#include "store.h"
#include "uid.h"

struct server;

enum {
	API_BODY_MAX = 256 << 10,	/* bytes of a request; past it 413 */
	API_CALLS_MAX = 1000,		/* requests under way; past it 503 */
	API_ROOMS_MAX = 1000,		/* rooms in one listing */
	API_LIST_MAX = 10000,		/* people in one listing */
	API_BROADCAST_WINDOW = 64,	/* rooms of a broadcast that are under way at once */
	API_HISTORY_MAX = 500,		/* messages in one page ... */
	API_HISTORY_BYTES = 16 << 20	/* ... and bytes; past it fewer messages, but one */
};

/* What the API stands on; the admin's. */
struct api {
	struct server *server;
	struct mailbox *mailbox;	/* read by the admin's thread */
	struct store_reader *users;	/* server_member's; NULL until there is a store */
	struct history_reader *past;
	unsigned calls;			/* under way */
	atomic_uint posting;		/* workers that are handing mail over just now */
};

/* A worker's way to hand an answer over: the admin is not freed below its feet. */
void api_post(struct api *api, struct mail *mail);

/* A request under way. */
struct call {
	struct mail mail;		/* brings the answer back to the admin's thread */
	struct api *api;
	struct evhttp_request *request;
	struct json_object *body;	/* of a POST; or the query's parameters as strings */
	struct buf answer;		/* what a home said */
	void (*then)(struct call *call);
	char room[ROOM_NAME_MAX + 1];
	struct uid uid;
	struct gather *gather;		/* rooms and broadcast */
	struct broadcast *broadcast;
};

/* Takes the request if the path is one of ours; it is answered at once or later. */
void api_take(struct api *api, struct evhttp_request *request, const char *path);

/* Answers without a call. */
void api_refuse(struct evhttp_request *request, enum error e, int status, const char *message);
void api_send(struct evhttp_request *request, int status, const char *type, struct buf *body);

/* --- for the files of the API --- */

struct route {
	const char *path;		/* behind /api/ */
	bool is_post;
	void (*run)(struct call *call);
};
extern const struct route api_rooms_routes[], api_publish_routes[], api_people_routes[];	/* ended by a NULL path */

/* Each ends the call. */
void call_fail(struct call *call, enum error e, const char *message);
void call_ok(struct call *call);
void call_reply(struct call *call, struct buf *json);
/* Passes on what a home said: its fields behind "ok":true, or its refusal. */
void call_relay(struct call *call);

/* Waits for an answer, then goes on with then; the call is lost to the caller meanwhile. */
struct ask;
struct change;
void call_ask(struct call *call, struct ask *ask, void (*then)(struct call *call));
void call_change(struct call *call, const struct change *change, void (*then)(struct call *call));

struct worker;
/* In a worker's thread: sends the call on its way back, to call->then.  A people_done. */
void call_go_on(void *call, struct worker *w);

/* The call's answer was a refusal: it has been passed on.  Else false. */
bool call_refused(struct call *call);

/* Reads a field into the call, or ends it and returns false. */
bool call_room(struct call *call, bool is_needed);
bool call_uid(struct call *call);
/* 0 when absent; ends the call and returns false when it is not a number from least to most. */
bool call_number(struct call *call, const char *name, int64_t least, int64_t most, int64_t *out);

#endif
