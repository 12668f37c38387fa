/* config.c - the file, then the environment, then the files that they name, into struct config. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_load.h"
#include "log.h"
#include "text.h"

#define DEFAULT_PATH "/etc/wxchat/wxchat.conf"

extern char **environ;

void load_failed(struct load *l, int line, const char *format, ...)
{
	va_list ap;
	int n;

	if (l->is_failed)
		return;
	l->is_failed = true;
	if (line > 0)
		n = snprintf(l->why, CONFIG_WHY_SIZE, "%s:%d: ", l->path, line);
	else
		n = snprintf(l->why, CONFIG_WHY_SIZE, "%s: ", line < 0 ? "environment" : l->path);
	if (n < 0 || n >= CONFIG_WHY_SIZE)
		return;
	va_start(ap, format);
	vsnprintf(l->why + n, (size_t)(CONFIG_WHY_SIZE - n), format, ap);
	va_end(ap);
}

/* "wechat.app_id" names the variable WXCHAT_WECHAT_APP_ID. */
static void variable_name(const struct config_key *key, char out[static 2 * NAME_MAX_LEN])
{
	char *p;

	snprintf(out, 2 * NAME_MAX_LEN, "WXCHAT_%s_%s", key->section, key->name);
	for (p = out; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
}

/* A failure that is about key, wherever it was set. */
static void key_failed(struct load *l, const struct config_key *key, const char *why)
{
	char variable[2 * NAME_MAX_LEN];
	int line = l->lines[key - config_keys];

	variable_name(key, variable);
	load_failed(l, line, "%s: %s", line < 0 ? variable : key->name, why);
}

bool load_set(struct load *l, const struct config_key *key, const char *value, int line)
{
	char why[CONFIG_WHY_SIZE];
	char *copy = strdup(value);
	int64_t number = 0;

	if (!copy) {
		load_failed(l, 0, "%s", strerror(ENOMEM));
		return false;
	}
	l->lines[key - config_keys] = line;
	if (!config_value_check(key, copy, &number, why)) {
		key_failed(l, key, why);
		text_wipe(copy);
		return false;
	}
	if (key->kind == KIND_INT || key->kind == KIND_RATE) {
		*config_number_at(l->config, key) = number;
		free(copy);
	} else {
		char **text = config_text_at(l->config, key);

		free(*text);
		*text = copy;
	}
	return true;
}

/* --- the environment --- */

/* A variable of ours that is no key: an error only where it begins like a section, so that WXCHAT_CONFIG and what
 * others may call WXCHAT_something pass. */
static void variable_unknown(struct load *l, const char *name, size_t len)
{
	char quoted[LOG_TEXT_SIZE];
	size_t i;

	for (i = 0; i < CONFIG_SECTION_COUNT; i++) {
		size_t n = strlen(config_sections[i].name);

		if (len > 7 + n && strncasecmp(name + 7, config_sections[i].name, n) == 0 && name[7 + n] == '_')
			load_failed(l, LINE_OF_ENVIRONMENT, "%s: there is no such key; WXCHAT_<SECTION>_<KEY> in capitals "
				    "with the keys of the file is allowed", log_text(quoted, name, len));
	}
}

static void read_environment(struct load *l)
{
	char **variable, name[2 * NAME_MAX_LEN];
	size_t i, n;

	for (variable = environ; *variable && !l->is_failed; variable++) {
		if (strncmp(*variable, "WXCHAT_", 7) != 0)
			continue;
		n = strcspn(*variable, "=");
		if (!(*variable)[n])
			continue;
		for (i = 0; i < CONFIG_KEY_COUNT; i++) {
			variable_name(&config_keys[i], name);
			if (strlen(name) == n && memcmp(name, *variable, n) == 0)
				break;
		}
		if (i < CONFIG_KEY_COUNT)
			load_set(l, &config_keys[i], *variable + n + 1, LINE_OF_ENVIRONMENT);
		else
			variable_unknown(l, *variable, n);
	}
}

/* --- what keys demand of each other and of the machine --- */

/* KEY_file's contents become KEY.  The environment's word counts more than the file's; two words of one kind are one
 * too many. */
static void take_secret(struct load *l, const struct config_key *file, bool may_be_closed)
{
	char name[NAME_MAX_LEN], why[CONFIG_WHY_SIZE];
	const struct config_key *key;
	char *secret, **text;
	int error;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(file->name) - strlen("_file")), file->name);
	key = config_key_find(file->section, name);
	text = config_text_at(l->config, key);
	if (**text) {
		bool is_key_outside = l->lines[key - config_keys] < 0, is_file_outside = l->lines[file - config_keys] < 0;

		if (is_key_outside == is_file_outside) {
			snprintf(why, sizeof(why), "is set beside %s; one of the two is allowed", key->name);
			key_failed(l, file, why);
			return;
		}
		if (is_key_outside)
			return;
	}
	if (!config_file_read(*config_text_at(l->config, file), &secret, &error, why)) {
		if (!(may_be_closed && error == EACCES))
			key_failed(l, file, why);
		return;
	}
	if (config_value_check(key, secret, NULL, why)) {
		text_wipe(*text);
		*text = secret;
	} else {
		key_failed(l, file, why);
		text_wipe(secret);
	}
}

/* Each program reads the files that it uses.  The AppSecret may be closed to the push server, which needs it only to
 * ask WeChat about content. */
static void read_files(struct load *l, enum config_for who)
{
	char why[CONFIG_WHY_SIZE];
	size_t i;
	int error;

	for (i = 0; i < CONFIG_KEY_COUNT && !l->is_failed; i++) {
		const struct config_key *key = &config_keys[i];
		bool is_used = (config_section_find(key->section)->users & who) != 0;
		const char *path;

		if (!(key->flags & (IS_FILE | IS_FILE_OF_SECRET)) || !is_used)
			continue;
		path = *config_text_at(l->config, key);
		if (!*path)
			continue;
		if (key->flags & IS_FILE_OF_SECRET)
			take_secret(l, key, who == CONFIG_FOR_PUSH && strcmp(key->section, "wechat") == 0);
		else if (!config_file_read(path, NULL, &error, why))
			key_failed(l, key, why);
	}
}

/* Where a key that is not there should be: its section's line, else the file's last. */
static int missing_line(const struct load *l, const struct config_key *key)
{
	int line = l->section_lines[config_section_find(key->section) - config_sections];

	if (line == 0)
		line = l->line > 1 ? l->line - 1 : 1;
	return line;
}

static void key_missing(struct load *l, const char *section, const char *name, const char *whom)
{
	const struct config_key *key = config_key_find(section, name);
	int line = l->lines[key - config_keys];
	char why[CONFIG_WHY_SIZE];

	if (**config_text_at(l->config, key))
		return;
	snprintf(why, sizeof(why), "missing in [%s], but %s; needed is: %s", section, whom, key->help);
	if (line == 0)
		load_failed(l, missing_line(l, key), "%s: %s", name, why);
	else
		key_failed(l, key, why);
}

/* A path is the same with a slash behind it. */
static bool is_same_path(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);

	a_len -= a_len > 1 && a[a_len - 1] == '/';
	b_len -= b_len > 1 && b[b_len - 1] == '/';
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void check_needed(struct load *l, enum config_for who)
{
	const struct config *c = l->config;
	size_t i;

	if (who == CONFIG_FOR_LOGIN) {
		if (*c->login.avatar_hosts)	/* whose pictures are ours would be up to who asks */
			key_missing(l, "login", "base_url", "avatar_hosts is set");
		for (i = 0; i < CONFIG_KEY_COUNT; i++)
			if (config_keys[i].flags & NEEDED_BY_LOGIN)
				key_missing(l, config_keys[i].section, config_keys[i].name, "fcgi-login cannot do without it");
		if (c->media.dir[0] != '/')
			key_failed(l, config_key_find("media", "dir"), "is no absolute path; one that begins with / is allowed");
		if (strcmp(c->media.check, "on") == 0)	/* the verdicts come by the message push */
			key_missing(l, "wechat", "message_token", "[media] check is on");
		if (strcmp(c->wechat.message_mode, "safe") == 0) {
			key_missing(l, "wechat", "message_token", "message_mode is safe");
			key_missing(l, "wechat", "message_aes_key", "message_mode is safe");
		}
		if (strcmp(c->media.store, "s3") == 0) {
			key_missing(l, "media", "s3_endpoint", "store is s3");
			key_missing(l, "media", "s3_bucket", "store is s3");
			key_missing(l, "media", "s3_key_id", "store is s3");
			key_missing(l, "media", "s3_secret", "store is s3");
		}
	}
	if (who == CONFIG_FOR_PUSH) {
		if (*c->push.tls_cert)
			key_missing(l, "push", "tls_key", "tls_cert is set");
		if (*c->push.tls_key)
			key_missing(l, "push", "tls_cert", "tls_key is set");
		if (is_same_path(c->push.echo_path, c->push.path))
			key_failed(l, config_key_find("push", l->lines[config_key_find("push", "echo_path") - config_keys] ?
						      "echo_path" : "path"),
				   "echo_path and path are the same, and what is said there would be echoed, not told; two "
				   "paths are allowed");
		if (c->push.ping_s >= c->push.idle_s)
			key_failed(l, config_key_find("push", l->lines[config_key_find("push", "idle_s") - config_keys] ?
						      "idle_s" : "ping_s"),
				   "a client would be closed before it is pinged; idle_s greater than ping_s is allowed");
	}
}

/* --- the whole --- */

static bool set_defaults(struct config *c)
{
	char why[CONFIG_WHY_SIZE];
	size_t i;

	for (i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];

		if (key->kind == KIND_INT)
			*config_number_at(c, key) = key->number;
		else if (key->kind == KIND_RATE)
			config_value_check(key, (char *)key->fallback, config_number_at(c, key), why);
		else if (!(*config_text_at(c, key) = strdup(key->fallback)))
			return false;
	}
	return true;
}

/* For config_blame. */
static void keep_lines(struct load *l)
{
	int *lines = calloc(CONFIG_KEY_COUNT, sizeof(*lines));
	size_t i;

	for (i = 0; lines && i < CONFIG_KEY_COUNT; i++)
		lines[i] = l->lines[i] ? l->lines[i] : missing_line(l, &config_keys[i]);
	l->config->lines = lines;
	if (!lines)
		load_failed(l, 0, "%s", strerror(ENOMEM));
}

struct config *config_load(const char *path, enum config_for who, char why[static CONFIG_WHY_SIZE])
{
	struct load *l = calloc(1, sizeof(*l));
	struct config *c = calloc(1, sizeof(*c));

	if (!path)
		path = getenv("WXCHAT_CONFIG");
	if (!path || !*path)
		path = DEFAULT_PATH;
	if (!l || !c || !set_defaults(c) || !(c->path = strdup(path))) {
		snprintf(why, CONFIG_WHY_SIZE, "%s: %s", path, strerror(ENOMEM));
		free(l);
		config_free(c);
		return NULL;
	}
	l->config = c;
	l->path = path;
	l->why = why;
	load_file(l);
	if (!l->is_failed)
		read_environment(l);
	if (!l->is_failed)
		read_files(l, who);
	if (!l->is_failed)
		check_needed(l, who);
	if (!l->is_failed && !(c->session_dir = strdup(c->session.store + strlen("lmdb:"))))
		load_failed(l, 0, "%s", strerror(ENOMEM));
	if (!l->is_failed)
		keep_lines(l);
	if (l->is_failed) {
		config_free(c);
		c = NULL;
	}
	free(l);
	return c;
}

void config_blame(const struct config *c, const char *section, const char *key, const char *what,
		  char why[static CONFIG_WHY_SIZE])
{
	const struct config_key *k = config_key_find(section, key);
	struct load l = { .path = c->path, .why = why };

	l.lines[k - config_keys] = c->lines[k - config_keys];
	key_failed(&l, k, what);
}

void config_free(struct config *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];

		if (key->kind == KIND_TEXT || key->kind == KIND_CHOICE)
			text_wipe(*config_text_at(c, key));
	}
	free(c->session_dir);
	free(c->path);
	free(c->lines);
	free(c);
}

bool config_list_has(const char *list, const char *item)
{
	size_t len = strlen(item), n;

	for (; *list; list += n) {
		list += strspn(list, " \t,");
		n = strcspn(list, " \t,");
		if (n == len && n > 0 && memcmp(list, item, n) == 0)
			return true;
	}
	return false;
}
