/* unix_socket.c - whether a unix socket in the file system is still somebody's. */
#include "unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

/* 0 when nobody listens: of all that connect may say only a refusal proves it. */
static int socket_probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? -EADDRINUSE : -errno;
	close(fd);
	if (r == -EAGAIN)	/* its queue is full */
		r = -EADDRINUSE;
	return r == -ECONNREFUSED || r == -ENOENT ? 0 : r;
}

int unix_socket_clear(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int r;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return -ENAMETOOLONG;
	if (lstat(path, &st) < 0)
		return 0;	/* if not because nothing is there, binding will say why */
	if (!S_ISSOCK(st.st_mode))	/* connect refuses there, too */
		return -EEXIST;
	if ((r = socket_probe(&address)) < 0)
		return r;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
