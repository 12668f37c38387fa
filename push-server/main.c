/* main.c - push-server's start, signals and end. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "crypto.h"
#include "bounds.h"
#include "listener.h"
#include "log.h"
#include "map.h"
#include "process.h"
#include "rules.h"
#include "server.h"
#include "takeover.h"
#include "tls.h"

enum { TRIM_MS = 5000 };	/* less than a refused client is told to wait */

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 }
};

static int usage(FILE *to, int status)
{
	fputs("usage: push-server [-c FILE] [-t] [-V] [-h]\n"
	      "  -c FILE  configuration (default: $WXCHAT_CONFIG, else /etc/wxchat/wxchat.conf)\n"
	      "  -t       check the configuration, show it, and exit\n"
	      "  -V       print the version (--version)\n"
	      "  -h       this help (--help)\n"
	      "Signals: TERM, INT stop; HUP reloads certificates and reopens the log;\n"
	      "USR2 starts the program anew and hands the listening sockets over to it.\n", to);
	return status;
}

static sigset_t signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file at its limit is an error to be told, not a death */
	return set;
}

static void limits_set(void)
{
	struct rlimit none = { 0, 0 }, files;

	/* A core dump would hold keys. */
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		log_info("limits", "descriptors=%llu", (unsigned long long)files.rlim_cur);
	}
	/* Large buffers go back to the system when they are freed. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

static uint64_t memory_private(void)
{
	struct process used;

	process_read(&used);
	return used.private_bytes;
}

/* What was freed counts as used while malloc keeps it, so that is given back before anybody is refused, and again while
 * they are: a crowd that has gone keeps nobody out.  Workers that want memory wait meanwhile, so at most a hundredth of
 * the time goes into it. */
static bool memory_is_over(uint64_t mark, int64_t *trim_due_ms)
{
	int64_t from_ms = clock_mono_ms(), wait_ms;

	if (mark == 0 || memory_private() <= mark)
		return false;
	if (from_ms < *trim_due_ms)
		return true;
	malloc_trim(0);
	wait_ms = 100 * (clock_mono_ms() - from_ms);
	*trim_due_ms = from_ms + (wait_ms > TRIM_MS ? wait_ms : TRIM_MS);
	return memory_private() > mark;
}

static void housekeeping(struct server *s, unsigned second, int64_t *trim_due_ms)
{
	uint64_t mark = (uint64_t)s->config->push.max_memory_mb << 20;
	struct store *store = server_store(s);
	bool is_over = memory_is_over(mark, trim_due_ms);

	if (is_over != atomic_exchange(&s->is_over_memory, is_over))
		log_warn("memory", "over_mark=%s mark_mb=%lld", is_over ? "yes" : "no",
			 (long long)s->config->push.max_memory_mb);
	if (store && second % 60 == 0)
		store_tidy(store);
}

static void reload(struct server *s)
{
	char why[200] = "";

	log_reopen();
	if (s->tls && tls_context_reload(s->tls, why) < 0)
		log_error("reload", "why=\"%s\"", why);
	else
		log_info("reload", "done=yes");
}

/* Waits until all connections have gone, for as long as draining may take. */
static void wait_for_drain(struct server *s)
{
	int64_t until = clock_mono_ms() + s->config->push.drain_s * 1000 + CLOSE_WAIT_MS + 1000;
	struct timespec pause = { 0, 20 * 1000000 };

	while (server_connections(s) > 0 && clock_mono_ms() < until)
		nanosleep(&pause, NULL);
}

/* Until a signal says stop.  False: it said so for a successor, which is gone. */
static bool serve(struct server *s, const sigset_t *set, const char *path, char *argv[])
{
	struct timespec second = { 1, 0 };
	int64_t trim_due_ms = 0;
	unsigned seconds = 0;
	int control, signal_number;

	for (;;) {
		signal_number = sigtimedwait(set, NULL, &second);
		if (signal_number < 0) {
			housekeeping(s, ++seconds, &trim_due_ms);
		} else if (signal_number == SIGHUP) {
			reload(s);
		} else if (signal_number == SIGUSR2) {
			if (!takeover_start(s, path, argv, &control))
				continue;
			server_drain(s, true);
			return takeover_go(control);
		} else {
			log_info("stopping", "connections=%llu", (unsigned long long)server_connections(s));
			takeover_notify("STOPPING=1");
			server_drain(s, false);
			return true;
		}
	}
}

static int run(const struct config *config, char *argv[])
{
	struct server s = { .config = config, .store_lock = PTHREAD_MUTEX_INITIALIZER };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t set = signals_block();
	char why[200] = "", path[4096];
	ssize_t path_len;
	bool is_served;
	int control, inherited = takeover_inherited(&control), r;

	limits_set();
	if (crypto_init() < 0 || map_init_key() < 0) {
		log_error("start", "why=\"OpenSSL gives no random bytes or lacks an algorithm\"");
		return 1;
	}
	/* By its name, not by /proc/self/exe, which would be the old file after an upgrade. */
	path_len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[path_len > 0 ? path_len : 0] = '\0';
	s.worker_count = config->push.workers ? (unsigned)config->push.workers : cores > 0 ? (unsigned)cores : 1;
	if (config->push.tls_cert[0] && !(s.tls = tls_context_new(config->push.tls_cert, config->push.tls_key, why))) {
		log_error("start", "why=\"%s\"", why);
		return 1;
	}
	/* A second server ends before it listens: with SO_REUSEPORT it would take connections away from the first. */
	if ((control < 0 && server_open(&s, why) < 0) || listener_open(&s, inherited, why) < 0) {
		log_error("start", "why=\"%s\"", why);
		server_close(&s);
		return 1;
	}
	if (control >= 0 && !takeover_wait(control)) {
		log_error("start", "why=\"the process that this one was to take over from is gone\"");
		return 1;
	}
	if ((control >= 0 && (r = server_open(&s, why)) < 0) || (r = server_start(&s, why)) < 0) {
		log_error("start", "why=\"%s\"", why[0] ? why : strerror(-r));
		_exit(1);	/* threads may run already */
	}
	server_accept(&s);
	log_info("ready", "version=%s workers=%u", WXCHAT_VERSION, s.worker_count);
	takeover_notify("READY=1");
	is_served = serve(&s, &set, path, argv);
	wait_for_drain(&s);
	server_stop(&s);
	log_info("stopped", "ran_s=%lld", (long long)(clock_wall_ms() - s.started_ms) / 1000);
	return !is_served;
}

int main(int argc, char *argv[])
{
	char why[CONFIG_WHY_SIZE];
	const char *path = NULL;
	struct config *config;
	bool check = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "c:tVh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 't':
			check = true;
			break;
		case 'V':
			puts("push-server " WXCHAT_VERSION);
			return 0;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	}
	if (optind < argc)
		return usage(stderr, 2);
	log_init("push", LOG_INFO_LEVEL);
	config = config_load(path, CONFIG_FOR_PUSH, why);
	if (!config) {
		fprintf(stderr, "%s\n", why);
		return 2;
	}
	if (!rules_hold(config, why)) {
		config_free(config);
		fprintf(stderr, "%s\n", why);
		return 2;
	}
	if (check)
		config_print(config);
	status = check ? 0 : run(config, argv);
	config_free(config);
	return status;
}
