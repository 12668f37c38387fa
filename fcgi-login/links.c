/* links.c - the URLs that this program hands out.  No store. */
#include "links.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* The scheme and authority at the beginning of a URL. */
static size_t origin_length(const char *url)
{
	const char *slashes = strstr(url, "://");

	return slashes ? (size_t)(slashes - url) + 3 + strcspn(slashes + 3, "/?#") : 0;
}

static bool request_is_https(const struct call *c)
{
	const char *text = request_variable(c->rq, "HTTPS");

	if (text)
		return strcasecmp(text, "off") != 0;
	text = request_variable(c->rq, "REQUEST_SCHEME");
	if (text && !strcasecmp(text, "https"))
		return true;
	text = request_variable(c->rq, "REMOTE_ADDR");
	if (!text || !config_list_has(c->config->login.trusted_proxies, text))
		return false;
	text = request_header(c->rq, "X_FORWARDED_PROTO");
	return text && !strcasecmp(text, "https");
}

/* A Host that could not have come from a browser is not worth repeating. */
static bool host_ok(const char *host)
{
	size_t len = strlen(host);

	return len <= 255 && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == len;
}

int links_origin(const struct call *c, struct buf *out)
{
	const char *base = c->config->login.base_url;
	const char *host;

	if (*base)
		return buf_add(out, base, origin_length(base));
	host = request_header(c->rq, "HOST");
	if (!host || !host_ok(host))
		return -EINVAL;
	return buf_addf(out, "%s://%s", request_is_https(c) ? "https" : "http", host);
}

/* Appends url without slashes at its end. */
static int add_trimmed(struct buf *out, const char *url)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	return buf_add(out, url, len);
}

int links_media(const struct call *c, const char *name, struct buf *out)
{
	const struct config *config = c->config;
	int r = 0;

	if (!strcmp(config->media.store, "s3")) {
		r = media_bucket_url(config, name, out);
		return r;
	}
	if (!strstr(config->media.url, "://")) {
		if (*config->login.base_url)
			r = add_trimmed(out, config->login.base_url);
		else
			r = links_origin(c, out);
		if (r == 0 && config->media.url[0] != '/')
			r = buf_adds(out, "/");
	}
	if (r == 0)
		r = add_trimmed(out, config->media.url);
	return r == 0 ? buf_addf(out, "/%s", name) : r;
}

/* Appends the path without its last segment: "/weapp/" of "/weapp/login". */
static int add_folder(struct buf *out, const char *path)
{
	size_t start = *path == '/' ? 0 : origin_length(path);	/* a request may name the whole URL */
	size_t len = strcspn(path + start, "?#");

	while (len > 0 && path[start + len - 1] == '/')
		len--;
	while (len > 0 && path[start + len - 1] != '/')
		len--;
	return len ? buf_add(out, path + start, len) : buf_adds(out, "/");
}

int links_avatar(const struct call *c, const char *uid, struct buf *out)
{
	const char *uri = request_variable(c->rq, "REQUEST_URI");
	const char *script = request_variable(c->rq, "SCRIPT_NAME"), *inside = request_variable(c->rq, "PATH_INFO");
	struct buf path = BUF_INIT;
	int r = links_origin(c, out);

	/* RFC 3875 knows no REQUEST_URI, only its parts */
	if (r == 0)
		r = uri ? buf_adds(&path, uri) : buf_addf(&path, "%s%s", script ? script : "", inside ? inside : "");
	if (r == 0)
		r = add_folder(out, buf_str(&path));
	buf_free(&path);
	return r == 0 ? buf_addf(out, "avatar?uid=%s", uid) : r;
}

int links_push(const struct call *c, struct buf *out)
{
	struct buf origin = BUF_INIT;
	int r;

	if (*c->config->push.url)
		return buf_adds(out, c->config->push.url);
	r = links_origin(c, &origin);
	if (r == 0)	/* http becomes ws, https wss */
		r = buf_addf(out, "ws%s%s", buf_str(&origin) + 4, c->config->push.path);
	buf_free(&origin);
	return r;
}

bool links_is_generated(const char *url, const char *uid)
{
	static const char tail[] = "/avatar?uid=";
	size_t len = strlen(url), want = sizeof(tail) - 1 + UID_LEN;

	return len > want && !memcmp(url + len - want, tail, sizeof(tail) - 1) &&
	       !strcmp(url + len - UID_LEN, uid);
}
