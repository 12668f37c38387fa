/* push.h - message push: WeChat's servers calling the developer's server.  Plain, compatible
 * or safe mode, JSON or XML; three attempts, each cut after five seconds. */
#ifndef PUSH_H
#define PUSH_H

#include <stdbool.h>

struct json_object;
struct push;
struct sandbox;

/* What came of it: the HTTP status of the last attempt (0: no answer) and its body, which is
 * borrowed for the call.  accepted: 200 and, for a verification, the echostr. */
typedef void push_done(void *arg, bool accepted, int status, const char *body);

struct push *push_new(struct sandbox *sb);

/* Ends what is under way; its done is called, as if no answer had come. */
void push_free(struct push *push);

/* Takes over what is in spec: {"url","token","aesKey","mode","format","timeout"}.  NULL, or
 * what is wrong, in words; then nothing has changed. */
const char *push_configure(struct push *push, struct json_object *spec);

/* Is there a URL to push to? */
bool push_is_on(const struct push *push);

/* {"ToUserName","FromUserName","CreateTime","MsgType":"event","Event"}; the caller owns it. */
struct json_object *push_event(const struct push *push, const char *open_id, const char *event);

/* Sends the message, and takes it.  done may be NULL.  Without a URL, or with
 * SANDBOX_MAX_JOBS under way, nothing is sent and done is called at once. */
void push_send(struct push *push, struct json_object *message, push_done *done, void *arg);

/* The GET by which WeChat asks whether the URL is ours.  done as above. */
void push_verify(struct push *push, push_done *done, void *arg);

#endif
