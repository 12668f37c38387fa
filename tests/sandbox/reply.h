/* reply.h - the way an answer takes to the client: whole and at once, or as a fault has it. */
#ifndef REPLY_H
#define REPLY_H

#include "fault.h"

struct evhttp_request;
struct json_object;
struct sandbox;

/* Answers the request, which is then libevent's.  body is copied; kinds that change the
 * right answer (truncate, huge, ctlchars, wrongtype) take it for a JSON object. */
void reply_send(struct sandbox *sb, struct evhttp_request *req, const struct fault *fault,
		int status, const char *type, const char *body);

/* hang, close and garbage: nothing of what was asked is answered. */
void reply_break(struct sandbox *sb, struct evhttp_request *req, const struct fault *fault);

/* Forgets all that wait.  Before evhttp_free, which closes their connections. */
void reply_drop_all(struct sandbox *sb);

#endif
