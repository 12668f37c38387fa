/* media.h - checks pictures and sounds and reports the verdict by message push.  A loopback
 * URL is downloaded and its bytes are judged; of any other the text of the URL is, because
 * this program speaks to no one else. */
#ifndef MEDIA_H
#define MEDIA_H

struct media;
struct sandbox;

struct media *media_new(struct sandbox *sb);
void media_free(struct media *media);	/* ends what is under way */

/* Pushes the verdict when there is one.  All texts are copied.  With SANDBOX_MAX_JOBS under
 * way the check is dropped. */
void media_check(struct media *media, const char *url, const char *open_id,
		 const char *trace_id);

#endif
