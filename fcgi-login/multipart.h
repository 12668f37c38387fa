/* multipart.h - multipart/form-data (RFC 7578, RFC 2046 5.1), piece by piece in constant memory.
 * Threads: one owner.  No input makes it store more than this struct. */
#ifndef WXCHAT_MULTIPART_H
#define WXCHAT_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MULTIPART_BOUNDARY_MAX = 70,	/* RFC 2046 5.1.1 */
	MULTIPART_HEAD_MAX = 4096,	/* headers of one part */
	MULTIPART_NAME_MAX = 128,
	MULTIPART_PARTS_MAX = 32
};

/* What a part says of itself; "" where it says nothing.  Chosen by the client. */
struct multipart_part {
	char name[MULTIPART_NAME_MAX];
	char filename[MULTIPART_NAME_MAX];
	bool is_file;		/* it has a filename, be it empty */
};

/* Called in the order of the body; a negative return ends the parsing with it. */
struct multipart_handler {
	int (*on_part)(void *arg, const struct multipart_part *part);
	int (*on_data)(void *arg, const char *bytes, size_t len);
	int (*on_part_end)(void *arg);
	void *arg;
};

struct multipart {
	char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1];	/* CR LF -- boundary */
	size_t delimiter_len, matched;
	enum { MULTIPART_PREAMBLE, MULTIPART_TAIL, MULTIPART_HEAD, MULTIPART_DATA, MULTIPART_DONE } state;
	char tail;		/* what came behind a delimiter so far: 0, '-', '\r' or ' ' */
	char head[MULTIPART_HEAD_MAX];
	size_t head_len;
	unsigned parts;
};

/* From a request's Content-Type.  -EINVAL when it is not multipart/form-data with a fair boundary. */
int multipart_init(struct multipart *m, const char *content_type);

/* Takes the next bytes.  -EBADMSG when they break the format, or what the handler returned. */
int multipart_feed(struct multipart *m, const char *bytes, size_t len, const struct multipart_handler *h);

/* Has the last delimiter been seen?  Without it the body was cut short. */
bool multipart_done(const struct multipart *m);

#endif
