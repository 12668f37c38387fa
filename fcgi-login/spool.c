/* spool.c - files on their way into the media directory.  Knows no requests and no types. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

/* A writer holds a lock on its file; between making and locking it, age protects it. */
enum { STALE_MS = 2000 };

int spool_open(struct spool *s, const char *dir, const char *name)
{
	*s = (struct spool){ .fd = -1 };
	if (asprintf(&s->path, "%s/%s", dir, name) < 0)
		s->path = NULL;
	if (asprintf(&s->part, "%s/.%s.part", dir, name) < 0)
		s->part = NULL;
	if (!s->path || !s->part)
		return -ENOMEM;
	s->fd = open(s->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0 && errno == ENOENT && mkdir(dir, 0755) == 0)
		s->fd = open(s->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return -errno;
	flock(s->fd, LOCK_EX | LOCK_NB);
	return 0;
}

int spool_write(struct spool *s, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(s->fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
		s->size += (uint64_t)n;
	}
	return 0;
}

int spool_keep(struct spool *s)
{
	/* the umask of a web server's child is anybody's guess */
	if (fchmod(s->fd, 0644) < 0 || fsync(s->fd) < 0 || rename(s->part, s->path) < 0)
		return -errno;
	free(s->part);
	s->part = NULL;
	return 0;
}

int spool_rewind(struct spool *s)
{
	return lseek(s->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

void spool_close(struct spool *s)
{
	if (s->fd >= 0 && s->part)
		unlink(s->part);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s->part);
	*s = (struct spool){ .fd = -1 };
}

static void sweep_one(int dir_fd, const char *name, int64_t now_ms)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char text[LOG_TEXT_SIZE];

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && now_ms - (int64_t)st.st_mtime * 1000 > STALE_MS &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(dir_fd, name, 0) == 0)
		log_info("upload-swept", "name=%s", log_text(text, name, strlen(name)));
	close(fd);
}

void spool_sweep(const char *dir, int64_t now_ms)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.' && len > 6 && !strcmp(entry->d_name + len - 5, ".part"))
			sweep_one(dirfd(d), entry->d_name, now_ms);
	}
	closedir(d);
}
