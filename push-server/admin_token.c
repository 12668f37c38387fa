/* admin_token.c - keeps the token of a file and compares. */
#include "admin_token.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "crypto.h"
#include "log.h"

void token_init(struct token *t, const char *path)
{
	*t = (struct token){ .path = path };
}

void token_fini(struct token *t)
{
	explicit_bzero(t->text, sizeof(t->text));
}

static void token_read(struct token *t, int fd)
{
	ssize_t n = read(fd, t->text, sizeof(t->text));
	size_t len = n > 0 ? (size_t)n : 0;

	t->len = 0;
	while (t->len < len && t->text[t->len] != '\n' && t->text[t->len] != '\r' && t->text[t->len] != '\0')
		t->len++;
	while (t->len > 0 && (t->text[t->len - 1] == ' ' || t->text[t->len - 1] == '\t'))
		t->len--;
	if (t->len == 0 || t->len == sizeof(t->text)) {
		log_error("admin-token", "reason=\"its first line must have 1 to %d characters\"", TOKEN_TEXT_MAX - 1);
		t->len = 0;
	} else if (t->len < TOKEN_TEXT_GOOD) {
		log_warn("admin-token", "reason=\"it is short enough to be guessed: %d random characters are better\"",
			 2 * TOKEN_TEXT_GOOD);
	}
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void token_refresh(struct token *t)
{
	struct stat now;
	int fd;

	if (t->path[0] == '\0')
		return;
	fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &now) < 0) {
		t->len = 0;
		t->has_seen = false;
	} else if (!t->has_seen || !is_same(&now, &t->seen)) {
		token_read(t, fd);
		t->seen = now;
		t->has_seen = true;
	}
	if (fd >= 0)
		close(fd);
}

enum token_verdict token_check(struct token *t, const char *header)
{
	static const char scheme[] = "Bearer ";
	uint8_t shown[SHA256_LEN], kept[SHA256_LEN];
	struct span part;

	token_refresh(t);
	if (t->len == 0)
		return TOKEN_NONE_KEPT;
	if (header == NULL || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return TOKEN_BAD;
	header += sizeof(scheme) - 1;
	/* Digests are compared, so that not even the token's length shows. */
	part = (struct span){ header, strlen(header) };
	if (crypto_sha256(&part, 1, shown) < 0)
		return TOKEN_BAD;
	part = (struct span){ t->text, t->len };
	if (crypto_sha256(&part, 1, kept) < 0)
		return TOKEN_BAD;
	return crypto_equal(shown, sizeof(shown), kept, sizeof(kept)) ? TOKEN_GOOD : TOKEN_BAD;
}
