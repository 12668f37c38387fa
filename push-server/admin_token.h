/* admin_token.h - the operator's bearer token: the first line of a file, read again whenever the file has changed.
 * Threads: the admin's.  The token is wiped when it goes. */
#ifndef WXCHAT_ADMIN_TOKEN_H
#define WXCHAT_ADMIN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { TOKEN_TEXT_MAX = 512, TOKEN_TEXT_GOOD = 16 };	/* shorter ones are taken, and warned of */

struct token {
	const char *path;
	char text[TOKEN_TEXT_MAX];
	size_t len;			/* 0: there is none */
	struct stat seen;
	bool has_seen;
};

/* path "" means none. */
void token_init(struct token *t, const char *path);
void token_fini(struct token *t);

enum token_verdict { TOKEN_GOOD, TOKEN_BAD, TOKEN_NONE_KEPT };

/* header is the value of Authorization, or NULL.  The comparison takes the same time whatever differs. */
enum token_verdict token_check(struct token *t, const char *header);

#endif
