/* fuzz_config.c - any bytes as a configuration: read, or refused with one line of words. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum config_for programs[] = { CONFIG_FOR_LOGIN, CONFIG_FOR_PUSH, CONFIG_FOR_CTL };
	static int fd = -1;
	static char path[32];
	char why[CONFIG_WHY_SIZE];
	struct config *c;

	if (fd < 0) {
		fd = memfd_create("config", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
	why[0] = '\0';
	c = config_load(path, programs[len % 3], why);
	if (c) {
		assert(strncmp(c->session.store, "lmdb:", 5) == 0 && *c->session_dir);
		assert(c->push.ping_s >= 1 && c->push.ping_s <= 3600);
	} else {
		assert(strncmp(why, path, strlen(path)) == 0 && !strchr(why, '\n'));
	}
	config_free(c);
	return 0;
}
