/* lingering.c - loaded before a program (LD_PRELOAD), holds a thread up for a moment after each sendmsg, as a busy machine may
 * do at any time: whoever was sent something can answer, or ask another thread, before the sender goes on. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t (*send)(int fd, const struct msghdr *message, int flags) =
		(ssize_t (*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	ssize_t n = send(fd, message, flags);
	int error = errno;

	usleep(20000);
	errno = error;
	return n;
}
