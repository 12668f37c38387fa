/* media.h - which files may be uploaded, told by their content, and the names and URLs that they get.
 * Threads:  the types are constant; a sniffer belongs to one thread. */
#ifndef WXCHAT_MEDIA_H
#define WXCHAT_MEDIA_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "config.h"

/* Bytes of the beginning that the type is told from. */
enum { MEDIA_HEAD = 4096, MEDIA_NAME_MAX = 48, MEDIA_TYPES_MAX = 32, MEDIA_WHY_SIZE = 320 };

struct media_type {
	const char *name;		/* "image/jpeg" */
	const char *extension;		/* "jpg": chosen by us, never by the client */
	int check;			/* WeChat's media_type for the media check: 1 audio, 2 image, 0 none */
};

/* Those that the configuration lets in. */
struct media_types {
	const struct media_type *allowed[MEDIA_TYPES_MAX];
	unsigned count;
};

/* All that [media] types may name, for people. */
#define MEDIA_TYPES_KNOWN "image/jpeg png gif webp bmp heic, audio/mpeg mp4 aac x-wav amr ogg flac, video/mp4 quicktime webm, " \
	"application/pdf zip, text/plain"

/* From [media] types; a type that is not known here (there is no HTML, SVG or script among them) is -EINVAL. */
int media_types_read(struct media_types *t, const char *list, char why[static MEDIA_WHY_SIZE]);

/* An allowed type by its name or one of its other names; NULL when there is none. */
const struct media_type *media_type_named(const struct media_types *t, const char *name);

/* libmagic, loaded.  NULL when that fails. */
struct media_sniffer;
struct media_sniffer *media_sniffer_new(void);
void media_sniffer_free(struct media_sniffer *s);

/* The allowed type of a file that begins so; NULL when it is none. */
const struct media_type *media_sniff(struct media_sniffer *s, const struct media_types *t, const void *head,
				     size_t len);

/* A new random name with the type's extension. */
int media_name(const struct media_type *type, char out[static MEDIA_NAME_MAX]);

/* Appends the URL by which the public gets a file out of the bucket, and the one by which we put it there (both
 * begin the same unless s3_url says otherwise). */
int media_bucket_url(const struct config *config, const char *name, struct buf *out);
int media_bucket_endpoint(const struct config *config, const char *name, struct buf *out);

#endif
