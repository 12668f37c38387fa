/* api.c - asks the push server's admin listener. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "encode.h"
#include "http.h"

enum { TIMEOUT_MS = 15000, ANSWER_MAX = 64 << 20, TOKEN_FILE_MAX = 512 };

int api_place(const struct config *config, struct buf *url, struct buf *socket)
{
	const char *listen = config->admin.listen, *colon;
	size_t len = 0;

	for (;;) {
		listen += len;
		listen += strspn(listen, ", \t");
		len = strcspn(listen, ", \t");
		if (len == 0)
			return socket->len == 0 ? -EINVAL : buf_adds(url, "http://localhost");
		if (strncmp(listen, "unix:", 5) != 0)
			break;
		if (socket->len == 0 && buf_add(socket, listen + 5, len - 5) < 0)
			return -ENOMEM;
	}
	buf_reset(socket);
	if ((colon = memrchr(listen, ':', len)) == NULL)
		return -EINVAL;
	/* Who listens on all addresses can be asked on this machine's own. */
	if ((size_t)(colon - listen) == 0 || strncmp(listen, "0.0.0.0:", 8) == 0)
		return buf_addf(url, "http://127.0.0.1%.*s", (int)(listen + len - colon), colon);
	if (strncmp(listen, "[::]:", 5) == 0)
		return buf_addf(url, "http://[::1]%.*s", (int)(listen + len - colon), colon);
	return buf_addf(url, "http://%.*s", (int)len, listen);
}

int api_token(const struct config *config, struct buf *out)
{
	char line[TOKEN_FILE_MAX];
	size_t len;
	ssize_t n;
	int fd;

	if (config->admin.token_file[0] == '\0')
		return -ENOENT;
	if ((fd = open(config->admin.token_file, O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	len = strcspn(line, "\r\n");
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	n = len == 0 ? -ENOENT : buf_add(out, line, len);
	explicit_bzero(line, sizeof(line));
	return (int)n;
}

int api_parameter(struct buf *path, const char *name, const char *value)
{
	char encoded[1024];
	int r;

	if (value == NULL)
		return 0;
	if ((r = percent_encode(value, strlen(value), encoded, sizeof(encoded))) < 0)
		return r;
	return buf_addf(path, "%c%s=%s", strchr(buf_str(path), '?') == NULL ? '?' : '&', name, encoded);
}

static int api_answer(const struct http_answer *got, struct json_object **answer)
{
	struct json_object *o = json_parse(buf_str(&got->body), got->body.len);
	const char *message;
	size_t n;
	int code;

	if (o == NULL)
		return ctl_fail(CTL_FAILED, "the push server answered %ld and no JSON", got->status);
	if (got->status == 200 && json_truthy(o, "ok")) {
		*answer = o;
		return CTL_OK;
	}
	message = ctl_text(o, "message", &n);
	code = ctl_fail(got->status == 404 ? CTL_NOT_FOUND : CTL_FAILED, "%s", message);
	json_object_put(o);
	return code;
}

int api_ask(struct ctl *ctl, const char *path, struct json_object *body, struct json_object **answer)
{
	struct buf url = BUF_INIT, socket = BUF_INIT, token = BUF_INIT, line = BUF_INIT, text = BUF_INIT;
	struct http_answer got = { .body = BUF_INIT };
	const char *headers[] = { NULL, "Content-Type: application/json", NULL };
	int r, code;

	if (api_place(ctl->config, &url, &socket) < 0) {
		code = ctl_fail(CTL_USAGE, "[admin] listen is empty: the push server cannot be asked");
		goto out;
	}
	if ((r = api_token(ctl->config, &token)) < 0) {
		code = ctl_fail(CTL_USAGE, "[admin] token_file: %s", r == -ENOENT ? "there is no token" : strerror(-r));
		goto out;
	}
	if (ctl->http == NULL && (ctl->http = http_new(&(struct http_options){ .ca_file = NULL })) == NULL) {
		code = ctl_fail(CTL_FAILED, "out of memory");
		goto out;
	}
	if (buf_addf(&url, "/api/%s", path) < 0 || buf_addf(&line, "Authorization: Bearer %s", token.data) < 0 ||
	    (body != NULL && json_add(&text, body) < 0)) {
		code = ctl_fail(CTL_FAILED, "out of memory");
		goto out;
	}
	headers[0] = line.data;
	r = http_perform(ctl->http, &(struct http_request){
			.method = body == NULL ? "GET" : "POST", .url = url.data, .headers = headers,
			.body = text.data, .body_len = text.len, .timeout_ms = TIMEOUT_MS,
			.max_answer = ANSWER_MAX, .allow_plain = true, .unix_socket = buf_str(&socket),
		}, &got);
	if (r < 0)
		code = ctl_fail(CTL_NOT_RUNNING, "the push server does not answer at [admin] listen = %s: %s",
				ctl->config->admin.listen, strerror(-r));
	else
		code = api_answer(&got, answer);
out:
	buf_free(&url);
	buf_free(&socket);
	buf_wipe(&token);
	buf_wipe(&line);
	buf_free(&text);
	buf_free(&got.body);
	return code;
}
