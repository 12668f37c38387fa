/* doctor.c - looks at everything that has to be right on a host, and says in words what to do. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "clock.h"
#include "ctl.h"
#include "http.h"
#include "mdb.h"

enum {
	FREE_PERCENT = 5,		/* of a disk, below which it is said */
	DESCRIPTORS_LEAST = 4096,
	LOOK_MS = 8000
};
static const int64_t year_2024_ms = 1704067200000, free_bytes_least = 256 << 20;

enum verdict { WELL, NOTE, BAD };

struct doctor {
	struct ctl *ctl;
	const struct config *config;	/* with the secrets, when it could be read so */
	unsigned notes, bads;
};

static void say(struct doctor *d, enum verdict v, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct doctor *d, enum verdict v, const char *what, const char *format, ...)
{
	static const char *const marks[] = { "ok  ", "note", "BAD " };
	static const char *const words[] = { "ok", "note", "bad" };
	struct json_object *o;
	char text[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	d->notes += v == NOTE;
	d->bads += v == BAD;
	if (d->ctl->json) {
		o = json_object_new_object();
		json_object_object_add(o, "check", json_object_new_string(what));
		json_object_object_add(o, "verdict", json_object_new_string(words[v]));
		json_object_object_add(o, "message", json_object_new_string(text));
		ctl_print_json(o);
		json_object_put(o);
		return;
	}
	printf("%s  %-14s ", marks[v], what);
	put_text(text, strlen(text));
	fputc('\n', stdout);
	fflush(stdout);
}

/* --- the configuration and its secrets --- */

static void look_config(struct doctor *d, enum config_for who, const char *name)
{
	char why[CONFIG_WHY_SIZE];
	struct config *c = config_load(d->ctl->config->path, who, why);

	if (c == NULL)
		say(d, BAD, name, "%s", why);
	else
		say(d, WELL, name, "%s can be read", c->path);
	config_free(c);
}

static void look_secret(struct doctor *d, const char *what, const char *path)
{
	struct stat st;

	if (path[0] == '\0')
		return;
	if (stat(path, &st) < 0)
		say(d, BAD, what, "%s: %s", path, strerror(errno));
	else if ((st.st_mode & 0007) != 0)
		say(d, BAD, what, "%s is open to everybody (mode %03o): chmod 640 it", path, st.st_mode & 0777);
	else
		say(d, WELL, what, "%s is closed to others", path);
}

static void look_secrets(struct doctor *d)
{
	const struct config *c = d->config;
	struct buf token = BUF_INIT;
	int r;

	if (c->wechat.app_secret_file[0] == '\0' && c->wechat.app_secret[0] != '\0')
		look_secret(d, "app_secret", c->path);
	look_secret(d, "app_secret", c->wechat.app_secret_file);
	look_secret(d, "webhook", c->webhook.secret_file);
	if (c->admin.listen[0] == '\0')
		return;
	r = api_token(c, &token);
	if (r == -ENOENT)
		say(d, NOTE, "admin", "there is no token, so the admin API refuses everybody: "
		    "head -c 24 /dev/urandom | base64 | sudo install -m 640 -g wxchat /dev/stdin /etc/wxchat/token, and name it in "
		    "[admin] token_file");
	else if (r < 0)
		say(d, BAD, "admin", "[admin] token_file %s: %s", c->admin.token_file, strerror(-r));
	else if (token.len < 16)
		say(d, BAD, "admin", "the token has %zu characters: 16 is the least", token.len);
	else
		look_secret(d, "admin", c->admin.token_file);
	buf_wipe(&token);
}

/* --- directories --- */

static void look_disk(struct doctor *d, const char *what, const char *dir)
{
	struct statvfs fs;
	int64_t left;

	if (statvfs(dir, &fs) < 0 || fs.f_blocks == 0)
		return;
	left = (int64_t)(fs.f_bavail * fs.f_frsize);
	if (left < free_bytes_least || fs.f_bavail * 100 / fs.f_blocks < FREE_PERCENT)
		say(d, BAD, what, "the disk of %s has only %" PRId64 " MiB left: make room before messages are refused", dir,
		    left >> 20);
	else if (fs.f_files > 0 && fs.f_favail * 100 / fs.f_files < FREE_PERCENT)
		say(d, BAD, what, "the disk of %s has hardly any inodes left", dir);
	else
		say(d, WELL, what, "the disk of %s has %" PRId64 " MiB left", dir, left >> 20);
}

static void look_environment(struct doctor *d, const char *what, const char *dir, const char *maker)
{
	struct mdb_options options = { .dir = dir, .mode = MDB_MODE_READER };
	char why[200] = "";
	struct stat st;
	struct mdb *m;
	int r;

	if (stat(dir, &st) < 0) {
		say(d, errno == ENOENT ? NOTE : BAD, what, "%s: %s (%s makes it at its first start)", dir, strerror(errno),
		    maker);
		return;
	}
	if ((st.st_mode & 0007) != 0)
		say(d, BAD, what, "%s is open to everybody (mode %04o): chmod 2750 it", dir, st.st_mode & 07777);
	if ((r = mdb_open(&options, &m, why)) == -ENOENT)
		say(d, NOTE, what, "%s is empty: %s fills it at its first start", dir, maker);
	else if (r < 0)
		say(d, BAD, what, "%s: %s", dir, why[0] != '\0' ? why : strerror(-r));
	else {
		say(d, WELL, what, "%s can be read", dir);
		mdb_close(m);
	}
	look_disk(d, what, dir);
}

static void look_media(struct doctor *d)
{
	const char *dir = d->config->media.dir;
	struct stat st;

	if (strcmp(d->config->media.store, "local") != 0)
		return;
	if (stat(dir, &st) < 0)
		say(d, NOTE, "media", "%s: %s%s", dir, strerror(errno),
		    errno == ENOENT ? " (fcgi-login makes it at the first upload)" : "");
	else
		look_disk(d, "media", dir);
}

/* --- the machine --- */

static void look_clock(struct doctor *d)
{
	struct timex t = { .modes = 0 };

	if (clock_wall_ms() < year_2024_ms)
		say(d, BAD, "clock", "it is years behind: sessions and WeChat's signatures need the right time");
	else if (adjtimex(&t) == TIME_ERROR && (t.status & STA_UNSYNC) != 0)
		say(d, NOTE, "clock", "nothing keeps it right: switch on systemd-timesyncd or chrony");
	else
		say(d, WELL, "clock", "it is kept right");
}

static void look_limits(struct doctor *d)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < DESCRIPTORS_LEAST)
		say(d, NOTE, "limits", "%llu descriptors are the most here, and each connection takes one: LimitNOFILE= in the "
		    "unit, or ulimit -n", (unsigned long long)limit.rlim_max);
	else
		say(d, WELL, "limits", "descriptors suffice");
}

/* --- WeChat --- */

static int get(struct doctor *d, const char *url, long *status, struct buf *body)
{
	struct http *http = http_new(&(struct http_options){ .ca_file = d->config->wechat.ca_file });
	struct http_answer answer = { .body = BUF_INIT };
	int r = http == NULL ? -ENOMEM
			     : http_perform(http, &(struct http_request){ .method = "GET", .url = url,
					    .timeout_ms = LOOK_MS, .allow_plain = true }, &answer);

	*status = answer.status;
	*body = answer.body;
	http_free(http);
	return r;
}

static const char *get_error(int r)
{
	return r == -EKEYREJECTED ? "its certificate cannot be verified (self-signed, expired, or the chain is incomplete)"
				  : strerror(-r);
}

static void judge_wechat(struct doctor *d, int64_t errcode)
{
	switch (errcode) {
	case 40029:
		say(d, WELL, "wechat", "it answers, and knows this AppID and AppSecret");
		break;
	case 40013:
		say(d, BAD, "wechat", "it does not know this AppID: [wechat] app_id");
		break;
	case 40125:
		say(d, BAD, "wechat", "the AppSecret is wrong: [wechat] app_secret (it changes whenever it is reset in the console)");
		break;
	case 40243:
		say(d, BAD, "wechat", "the AppSecret is frozen: thaw it in WeChat's console");
		break;
	case 40164:
		say(d, BAD, "wechat", "this host's address is not on the IP whitelist of WeChat's console");
		break;
	default:
		say(d, NOTE, "wechat", "it answers with errcode %" PRId64, errcode);
	}
}

/* A code that cannot be good tells an AppSecret that is from one that is not. */
static void look_wechat(struct doctor *d)
{
	char why[CONFIG_WHY_SIZE];
	struct config *c = config_load(d->config->path, CONFIG_FOR_LOGIN, why);	/* with what app_secret_file holds */
	struct buf url = BUF_INIT, body = BUF_INIT;
	struct json_object *o;
	int64_t errcode = 0;
	long status;
	int r;

	if (c == NULL)
		return;		/* look_config has said why */
	if (buf_addf(&url, "%s/sns/jscode2session", c->wechat.api_base) < 0 ||
	    api_parameter(&url, "appid", c->wechat.app_id) < 0 || api_parameter(&url, "secret", c->wechat.app_secret) < 0 ||
	    buf_adds(&url, "&js_code=doctor&grant_type=authorization_code") < 0)
		goto out;
	r = get(d, url.data, &status, &body);
	if (r == -ENOSYS)
		say(d, BAD, "wechat", "libcurl is missing: install libcurl4");
	else if (r < 0)
		say(d, BAD, "wechat", "%s cannot be reached: %s (DNS, firewall, or CA certificates: ca-certificates)",
		    c->wechat.api_base, get_error(r));
	else if ((o = json_parse_lenient(buf_str(&body), body.len)) == NULL)
		say(d, BAD, "wechat", "%s answers %ld without JSON: something stands between", c->wechat.api_base, status);
	else {
		(void)json_int(o, "errcode", &errcode);
		judge_wechat(d, errcode);
		json_object_put(o);
	}
out:
	buf_wipe(&url);
	buf_free(&body);
	config_free(c);
}

/* --- the programs --- */

static void look_push(struct doctor *d)
{
	struct buf url = BUF_INIT, socket = BUF_INIT, token = BUF_INIT, line = BUF_INIT;
	struct http_answer got = { .body = BUF_INIT };
	const char *headers[] = { NULL, NULL };
	struct http *http = http_new(&(struct http_options){ .ca_file = NULL });
	struct json_object *o, *process;
	const char *version;
	size_t n;
	int r;

	if (api_place(d->config, &url, &socket) < 0 || http == NULL || api_token(d->config, &token) < 0 ||
	    buf_adds(&url, "/api/stats") < 0 || buf_addf(&line, "Authorization: Bearer %s", token.data) < 0)
		goto out;	/* no API to ask, which has been said */
	headers[0] = line.data;
	r = http_perform(http, &(struct http_request){ .method = "GET", .url = url.data, .headers = headers,
			 .timeout_ms = LOOK_MS, .allow_plain = true, .unix_socket = buf_str(&socket) }, &got);
	if (r < 0) {
		say(d, BAD, "push-server", "it does not answer at [admin] listen = %s: is it running?", d->config->admin.listen);
	} else if (got.status != 200 || (o = json_parse(buf_str(&got.body), got.body.len)) == NULL) {
		say(d, BAD, "push-server", "[admin] listen = %s answers %ld: another program, or another token",
		    d->config->admin.listen, got.status);
	} else {
		version = ctl_text(o, "version", &n);
		process = json_member(o, "process");
		if (strcmp(version, WXCHAT_VERSION) != 0)
			say(d, NOTE, "push-server", "it is version %s, and this is %s: restart it", version, WXCHAT_VERSION);
		else
			say(d, WELL, "push-server", "it runs, with %" PRId64 " connection%s", ctl_int(o, "connections"),
			    ctl_int(o, "connections") == 1 ? "" : "s");
		if (process != NULL && ctl_int(process, "max_fds") < DESCRIPTORS_LEAST)
			say(d, NOTE, "push-server", "it may open only %" PRId64 " descriptors: LimitNOFILE= in its unit",
			    ctl_int(process, "max_fds"));
		json_object_put(o);
	}
out:
	http_free(http);
	buf_free(&url);
	buf_free(&socket);
	buf_wipe(&token);
	buf_wipe(&line);
	buf_free(&got.body);
}

/* --- the web server in front --- */

/* Does this URL lead to fcgi-login? */
static bool is_login(struct doctor *d, const char *url, long *status)
{
	struct buf body = BUF_INIT;
	struct json_object *o = NULL;
	bool yes = false;
	size_t n;

	*status = 0;
	if (get(d, url, status, &body) == 0 && (o = json_parse(buf_str(&body), body.len)) != NULL) {
		struct json_object *data = json_member(o, "data");

		yes = json_text(o, "version", &n) != NULL || (data != NULL && json_text(data, "version", &n) != NULL);
	}
	json_object_put(o);
	buf_free(&body);
	return yes;
}

static void look_web(struct doctor *d)
{
	static const char *const routes[] = { "/health", "/weapp/health" };
	const char *base = d->config->login.base_url;
	struct buf url = BUF_INIT;
	long status = 0;

	if (base[0] == '\0') {
		say(d, NOTE, "web server", "[login] base_url is not set, so where phones come in cannot be tried");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		buf_reset(&url);
		if (buf_addf(&url, "%s%s", base, routes[i]) == 0 && is_login(d, url.data, &status)) {
			say(d, WELL, "web server", "%s leads to fcgi-login", url.data);
			buf_free(&url);
			return;
		}
	}
	buf_free(&url);
	if (status == 0)
		say(d, BAD, "web server", "%s does not answer: DNS, certificate, or the web server", base);
	else if (status == 502 || status == 503 || status == 504)
		say(d, BAD, "web server", "%s answers %ld: the web server runs, but does not reach fcgi-login (socket path, its "
		    "mode and group)", base, status);
	else
		say(d, BAD, "web server", "%s/health and /weapp/health answer %ld, and not as fcgi-login does: see the web server's "
		    "example configuration", base, status);
}

/* A plain GET of the WebSocket's URL is refused by push-server in its own way (426), by a web server without the
 * proxy in another. */
static void look_socket(struct doctor *d)
{
	const char *url = d->config->push.url;
	struct buf http = BUF_INIT, body = BUF_INIT;
	long status = 0;
	int r;

	if (url[0] == '\0')
		return;
	if (buf_addf(&http, "http%s", url + 2) < 0)
		return;
	r = get(d, http.data, &status, &body);
	if (r < 0)
		say(d, BAD, "websocket", "%s does not answer: %s", url, get_error(r));
	else if (status == 426)
		say(d, WELL, "websocket", "%s leads to push-server", url);
	else if (status == 502 || status == 503 || status == 504)
		say(d, BAD, "websocket", "%s answers %ld: the web server runs, but does not reach push-server", url, status);
	else
		say(d, BAD, "websocket", "%s answers %ld: the web server does not hand it on (proxy with upgrade)", url, status);
	buf_free(&http);
	buf_free(&body);
}

static int doctor(struct ctl *ctl, int argc, char **argv)
{
	struct doctor d = { .ctl = ctl, .config = ctl->config };

	(void)argc;
	(void)argv;
	look_config(&d, CONFIG_FOR_LOGIN, "fcgi-login");
	look_config(&d, CONFIG_FOR_PUSH, "push-server");
	look_secrets(&d);
	look_environment(&d, "sessions", ctl->config->session_dir, "fcgi-login");
	look_environment(&d, "history", ctl->config->history.dir, "push-server");
	look_media(&d);
	look_clock(&d);
	look_limits(&d);
	look_wechat(&d);
	look_push(&d);
	look_web(&d);
	look_socket(&d);
	if (!ctl->json)
		printf("\n%u to be mended, %u to be looked at\n", d.bads, d.notes);
	return d.bads > 0 ? CTL_FAILED : CTL_OK;
}

const struct command doctor_commands[] = {
	{ "doctor", "", "look at all that has to be right here, and say what to do", 0, 0, doctor, "" },
	{ NULL, NULL, NULL, 0, 0, NULL, "" },
};
