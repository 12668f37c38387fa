/* ctl.h - what the files of wxchatctl share.  One thread; errors are told on stderr where they happen, and become the
 * exit code. */
#ifndef WXCHAT_CTL_H
#define WXCHAT_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "json.h"
#include "store.h"

/* Exit codes, as the manual promises them. */
enum {
	CTL_OK = 0,
	CTL_FAILED = 1,		/* it was refused, or could not be done */
	CTL_USAGE = 2,		/* bad arguments or configuration */
	CTL_NOT_FOUND = 3,
	CTL_NOT_RUNNING = 4	/* the push server does not answer */
};

struct http;

struct ctl {
	const struct config *config;
	bool json;
	/* options of the commands; NULL when not given */
	const char *uid, *room, *cid, *reason, *seconds, *limit, *before, *message, *avatar, *nick;
	bool all, yes;
	unsigned given;		/* a bit for each option, main's */
	struct store *store;	/* opened when needed */
	struct http *http;
};

struct command {
	const char *name, *usage, *help;
	int least, most;	/* arguments behind the name */
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *options;	/* main's letters of those that go with it */
};
/* Each ended by a NULL name. */
extern const struct command people_commands[], live_commands[], copy_commands[], doctor_commands[];

/* stderr: "wxchatctl: …".  Returns code. */
int ctl_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text that users chose, made safe for a terminal: control characters become '?'. */
void put_text(const char *text, size_t len);
/* The same in a column of so many places; wide characters take two. */
void put_column(const char *text, size_t len, unsigned places);
void put_time(int64_t time_ms);

/* The session store; NULL has been told. */
struct store *ctl_store(struct ctl *ctl, bool to_write);

/* Asks the push server: body NULL for a GET.  0 with the answer (json_object_put it), else an exit code, told. */
int api_ask(struct ctl *ctl, const char *path, struct json_object *body, struct json_object **answer);
/* Where the admin API is: the URL of its first TCP address; without one, a URL for the first unix socket, and the socket.
 * -EINVAL when it is off. */
int api_place(const struct config *config, struct buf *url, struct buf *socket);
/* The first line of the token file; -ENOENT, or another errno. */
int api_token(const struct config *config, struct buf *out);

/* A parameter of a GET: `&name=value` or, first, `?name=value`. */
int api_parameter(struct buf *path, const char *name, const char *value);

/* A member as text, "" when absent. */
const char *ctl_text(struct json_object *o, const char *key, size_t *len);
int64_t ctl_int(struct json_object *o, const char *key);

/* One JSON object and a newline to stdout. */
void ctl_print_json(struct json_object *o);

#endif
