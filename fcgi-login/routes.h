/* routes.h - the handlers behind the router's table.  Each fills the call's answer and returns ERR_NONE, or returns
 * an error, of which the router makes the answer.
 * Threads:  any; the call is the caller's.
 * Waiting:  for the store's disk and for WeChat, within its timeout. */
#ifndef WXCHAT_ROUTES_H
#define WXCHAT_ROUTES_H

#include "service.h"

void route_login(struct call *c);		/* login.c; ends the call by itself, and lets go of the thread */
enum error route_user(struct call *c);		/* user.c */
enum error route_logout(struct call *c);
enum error route_health(struct call *c);
enum error route_authorize(struct call *c);	/* the authorizer role: any URL */
enum error route_profile(struct call *c);	/* profile.c */
enum error route_avatar(struct call *c);	/* avatar.c */
enum error route_phone(struct call *c);		/* phone.c */
enum error route_tunnel(struct call *c);	/* tunnel.c */
enum error route_upload(struct call *c);	/* upload.c */
enum error route_message(struct call *c);	/* message.c */

/* Adds the variables that a web server's authorizer hands to the guarded script. */
int route_add_variables(struct answer *a, const struct user *user);

#endif
