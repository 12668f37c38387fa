/* stalling.c - loaded before a program (LD_PRELOAD), makes its disk hang: while the file that $STALLING_FILE names is there,
 * fdatasync does not return.  It says "stalled" on stderr when it begins to wait. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd)
{
	static const char words[] = "stalled\n";
	int (*sync)(int fd) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	const char *path = getenv("STALLING_FILE");

	if (path && access(path, F_OK) == 0)
		(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	while (path && access(path, F_OK) == 0)
		usleep(1000);
	return sync(fd);
}
