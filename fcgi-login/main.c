/* main.c - how the program is started and stopped: by a web server as FastCGI or plain CGI, by itself on a socket of
 * its own, or by a service manager. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "encode.h"
#include "listen.h"
#include "log.h"
#include "pool.h"
#include "router.h"
#include "rules.h"
#include "spool.h"
#include "stream.h"

enum { EXIT_USAGE = 2, STOP_MS = 7000 /* mod_fcgid kills after 8 s */, TICK_S = 1, TIDY_S = 60 };

static const char usage[] =
	"usage: fcgi-login [-c FILE] [-s WHERE] [-t] [-V] [-h]\n"
	"  -c FILE   configuration (default: $WXCHAT_CONFIG, then /etc/wxchat/wxchat.conf)\n"
	"  -s WHERE  listen for FastCGI by itself: :9000 (loopback), ADDRESS:PORT, [IPv6]:PORT or /path.sock (mode 0660)\n"
	"  -t        check the configuration, show it, and exit\n"
	"  -V        print the version (--version)\n"
	"  -h        this help (--help)\n"
	"Without -s it serves the FastCGI socket on descriptor 0, as lighttpd, mod_fcgid and spawn-fcgi start it, a socket\n"
	"that systemd passed on, or one plain-CGI request.\n"
	"SIGTERM lets requests end and exits 0; SIGHUP reads the configuration again and reopens the log.\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 }
};

enum how { HOW_OWN, HOW_ACTIVATED, HOW_SPAWNED, HOW_CGI, HOW_NONE };

static enum how how_started(const char *where)
{
	if (where)
		return HOW_OWN;
	if (listen_activated() >= 0)
		return HOW_ACTIVATED;
	if (listen_is_listening(STDIN_FILENO))
		return HOW_SPAWNED;
	if (getenv("GATEWAY_INTERFACE") && getenv("REQUEST_METHOD"))
		return HOW_CGI;
	return HOW_NONE;
}

/* Core dumps hold keys; a write to a closed socket or past a file limit is an error, not an end. */
static void process_init(void)
{
	struct rlimit none = { 0, 0 }, files;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	mallopt(M_ARENA_MAX, 2);
}

/* "-c FILE", said by a wrapper script.  Arguments of a CGI program may also be words of the client's query (RFC 3875
 * 4.4), so nothing else is heard, and no file that the query names. */
static const char *cgi_config(int argc, char **argv)
{
	const char *query = getenv("QUERY_STRING");
	char decoded[2048];
	int n;

	if (argc != 3 || strcmp(argv[1], "-c"))
		return NULL;
	/* two arguments were two words, with a plus sign between them */
	if (!query || !*query || strchr(query, '=') || !strpbrk(query, "+ "))
		return argv[2];
	n = percent_decode(query, strlen(query), 0, decoded, sizeof(decoded) - 1);
	if (n < 0)
		return NULL;
	decoded[n] = '\0';
	/* web servers may have put backslashes into the words */
	return strncmp(decoded, "-c", 2) == 0 || strstr(decoded, argv[2]) ? NULL : argv[2];
}

/* What a web server shows when a CGI program cannot work; the reason is for its log alone. */
static int cgi_fail(const char *why)
{
	log_error("cannot-start", "why=\"%s\"", why);
	fputs("Status: 500 Internal Server Error\r\nContent-Type: application/json\r\n\r\n"
	      "{\"code\":1,\"error\":\"ERR_STORE\",\"message\":\"the login program is not set up: see the web server's "
	      "error log\",\"data\":{}}", stdout);
	return 0;
}

static void cgi_ended(struct call *c)
{
	(void)c;	/* there is no other */
}

static int serve_cgi(struct service *service)
{
	struct stream stream;
	struct request rq;
	struct worker w;
	struct call c;
	int r;

	cgi_open(&stream);
	worker_init(&w, service);
	r = request_init(&rq, environ, &stream);
	router_serve(&c, &w, &rq, r, clock_wall_ms(), cgi_ended);
	worker_fini(&w);
	return 0;
}

static void reload(struct service *service, const char *path)
{
	char why[CONFIG_WHY_SIZE];
	struct config *config = config_load(path, CONFIG_FOR_LOGIN, why);
	struct settings *settings;

	log_reopen();
	if (!config) {
		log_error("reload-refused", "why=\"%s\"", why);
		return;
	}
	if (strcmp(config->session_dir, service->settings->config->session_dir) ||
	    config->login.threads != service->settings->config->login.threads ||
	    config->login.queue_max != service->settings->config->login.queue_max)
		log_warn("reload-partly", "why=\"[session] store, [login] threads and queue_max change at the next start\"");
	settings = settings_new(config, service->store, why);
	if (!settings) {
		log_error("reload-refused", "why=\"%s\"", why);
		return;
	}
	service_renew(service, settings);
	log_info("reloaded", "config=%s", service->settings->config->path);
}

/* Until SIGTERM: counters go to the store, readers that died are cleared. */
static void tend(struct service *service, const char *config_path, const sigset_t *signals)
{
	struct timespec tick = { .tv_sec = TICK_S };
	int64_t tidied_ms = clock_mono_ms();
	int signo;

	while ((signo = sigtimedwait(signals, NULL, &tick)) != SIGTERM && signo != SIGINT) {
		if (signo == SIGHUP)
			reload(service, config_path);
		audit_flush(&service->audit, service->store);
		if (clock_mono_ms() - tidied_ms < TIDY_S * 1000)
			continue;
		tidied_ms = clock_mono_ms();
		store_tidy(service->store);
	}
}

static int serve_fastcgi(struct service *service, struct listener *l, bool is_own, const char *config_path)
{
	sigset_t signals;
	struct pool pool;
	char name[160];
	int64_t stop_ms;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	pool_init();
	if (fastcgi_init() < 0) {
		log_error("cannot-start", "why=\"libfcgi does not start\"");
		return EXIT_FAILURE;
	}
	r = service_start(service);
	if (r == 0)
		r = pool_start(&pool, service, l->fd, is_own, (int)service->settings->config->login.threads);
	if (r < 0) {
		log_error("cannot-start", "why=\"no thread could be started\" error=%d", -r);
		service_stop(service, STOP_MS);		/* at once: nobody has left them anything */
		listen_close(l);
		return EXIT_FAILURE;
	}
	listen_name(l, name, sizeof(name));
	log_info("ready", "listening=%s version=" WXCHAT_VERSION, name);
	spool_sweep(service->settings->config->media.dir, clock_wall_ms());
	tend(service, config_path, &signals);
	log_info("stopping", "listening=%s", name);
	stop_ms = clock_mono_ms() + STOP_MS;
	if (!pool_stop(&pool, STOP_MS) || !service_stop(service, (int)(stop_ms - clock_mono_ms()))) {
		log_warn("stopped", "why=\"requests were still being served\"");
		audit_flush(&service->audit, service->store);
		listen_close(l);
		_exit(0);	/* their threads still use everything */
	}
	listen_close(l);
	log_info("stopped", "listening=%s", name);
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = NULL, *where = NULL;
	char why[CONFIG_WHY_SIZE];
	struct listener listener = { .fd = -1 };
	struct service service;
	struct config *config;
	bool only_check = false;
	enum how how;
	int option, status, r;

	log_init("login", LOG_INFO_LEVEL);	/* first: what is not dumpable has no /proc/self/fd to read */
	process_init();
	if (getenv("GATEWAY_INTERFACE") && !listen_is_listening(STDIN_FILENO)) {
		how = HOW_CGI;
		path = cgi_config(argc, argv);
	} else {
		how = HOW_NONE;
	}
	while (how == HOW_NONE && (option = getopt_long(argc, argv, "c:s:tVh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c': path = optarg; break;
		case 's': where = optarg; break;
		case 't': only_check = true; break;
		case 'V': puts("fcgi-login " WXCHAT_VERSION); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return EXIT_USAGE;
		}
	}
	if (how == HOW_NONE && optind < argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	config = config_load(path, CONFIG_FOR_LOGIN, why);
	if (!config) {
		if (how == HOW_CGI)
			return cgi_fail(why);
		fprintf(stderr, "%s\n", why);
		return EXIT_USAGE;
	}
	if (!rules_hold(config, why)) {
		config_free(config);
		if (how == HOW_CGI)
			return cgi_fail(why);
		fprintf(stderr, "%s\n", why);
		return EXIT_USAGE;
	}
	if (only_check) {
		config_print(config);
		config_free(config);
		return 0;
	}
	if (how == HOW_NONE)
		how = how_started(where);
	if (how == HOW_NONE) {
		fprintf(stderr, "fcgi-login: descriptor 0 is no FastCGI socket, and this is no CGI request: use -s\n%s", usage);
		config_free(config);
		return EXIT_USAGE;
	}
	if (how == HOW_OWN && (r = listen_open(&listener, where, why)) < 0) {
		fprintf(stderr, "fcgi-login: %s\n", why);
		config_free(config);
		return r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	}
	if (how == HOW_ACTIVATED || how == HOW_SPAWNED)
		listen_take(&listener, how == HOW_SPAWNED ? STDIN_FILENO : listen_activated());
	if (service_init(&service, config, why) < 0) {
		listen_close(&listener);
		if (how == HOW_CGI)
			return cgi_fail(why);
		fprintf(stderr, "fcgi-login: %s\n", why);
		return EXIT_FAILURE;
	}
	status = how == HOW_CGI ? serve_cgi(&service)
				: serve_fastcgi(&service, &listener, how == HOW_OWN, path);
	service_fini(&service);
	return status;
}
