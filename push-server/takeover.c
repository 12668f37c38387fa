/* takeover.c - handing listening sockets over. */
#include "takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

enum { READY_WAIT_MS = 30000, FIRST_FD = 3, HIGH_FD = 512 };

static const char variable[] = "WXCHAT_TAKEOVER";

static int number_of(const char *text)
{
	char *end;
	long n = text ? strtol(text, &end, 10) : 0;

	return text && *text && *end == '\0' && n > 0 && n <= 1024 ? (int)n : 0;
}

int takeover_inherited(int *control)
{
	const char *pid = getenv("LISTEN_PID");
	int count = number_of(getenv(variable));

	*control = -1;
	if (count) {
		*control = FIRST_FD + count;
		fcntl(*control, F_SETFD, FD_CLOEXEC);
	} else if (pid && strtol(pid, NULL, 10) == (long)getpid()) {
		count = number_of(getenv("LISTEN_FDS"));
	}
	unsetenv(variable);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count;
}

/* Has a byte come within the time? */
static bool control_read(int control, int wait_ms)
{
	struct pollfd p = { .fd = control, .events = POLLIN };
	char byte;
	int r;

	do
		r = poll(&p, 1, wait_ms);
	while (r < 0 && errno == EINTR);
	return r == 1 && read(control, &byte, 1) == 1;
}

bool takeover_wait(int control)
{
	bool is_heard = write(control, "R", 1) == 1;

	if (is_heard && !control_read(control, -1))
		log_warn("takeover", "why=\"the old process ended before it said so\"");
	close(control);
	return is_heard;
}

bool takeover_go(int control)
{
	bool is_heard = write(control, "G", 1) == 1;

	if (!is_heard)
		log_error("takeover", "why=\"the new process is gone\"");
	close(control);
	return is_heard;
}

/* The environment with our variable instead of any of its kind. */
static char **environment(unsigned count, char setting[static 64])
{
	size_t n = 0, i, kept = 0;
	char **list;

	while (environ[n])
		n++;
	list = calloc(n + 2, sizeof(*list));
	if (!list)
		return NULL;
	snprintf(setting, 64, "%s=%u", variable, count);
	for (i = 0; i < n; i++)
		if (strncmp(environ[i], variable, sizeof(variable) - 1) != 0)
			list[kept++] = environ[i];
	list[kept] = setting;
	return list;
}

/* Duplicates all descriptors above those where they are to go, so that none is overwritten before it is moved. */
static int actions_fill(posix_spawn_file_actions_t *actions, const struct server *s, int control, int *high)
{
	unsigned i;
	int r = 0;

	for (i = 0; i <= s->listening_count && r == 0; i++) {
		int fd = i < s->listening_count ? s->listening[i].fd : control;

		high[i] = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
		r = high[i] < 0 ? -errno : -posix_spawn_file_actions_adddup2(actions, high[i], FIRST_FD + (int)i);
	}
	/* Libraries have descriptors, too, and some let them be inherited. */
	return r < 0 ? r : -posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FD + (int)i);
}

static pid_t spawn(const struct server *s, const char *path, char *const argv[], int control)
{
	int high[s->listening_count + 1];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char setting[64];
	char **env = environment(s->listening_count, setting);
	sigset_t none;
	pid_t pid = -1;
	unsigned i;
	int r;

	if (!env)
		return -1;
	for (i = 0; i <= s->listening_count; i++)
		high[i] = -1;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	r = actions_fill(&actions, s, control, high);
	if (r == 0)
		r = -posix_spawn(&pid, path, &actions, &attr, argv, env);
	if (r < 0)
		log_error("takeover", "program=%s why=\"%s\"", path, strerror(-r));
	for (i = 0; i <= s->listening_count; i++)
		if (high[i] >= 0)
			close(high[i]);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	free(env);
	return r < 0 ? -1 : pid;
}

bool takeover_start(const struct server *s, const char *path, char *const argv[], int *control)
{
	int pair[2];
	char state[64];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	pid = spawn(s, path, argv, pair[1]);
	close(pair[1]);
	if (pid > 0 && control_read(pair[0], READY_WAIT_MS)) {
		snprintf(state, sizeof(state), "MAINPID=%d", (int)pid);
		takeover_notify(state);
		log_info("takeover", "successor=%d", (int)pid);
		*control = pair[0];
		return true;
	}
	if (pid > 0) {		/* first, since the end of the pair would let it go on */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		log_error("takeover", "why=\"the new process did not become ready; this one goes on\"");
	}
	close(pair[0]);
	return false;
}

void takeover_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';	/* an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}
