/* bucket.h - an S3-compatible bucket: putting, removing, and letting others put.
 * Threads:  any; the http handle is the caller's.
 * Waiting:  bucket_put and bucket_remove wait for the network.
 * Errors:   0 or a negative errno; -EPROTO when the service refused. */
#ifndef WXCHAT_BUCKET_H
#define WXCHAT_BUCKET_H

#include <stdint.h>

#include "config.h"
#include "http.h"
#include "media.h"

/* Puts a file of size bytes, at whose beginning fd stands, under name. */
int bucket_put(struct http *http, const struct config *config, const char *name, const struct media_type *type,
	       int fd, uint64_t size);

/* Fine when it is gone already. */
int bucket_remove(struct http *http, const struct config *config, const char *name);

/* Appends the JSON object {"url","fields":{…},"expires"} of a form that lets anybody who has it put one file of at
 * most max_size bytes under name until expires_s (AWS Signature Version 4, POST policy). */
int bucket_form(const struct config *config, const char *name, const struct media_type *type, uint64_t max_size,
		int64_t now_s, int64_t expires_s, struct buf *out);

#endif
