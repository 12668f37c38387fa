/* lingering.c - loaded before a program (LD_PRELOAD), holds a thread up for a moment after each sendmsg and before it reads its
 * mail, as a busy machine may do at any time: whoever was sent something can answer, or ask another thread, before the
 * sender goes on. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOMENT_US = 20000 };

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t (*send)(int fd, const struct msghdr *message, int flags) =
		(ssize_t (*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	ssize_t n = send(fd, message, flags);
	int error = errno;

	usleep(MOMENT_US);
	errno = error;
	return n;
}

int eventfd_read(int fd, eventfd_t *value)
{
	int (*take)(int fd, eventfd_t *value) = (int (*)(int, eventfd_t *))dlsym(RTLD_NEXT, "eventfd_read");

	usleep(MOMENT_US);
	return take(fd, value);
}
