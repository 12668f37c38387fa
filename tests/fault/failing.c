/* failing.c - loaded before a program (LD_PRELOAD), makes one allocation fail: the file that $FAILING_FILE names is
 * shared memory whose first eight bytes count down with each allocation while they are positive; the one that brings
 * them to zero gets NULL.  Whoever holds the file arms it by writing a number, from outside and at any time.
 * json-c's own allocations are passed over: its parser (0.16) uses the copy of a member's name without a look. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static _Atomic int64_t *left;

static bool is_within(const char *library)
{
	void *frames[24];
	int count = backtrace(frames, 24), i;
	Dl_info info;

	for (i = 0; i < count; i++)
		if (dladdr(frames[i], &info) && info.dli_fname && strstr(info.dli_fname, library))
			return true;
	return false;
}

__attribute__((constructor)) static void failing_open(void)
{
	const char *path = getenv("FAILING_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *shared;

	if (fd < 0)
		return;
	shared = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	is_within("");		/* the first time it allocates, itself */
	if (shared != MAP_FAILED)
		left = shared;
}

static bool fails_now(void)
{
	int64_t n;

	if (!left)
		return false;
	n = atomic_load(left);
	while (n > 0 && !atomic_compare_exchange_weak(left, &n, n - 1))
		;
	if (n != 1)
		return false;
	if (is_within("libjson-c")) {
		atomic_store(left, 1);	/* the next one, then */
		return false;
	}
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __libc_realloc(old, size);
}
