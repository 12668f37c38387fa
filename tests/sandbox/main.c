/* main.c - wechat-sandbox: options, the loop, and the end on SIGTERM or SIGINT. */
#include <errno.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codes.h"
#include "fault.h"
#include "journal.h"
#include "media.h"
#include "people.h"
#include "push.h"
#include "sandbox.h"
#include "server.h"
#include "tokens.h"

static void usage(FILE *to)
{
	fputs("usage: wechat-sandbox [-p port] [-a appid] [-s secret] [-b public-url]\n"
	      "                      [-u push-url [-t token] [-k aes-key]]\n"
	      "Plays WeChat's servers and phones on 127.0.0.1; see tests/sandbox/README.md.\n"
	      "  -p port        0, the default, takes a free one; the ready line says which\n"
	      "  -a, -s         the mini-program's appid and secret\n"
	      "  -b public-url  where browsers reach /sandbox, for avatar addresses\n"
	      "  -u, -t, -k     message push: where to, and how it is signed and encrypted\n",
	      to);
}

/* One descriptor a connection: as many as the system lets us have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig, (void)what;
	event_base_loopexit(arg, NULL);
}

static void run(struct sandbox *sb)
{
	struct event *term = evsignal_new(sb->base, SIGTERM, on_signal, sb->base);
	struct event *intr = evsignal_new(sb->base, SIGINT, on_signal, sb->base);

	event_add(term, NULL);
	event_add(intr, NULL);
	event_base_dispatch(sb->base);
	event_free(term);
	event_free(intr);
}

/* False, and a line why, if the message push cannot be as the options say. */
static bool set_push(struct sandbox *sb, struct json_object *spec)
{
	const char *wrong = NULL;

	if (json_object_object_length(spec) > 0)
		wrong = push_configure(sb->push, spec);
	if (wrong)
		fprintf(stderr, "wechat-sandbox: message push: %s\n", wrong);
	return !wrong;
}

static long read_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return *text && !*end && port >= 0 && port <= 65535 ? port : -1;
}

int main(int argc, char **argv)
{
	struct sandbox sb = {
		.app_id = "wx0123456789abcdef",
		.app_secret = "0123456789abcdef0123456789abcdef",
	};
	struct json_object *spec = json_object_new_object();
	struct server *server = NULL;
	long port = 0;
	int opt, status = 1;

	while ((opt = getopt(argc, argv, "p:a:s:b:u:t:k:h")) != -1) {
		switch (opt) {
		case 'p':
			port = read_port(optarg);
			break;
		case 'a':
			sb.app_id = optarg;
			break;
		case 's':
			sb.app_secret = optarg;
			break;
		case 'b':
			sb.public_url = optarg;
			break;
		case 'u':
			json_object_object_add(spec, "url", json_object_new_string(optarg));
			break;
		case 't':
			json_object_object_add(spec, "token", json_object_new_string(optarg));
			break;
		case 'k':
			json_object_object_add(spec, "aesKey", json_object_new_string(optarg));
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (port < 0 || optind < argc) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	sb.base = event_base_new();
	sb.people = people_new(sb.app_id);
	sb.codes = codes_new();
	sb.tokens = tokens_new();
	sb.faults = faults_new();
	sb.journal = journal_new();
	sb.push = push_new(&sb);
	sb.media = media_new(&sb);
	LIST_INIT(&sb.replies);
	if (!set_push(&sb, spec))
		goto out;
	server = server_open(&sb, (uint16_t)port);
	if (!server) {
		fprintf(stderr, "wechat-sandbox: 127.0.0.1:%ld: %s\n", port, strerror(errno));
		goto out;
	}
	printf("listening on http://127.0.0.1:%u\n", server_port(server));
	fflush(stdout);
	run(&sb);
	status = 0;
out:
	media_free(sb.media);
	push_free(sb.push);	/* answers those who wait for a push: before the server closes */
	server_close(server);
	journal_free(sb.journal);
	faults_free(sb.faults);
	tokens_free(sb.tokens);
	codes_free(sb.codes);
	people_free(sb.people);
	event_base_free(sb.base);
	json_object_put(spec);
	return status;
}
