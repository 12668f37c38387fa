/* links.h - the URLs that this program hands out.
 * Threads:  any.
 * Errors:   -EINVAL when neither base_url nor the request says where we are, -ENOMEM. */
#ifndef WXCHAT_LINKS_H
#define WXCHAT_LINKS_H

#include "service.h"

/* Appends "https://example.com": base_url's, or what the request's Host and scheme say. */
int links_origin(const struct call *c, struct buf *out);

/* Appends the URL of an uploaded file; name "" for the beginning that all share. */
int links_media(const struct call *c, const char *name, struct buf *out);

/* Appends the URL of a user's generated avatar, beside the route that is being served. */
int links_avatar(const struct call *c, const char *uid, struct buf *out);

/* Appends "wss://example.com/ws": [push] url, or the origin with [push] path. */
int links_push(const struct call *c, struct buf *out);

/* Is url a generated avatar of this user, wherever this program was mounted when it was handed out? */
bool links_is_generated(const char *url, const char *uid);

#endif
