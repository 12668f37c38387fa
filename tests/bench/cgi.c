/* cgi.c - runs a CGI program again and again, as a web server would, and measures each run from its start to its end.
 *   cgi [-n runs] [-i FILE for stdin] -e TEXT PROGRAM [ARGUMENT...]
 * The environment is passed on.  An answer that lacks TEXT ends it all.  One JSON line on stdout. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/usage.h"

extern char **environ;

static int64_t time_us(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_usec;
}

static int64_t run_once(char *argv[], const char *input, const char *expected, int64_t *user_us)
{
	posix_spawn_file_actions_t actions;
	char answer[16384];
	size_t len = 0;
	struct rusage usage;
	int out[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		die("no pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) != 0)
		die("%s cannot be started", argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	while ((n = read(out[0], answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)n;
	close(out[0]);
	answer[len] = '\0';
	if (wait4(pid, &status, 0, &usage) != pid || status != 0 || !strstr(answer, expected))
		die("%s answered with status %d: %.600s", argv[0], status, answer);
	*user_us += time_us(&usage.ru_utime);
	return time_us(&usage.ru_utime) + time_us(&usage.ru_stime);
}

int main(int argc, char *argv[])
{
	const char *input = "/dev/null", *expected = "";
	unsigned runs = 1, i;
	int64_t cpu_us = 0, user_us = 0;
	int option;

	while ((option = getopt(argc, argv, "+n:i:e:")) != -1) {
		switch (option) {
		case 'n': runs = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'i': input = optarg; break;
		case 'e': expected = optarg; break;
		default: die("see the head of tests/bench/cgi.c for what it takes");
		}
	}
	if (optind == argc || runs == 0)
		die("a program is to be run");
	for (i = 0; i < runs; i++)
		cpu_us += run_once(argv + optind, input, expected, &user_us);
	printf("{\"runs\":%u,\"cpuUs\":%lld,\"userUs\":%lld}\n", runs, (long long)cpu_us, (long long)user_us);
	return 0;
}
