/* fault.h - what is to go wrong, where, and how often.  Only the plans; exchange.c acts. */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

enum fault_kind {
	FAULT_NONE,
	FAULT_DELAY,		/* the right answer, late */
	FAULT_ERRCODE,		/* WeChat says no */
	FAULT_STATUS,		/* a gateway's page instead of WeChat */
	FAULT_HANG,		/* never an answer */
	FAULT_CLOSE,		/* the connection ends without one */
	FAULT_GARBAGE,		/* bytes that are not JSON, or not even HTTP */
	FAULT_TRUNCATE,		/* half of the right answer, then the end */
	FAULT_HUGE,		/* the right answer, grown */
	FAULT_CTLCHARS,		/* the right answer, raw control characters in a string of it */
	FAULT_SLOWBODY,		/* the right answer, byte by byte */
	FAULT_WRONGTYPE		/* the right answer, strings and numbers exchanged */
};

struct fault {
	enum fault_kind kind;
	int64_t ms;		/* wait before the answer; slowbody: between two pieces */
	int64_t bytes;		/* huge: size of the body; slowbody: size of a piece */
	int errcode;
	int status;
	bool raw;		/* garbage: instead of HTTP; close: by a reset */
	char text[256];		/* errcode: errmsg; status: body */
};

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* Adds what spec ({"path","kind","count",…}) asks for, after those that are there.  NULL,
 * or what is wrong with it, in words. */
const char *faults_add(struct faults *faults, struct json_object *spec);

/* Forgets those of the path, or all of them (NULL). */
void faults_clear(struct faults *faults, const char *path);

/* The oldest fault that is left for the path, counted down; FAULT_NONE when there is none.
 * A fault of path "*" fits whatever is_server says is WeChat's. */
struct fault faults_take(struct faults *faults, const char *path, bool is_server);

/* What is left, as a JSON array; the caller owns it. */
struct json_object *faults_list(const struct faults *faults);

#endif
