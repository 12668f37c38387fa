/* main.c - wxchatctl: reads its command line and hands over to the command. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "crypto.h"
#include "ctl.h"
#include "http.h"
#include "log.h"

static const struct command *const groups[] = { people_commands, live_commands, copy_commands, doctor_commands };
static const size_t group_count = sizeof(groups) / sizeof(groups[0]);

static void usage(FILE *to)
{
	static const char *const titles[] = { "Users and sessions", "Rooms (the push server must run)", "Copies",
					      "Health" };

	fputs("Usage: wxchatctl [-c FILE] [--json] COMMAND [ARGUMENT...] [OPTION...]\n", to);
	for (size_t g = 0; g < group_count; g++) {
		fprintf(to, "\n%s\n", titles[g]);
		for (const struct command *c = groups[g]; c->name != NULL; c++) {
			size_t width = strlen(c->name) + strlen(c->usage);

			fprintf(to, "  %s %s%*s  %s\n", c->name, c->usage, width < 42 ? (int)(42 - width) : 1, "", c->help);
		}
	}
	fputs("\nOptions\n"
	      "  -c, --config FILE   configuration; else $WXCHAT_CONFIG, else /etc/wxchat/wxchat.conf\n"
	      "  -j, --json          JSON instead of columns; lists are one object a line\n"
	      "  -h, --help          this\n"
	      "  -V, --version       version\n"
	      "\nExit codes: 0 done, 1 refused or failed, 2 bad arguments or configuration, 3 not found,\n"
	      "4 the push server does not answer.\n",
	      to);
}

int ctl_fail(int code, const char *format, ...)
{
	va_list ap;

	fputs("wxchatctl: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

struct store *ctl_store(struct ctl *ctl, bool to_write)
{
	struct store_options options = {
		.dir = ctl->config->session_dir,
		.map_size = (uint64_t)ctl->config->session.map_size_mb << 20,
		.per_user = (unsigned)ctl->config->session.per_user,
		.read_only = !to_write,
	};
	char why[200] = "";
	int r;

	if (ctl->store == NULL && (r = store_open(&options, &ctl->store, why)) < 0)
		ctl_fail(CTL_FAILED, "session store %s: %s", options.dir, why[0] != '\0' ? why : strerror(-r));
	return ctl->store;
}

static const struct command *command_of(const char *name)
{
	for (size_t g = 0; g < group_count; g++)
		for (const struct command *c = groups[g]; c->name != NULL; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

/* The first four are for all; each of the others goes with the commands that name its letter. */
static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' }, { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "uid", required_argument, NULL, 'u' }, { "room", required_argument, NULL, 'r' },
	{ "cid", required_argument, NULL, 'i' }, { "reason", required_argument, NULL, 'w' },
	{ "for", required_argument, NULL, 'f' }, { "limit", required_argument, NULL, 'l' },
	{ "before", required_argument, NULL, 'b' }, { "message", required_argument, NULL, 'm' },
	{ "nick", required_argument, NULL, 'n' }, { "avatar", required_argument, NULL, 'a' },
	{ "all", no_argument, NULL, 'A' }, { "yes", no_argument, NULL, 'y' },
	{ NULL, 0, NULL, 0 },
};

/* Fills ctl from the options; -1 when they are bad (which has been said), else the index of the first argument. */
static int read_options(struct ctl *ctl, int argc, char **argv, const char **config_path)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:jhV", options, NULL)) != -1) {
		for (unsigned i = 0; options[i].name != NULL; i++)
			ctl->given |= options[i].val == option ? 1U << i : 0;
		switch (option) {
		case 'c': *config_path = optarg; break;
		case 'j': ctl->json = true; break;
		case 'u': ctl->uid = optarg; break;
		case 'r': ctl->room = optarg; break;
		case 'i': ctl->cid = optarg; break;
		case 'w': ctl->reason = optarg; break;
		case 'f': ctl->seconds = optarg; break;
		case 'l': ctl->limit = optarg; break;
		case 'b': ctl->before = optarg; break;
		case 'm': ctl->message = optarg; break;
		case 'n': ctl->nick = optarg; break;
		case 'a': ctl->avatar = optarg; break;
		case 'A': ctl->all = true; break;
		case 'y': ctl->yes = true; break;
		case 'h':
			usage(stdout);
			exit(CTL_OK);
		case 'V':
			puts("wxchatctl " WXCHAT_VERSION);
			exit(CTL_OK);
		default:
			return -1;
		}
	}
	return optind;
}

/* The first option given that does nothing for this command, or NULL.  One that is left aside would let it do more than
 * was asked for. */
static const char *stray_option(const struct ctl *ctl, const struct command *command)
{
	for (unsigned i = 0; options[i].name != NULL; i++)
		if ((ctl->given & 1U << i) != 0 && strchr("cj", options[i].val) == NULL &&
		    strchr(command->options, options[i].val) == NULL)
			return options[i].name;
	return NULL;
}

static int run(struct ctl *ctl, int argc, char **argv, const char *config_path)
{
	const struct command *command = command_of(argv[0]);
	char why[CONFIG_WHY_SIZE];
	struct config *config;
	const char *stray;
	int code;

	if (command == NULL)
		return ctl_fail(CTL_USAGE, "no such command: %s (wxchatctl --help lists them)", argv[0]);
	if ((stray = stray_option(ctl, command)) != NULL)
		return ctl_fail(CTL_USAGE, "--%s does not go with %s; usage: wxchatctl %s %s", stray, command->name,
				command->name, command->usage);
	if (argc - 1 < command->least || (command->most >= 0 && argc - 1 > command->most))
		return ctl_fail(CTL_USAGE, "usage: wxchatctl %s %s", command->name, command->usage);
	if ((config = config_load(config_path, CONFIG_FOR_CTL, why)) == NULL) {
		fprintf(stderr, "%s\n", why);
		return CTL_USAGE;
	}
	ctl->config = config;
	code = command->run(ctl, argc - 1, argv + 1);
	if (ctl->store != NULL)
		store_close(ctl->store);
	http_free(ctl->http);
	config_free(config);
	return code;
}

int main(int argc, char **argv)
{
	const struct rlimit none = { 0, 0 };
	const char *config_path = NULL;
	struct ctl ctl = { .json = false };
	int first, code;

	setlocale(LC_CTYPE, "C.UTF-8");
	setrlimit(RLIMIT_CORE, &none);
	log_init("ctl", LOG_WARN_LEVEL);
	if ((first = read_options(&ctl, argc, argv, &config_path)) < 0)
		return CTL_USAGE;
	if (first == argc) {
		usage(stderr);
		return CTL_USAGE;
	}
	if (crypto_init() < 0)
		return ctl_fail(CTL_FAILED, "OpenSSL lacks an algorithm that is needed");
	code = run(&ctl, argc - first, argv + first, config_path);
	if (fflush(stdout) != 0 || ferror(stdout))
		return ctl_fail(CTL_FAILED, "the output could not be written: %s", strerror(errno));
	return code;
}
