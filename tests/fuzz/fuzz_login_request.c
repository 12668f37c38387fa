/* fuzz_login_request.c - a whole request as a web server hands it over: variables ended by NUL, an empty one, and the
 * body.  Whatever it is, there is one answer, and its head is well formed.  WeChat is a port on which nobody listens. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi-login/router.h"
#include "log.h"

static void on_ended(struct call *c)
{
	(void)c;	/* check_answer sees whether it was answered */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { VARIABLES_MAX = 64 };

struct exchange {
	const uint8_t *body;
	size_t left;
	struct buf out;
	unsigned answers;
};

static int on_read(void *arg, char *out, size_t size)
{
	struct exchange *x = arg;

	size = size > 7 ? 7 : size;	/* bodies come in pieces */
	size = size > x->left ? x->left : size;
	memcpy(out, x->body, size);
	x->body += size;
	x->left -= size;
	return (int)size;
}

static int on_write(void *arg, const char *bytes, size_t len)
{
	struct exchange *x = arg;

	x->answers++;
	return buf_add(&x->out, bytes, len);
}

static struct service service;
static struct worker worker;
static char dir[] = "/tmp/wxchat-fuzz-XXXXXX";

static void clean(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		fputs("something is left in /tmp\n", stderr);
}

static void start(void)
{
	char path[64], why[CONFIG_WHY_SIZE];
	struct config *config;
	FILE *f;

	if (!mkdtemp(dir))
		abort();
	atexit(clean);
	snprintf(path, sizeof(path), "%s/conf", dir);
	f = fopen(path, "w");
	fprintf(f, "[wechat]\napp_id = wx0123456789abcdef\napp_secret = s\napi_base = http://127.0.0.1:1\nmessage_token = t\n"
		"[session]\nstore = lmdb:%s/s\n[media]\ndir = %s/m\n[history]\ndir = %s/h\n"
		"[login]\nmax_body_kb = 4\ntrusted_proxies = 127.0.0.1\n", dir, dir, dir);
	fclose(f);
	config = config_load(path, CONFIG_FOR_LOGIN, why);
	if (!config || service_init(&service, config, why) < 0) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	log_init("fuzz", (enum log_level)(LOG_ERROR_LEVEL + 1));	/* each refusal would be a line */
	worker_init(&worker, &service);
}

static void check_answer(const struct exchange *x)
{
	const char *end = x->out.data ? strstr(x->out.data, "\r\n\r\n") : NULL;

	assert(x->answers == 1 && end);
	assert(!strncmp(x->out.data, "Status: ", 8));
	for (const char *p = x->out.data; p < end; p++)
		assert((unsigned char)*p >= 0x20 || (*p == '\r' && p[1] == '\n') || (*p == '\n' && p[-1] == '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready;
	char *variables[VARIABLES_MAX + 1], *copy;
	struct exchange x = { .out = BUF_INIT };
	struct stream stream = { .read = on_read, .write = on_write, .arg = &x };
	struct request rq;
	struct call c;
	size_t at = 0, n = 0;
	int r;

	if (!ready) {
		start();
		ready = true;
	}
	copy = malloc(len + 1);
	memcpy(copy, data, len);
	copy[len] = '\0';
	while (at < len && copy[at] && n < VARIABLES_MAX) {
		variables[n++] = copy + at;
		at += strlen(copy + at) + 1;
	}
	variables[n] = NULL;
	at = at < len ? at + 1 : len;
	x.body = (const uint8_t *)copy + at;
	x.left = len - at;
	r = request_init(&rq, variables, &stream);
	router_serve(&c, &worker, &rq, r, 1767139200000, on_ended);
	check_answer(&x);
	buf_free(&x.out);
	free(copy);
	return 0;
}
