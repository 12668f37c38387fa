/* store_dir.h - directories for LMDB environments, in what a test may write to: dir is each test's own, by setup and teardown. */
#ifndef WXCHAT_STORE_DIR_H
#define WXCHAT_STORE_DIR_H

#include <unistd.h>

#include "unit.h"

enum { STORE_DIR_MAX = 64 };

static inline void store_dir_make(char path[static STORE_DIR_MAX])
{
	strcpy(path, "/tmp/wxchat-unit-XXXXXX");
	assert_non_null(mkdtemp(path));
}

/* With the environment in it, which nobody has open any more. */
static inline void store_dir_remove(const char *path)
{
	static const char *const names[] = { "data.mdb", "lock.mdb" };
	char name[STORE_DIR_MAX + 16];
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, names[i]);
		unlink(name);
	}
	rmdir(path);
}

static char dir[STORE_DIR_MAX];

static inline int setup(void **state)
{
	(void)state;
	store_dir_make(dir);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	store_dir_remove(dir);
	return 0;
}

#endif
