/* event.h - what WeChat tells about users and uploads, and what follows from it.
 * Threads:  any; the call is the caller's.
 * Waiting:  for the store's disk, and for the bucket when a file is removed. */
#ifndef WXCHAT_EVENT_H
#define WXCHAT_EVENT_H

#include "json.h"
#include "service.h"

/* Carries out what a message asks for and puts it into the store's queue, where the push server and the operator
 * find it:
 *   {"kind":"media","url":U,"uid":U,"risky":bool,"label":L}	a media check's verdict
 *   {"kind":"user","event":E,"uid":U}				the user ended or changed what they gave us
 *   {"kind":"event","event":E,"data":{…}}			any other event, as it came
 *   {"kind":"message","type":T,"data":{…}}			a message of a user to the mini-program's staff
 * 0 or a negative errno: then it should be told again. */
int event_take(struct call *c, struct json_object *message);

#endif
