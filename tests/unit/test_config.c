/* test_config.c - what a configuration may say, and what its author is told when it says something else. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#define LOGIN "[wechat]\napp_id=wx1\napp_secret=s\n"

static char dir[] = "/tmp/wxchat-config-XXXXXX";
static char conf[64], why[CONFIG_WHY_SIZE];

static void put_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
	return out;
}

static void assert_said(const char *words)
{
	if (!strstr(why, words))
		fail_msg("%s", why);
}

static struct config *load(const char *text, enum config_for who)
{
	put_file(conf, text, strlen(text));
	strcpy(why, "nothing was said");
	return config_load(conf, who, why);
}

static void defaults_hold_where_nothing_is_said(void **state)
{
	struct config *c = load("", CONFIG_FOR_PUSH);

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->wechat.api_base, "https://api.weixin.qq.com");
	assert_string_equal(c->session.store, "lmdb:/var/lib/wxchat/sessions");
	assert_string_equal(c->session_dir, "/var/lib/wxchat/sessions");
	assert_string_equal(c->push.listen, "127.0.0.1:8765");
	assert_string_equal(c->push.tls_cert, "");
	assert_int_equal(c->session.max_age, 86400);
	assert_int_equal(c->push.rate, 600);
	assert_int_equal(c->login.rate_per_user, 0);
	assert_string_equal(c->history.sync, "batch");
	assert_string_equal(c->path, conf);
	config_free(c);
}

static void the_file_is_read_as_people_write_it(void **state)
{
	struct config *c = load(
		"\xef\xbb\xbf# a comment\r\n"
		"; another\n"
		"\n"
		"[wechat] ; behind a section\r\n"
		"  app_id\t=  wx0123456789abcdef  \r\n"
		"app_secret: colon is a sign as well ; and this is a comment\n"
		"message_token=a;b#c = d\n"
		"[push]\n"
		"\trate = 30/m\n"
		"listen=127.0.0.1:1, [::1]:2 unix:/run/x.sock,localhost:0\n"
		"url = wss://chat.example.com:8443/ws?x=1\n"
		"origins = HTTPS://Chat.Example.com:443,http://[::1]:80 https://a:80, null weapp://wechat-game-runtime file:// *\n"
		"[wechat]\n"
		"api_base = http://127.0.0.1:8080//\n"
		"timeout_ms = 100", CONFIG_FOR_LOGIN);

	(void)state;
	if (!c)
		fail_msg("%s", why);
	assert_string_equal(c->wechat.app_id, "wx0123456789abcdef");
	assert_string_equal(c->wechat.app_secret, "colon is a sign as well");
	assert_string_equal(c->wechat.message_token, "a;b#c = d");
	assert_string_equal(c->wechat.api_base, "http://127.0.0.1:8080");
	assert_int_equal(c->wechat.timeout_ms, 100);
	assert_int_equal(c->push.rate, 30);
	assert_string_equal(c->push.listen, "127.0.0.1:1, [::1]:2 unix:/run/x.sock,127.0.0.1:0");
	assert_string_equal(c->push.origins, "https://chat.example.com,http://[::1] https://a:80, null weapp://wechat-game-runtime file:// *");
	assert_string_equal(c->push.url, "wss://chat.example.com:8443/ws?x=1");
	config_free(c);
}

/* inih alone would cut lines at 199 bytes and take the rest for another line. */
static void long_values_stay_whole(void **state)
{
	char text[8192], value[4000];
	struct config *c;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	memcpy(value + 195, "\xe4\xbd\xa0 = [x] ", 10);
	snprintf(text, sizeof(text), LOGIN "message_token = %s\n[push]\ndefault_room = after\n", value);
	c = load(text, CONFIG_FOR_LOGIN);
	if (!c)
		fail_msg("%s", why);
	assert_string_equal(c->wechat.message_token, value);
	assert_string_equal(c->push.default_room, "after");
	config_free(c);
}

static void uids_are_put_into_small_letters(void **state)
{
	struct config *c = load(LOGIN "[push]\nmoderators = 8E593C1B4843E2673EE6, 00000000000000000001 8e593c1b4843e2673ee7\n", CONFIG_FOR_LOGIN);

	(void)state;
	if (!c)
		fail_msg("%s", why);
	assert_true(config_list_has(c->push.moderators, "8e593c1b4843e2673ee6"));
	assert_true(config_list_has(c->push.moderators, "00000000000000000001"));
	assert_true(config_list_has(c->push.moderators, "8e593c1b4843e2673ee7"));
	config_free(c);
}

#define KEY43 "0123456789012345678901234567890123456789012"

/* Each row is a file for fcgi-login (which begins with LOGIN, three lines, unless it is whole) and what is said of it. */
static void mistakes_are_named_with_their_place(void **state)
{
	static const struct {
		const char *sentence, *text, *why;
	} rows[] = {
		{ "an unknown key", "timeout=5\n", ":4: timeout: there is no such key in [wechat]; allowed are app_id, " },
		{ "an unknown section", "[pushh]\n", ":4: \"pushh\": there is no such section; allowed are [wechat], " },
		{ "an unknown section with keys", "\n[x]\ny=z\n", ":5: \"x\": there is no such section" },
		{ "a key of another section", "per_user = 2\n", ":4: per_user: there is no such key in [wechat]" },
		{ "a key in capitals", "[push]\nPATH=/x\n", ":5: PATH: there is no such key in [push]" },
		{ "a key twice", "\napp_id=wx2\n", ":5: app_id: is set on line 2 already" },
		{ "a key twice in a section opened twice", "[push]\npath=/a\n[wechat]\n[push]\npath=/a\n",
		  ":8: path: is set on line 5 already" },
		{ "no sign", "timeout_ms 5\n", ":4: is neither a key nor a section" },
		{ "a continued line is no such thing here", "message_token = a\n  b\n", ":5: is neither a key nor" },
		{ "no key before the sign", " = 5\n", ":4: \"\": there is no such key" },
		{ "a section that does not end", "[push\nx=1\n", ":4: the section's name does not end" },
		{ "a key behind a section", "[push] path=/x\n", ":4: there is more behind the section's name" },
		{ "no number", "timeout_ms = soon\n",
		  ":4: timeout_ms: \"soon\" is not a whole number; 100 to 60000 is allowed" },
		{ "a number with a unit", "timeout_ms = 5s\n", ":4: timeout_ms: \"5s\" is not a whole number" },
		{ "an empty number", "timeout_ms =\n", ":4: timeout_ms: \"\" is not a whole number" },
		{ "a fraction", "timeout_ms = 5.5\n", ":4: timeout_ms: \"5.5\" is not a whole number" },
		{ "too small", "timeout_ms = 99\n", ":4: timeout_ms: 99 is out of range; 100 to 60000 is allowed" },
		{ "too great", "timeout_ms = 60001\n", ":4: timeout_ms: 60001 is out of range" },
		{ "below zero", "timeout_ms = -5\n", ":4: timeout_ms: -5 is out of range" },
		{ "greater than any number", "timeout_ms = 9999999999999999999999\n", ":4: timeout_ms: \"999" },
		{ "no choice", "[history]\nsync = fast\n",
		  ":5: sync: \"fast\" is not a choice; one of batch|relaxed is allowed" },
		{ "half a choice", "[history]\nsync = bat\n", ":5: sync: \"bat\" is not a choice" },
		{ "no rate", "[push]\nrate = fast\n", ":5: rate: \"fast\" is not a rate; " },
		{ "a rate without its time", "[push]\nrate = 10\n", ":5: rate: \"10\" is not a rate" },
		{ "a rate by the hour", "[push]\nrate = 10/h\n", ":5: rate: \"10/h\" is not a rate" },
		{ "a rate below zero", "[push]\nrate = -1/s\n", ":5: rate: \"-1/s\" is not a rate" },
		{ "no port", "[push]\nlisten = 127.0.0.1\n", ":5: listen: \"127.0.0.1\" is not a place to listen on; " },
		{ "too great a port", "[push]\nlisten = 127.0.0.1:65536\n", ":5: listen: \"127.0.0.1:65536\" is not" },
		{ "a name", "[push]\nlisten = example.com:80\n",
		  ":5: listen: \"example.com:80\" is not a place to listen on; ADDRESS:PORT (numeric or localhost; " },
		{ "no address", "[push]\nlisten = :80\n", ":5: listen: \":80\" is not a place" },
		{ "IPv6 without brackets", "[push]\nlisten = ::1:80\n", ":5: listen: \"::1:80\" is not a place" },
		{ "a socket without a whole path", "[push]\nlisten = unix:x\n", ":5: listen: \"unix:x\" is not a place" },
		{ "the second of two places", "[push]\nlisten = 127.0.0.1:80,x\n", ":5: listen: \"x\" is not a place" },
		{ "nowhere to listen", "[push]\nlisten =\n", ":5: listen: is empty; needed is: ADDRESS:PORT" },
		{ "no URL", "api_base = api.weixin.qq.com\n", ":4: api_base: \"api.weixin.qq.com\" is not a URL; https://" },
		{ "secrets in the clear", "api_base = http://api.weixin.qq.com\n",
		  ":4: api_base: \"http://api.weixin.qq.com\" would send secrets in the clear; https://, or http:// to " },
		{ "a loopback look-alike", "api_base = http://127.0.0.1.example.com\n", "would send secrets in the clear" },
		{ "another look-alike", "api_base = http://localhost.example.com\n", "would send secrets in the clear" },
		{ "a user name", "api_base = http://127.0.0.1@example.com\n", " is not a URL; http://HOST[:PORT][/PATH]" },
		{ "a scheme alone", "api_base = https://\n", "is not a URL" },
		{ "a host alone", "api_base = https:///path\n", "is not a URL" },
		{ "port 0", "api_base = https://example.com:0\n", "is not a URL" },
		{ "a blank in a URL", "api_base = https://example.com/a b\n", "is not a URL" },
		{ "Chinese in a URL", "api_base = https://\xe4\xbd\xa0.cn\n", "is not a URL" },
		{ "a query where paths are appended", "api_base = https://example.com?a=b\n", "goes on behind the path" },
		{ "https where a WebSocket is meant", "[push]\nurl = https://example.com/ws\n",
		  ":5: url: \"https://example.com/ws\" is not a URL; wss://... or ws:// is allowed" },
		{ "no path", "[push]\npath = ws\n", ":5: path: \"ws\" is not the path of a URL; " },
		{ "a path with a query", "[push]\npath = /ws?a\n", ":5: path: \"/ws?a\" is not the path of a URL" },
		{ "messages larger than can be handed on", "[push]\nmax_message_kb = 16385\n",
		  ":5: max_message_kb: 16385 is out of range; 1 to 16384 is allowed" },
		{ "no path to echo", "[push]\necho_path = echo\n", ":5: echo_path: \"echo\" is not the path of a URL" },
		{ "an origin without its scheme", "[push]\norigins = example.com\n",
		  ":5: origins: \"example.com\" is not an Origin; SCHEME://HOST[:PORT] without a path, null, or * for any is allowed" },
		{ "an origin with a path", "[push]\norigins = https://a.example, https://B.example/\n",
		  ":5: origins: \"https://B.example/\" is not an Origin" },
		{ "an origin without a host", "[push]\norigins = https://\n", "is not an Origin" },
		{ "an origin of a port alone", "[push]\norigins = https://:443\n", "is not an Origin" },
		{ "an origin with no port behind the colon", "[push]\norigins = https://a.example:\n", "is not an Origin" },
		{ "a port as no browser writes it", "[push]\norigins = https://a.example:0443\n", "is not an Origin" },
		{ "a host with a star", "[push]\norigins = https://*.example.com\n", "is not an Origin" },
		{ "a scheme that is none", "[push]\norigins = 1https://a\n", "is not an Origin" },
		{ "no scheme before the sign", "[push]\norigins = ://a\n", "is not an Origin" },
		{ "a colon where there is none", "[push]\norigins = a:b\n", "is not an Origin" },
		{ "an origin past ASCII", "[push]\norigins = https://\xe4\xbd\xa0.cn\n", "is not an Origin" },
		{ "no uid", "[push]\nmoderators = zzz\n",
		  ":5: moderators: \"zzz\" is not a uid; uids of 20 hexadecimal digits with blanks or commas between them are allowed" },
		{ "a uid cut short", "[push]\nmoderators = 8e593c1b4843e2673ee6, 8e593c1b4843e2673ee\n", ":5: moderators: \"8e593c1b4843e2673ee\" is not a uid" },
		{ "two uids in one", "[push]\nmoderators = 8e593c1b4843e2673ee68e593c1b4843e2673ee6\n", "is not a uid" },
		{ "everybody a moderator", "[push]\nmoderators = *\n", ":5: moderators: \"*\" is not a uid" },
		{ "no store", "[session]\nstore = /var/lib\n", ":5: store: is no store that is known; lmdb:DIRECTORY" },
		{ "a store nowhere", "[session]\nstore = lmdb:\n", ":5: store: is no store that is known" },
		{ "no address", "[login]\ntrusted_proxies = 10.0.0.1, ::1 proxy\n",
		  ":5: trusted_proxies: \"proxy\" is not an address; " },
		{ "a network", "[login]\ntrusted_proxies = 10.0.0.0/8\n", ":5: trusted_proxies: \"10.0.0.0/8\" is not an" },
		{ "an address that no peer's would equal", "[login]\ntrusted_proxies = ::0001\n",
		  ":5: trusted_proxies: ::0001 is not the usual way to write it; ::1 is allowed" },
		{ "a key that WeChat does not make", "message_aes_key = short\n",
		  ":4: message_aes_key: has 5 characters; exactly 43 letters and digits" },
		{ "no UTF-8", "[push]\ndefault_room = \xb4\xf3\n", ":5: default_room: is not UTF-8" },
		{ "a control character", "[push]\ndefault_room = a\x1b" "b\n", ":5: default_room: holds a control character" },
		{ "a file that is not there", "ca_file = /nonexistent/ca.pem\n",
		  ":4: ca_file: \"/nonexistent/ca.pem\" cannot be read: No such file or directory; a file" },
		{ "a directory for a file", "ca_file = /tmp\n", ":4: ca_file: \"/tmp\" is a directory; a regular file" },
		{ "a device for a secret", "[media]\nstore=local\ns3_secret_file = /dev/zero\n",
		  ":6: s3_secret_file: \"/dev/zero\" is not a file" },
		{ "a URL for a host", "[login]\nbase_url = https://a.example\navatar_hosts = *.qlogo.cn https://x.example.com\n",
		  ":6: avatar_hosts: \"https://x.example.com\" is not a host name; such as *.qlogo.cn or " },
		{ "a host with its port", "[login]\nbase_url = https://a.example\navatar_hosts = a.example:443\n", "\"a.example:443\" is not a host name" },
		{ "a host with a path", "[login]\nbase_url = https://a.example\navatar_hosts = a.example/x\n", "is not a host name" },
		{ "any host", "[login]\nbase_url = https://a.example\navatar_hosts = *\n", ":6: avatar_hosts: \"*\" is not a host name" },
		{ "a star inside", "[login]\nbase_url = https://a.example\navatar_hosts = a.*.example\n", "is not a host name" },
		{ "a directory from nowhere", "[media]\ndir = uploads\n", ":5: dir: is no absolute path; one that begins with / is allowed" },
		{ "a check whose verdicts cannot come", "[media]\ncheck = on\n",
		  ":1: message_token: missing in [wechat], but [media] check is on; needed is: Token of the message push" },
		{ "safe mode without a token", "message_mode = safe\nmessage_aes_key = " KEY43 "\n",
		  ":1: message_token: missing in [wechat], but message_mode is safe; " },
		{ "safe mode without a key", "message_mode = safe\nmessage_token = t\n",
		  ":1: message_aes_key: missing in [wechat], but message_mode is safe; " },
		{ "s3 without a bucket", "[media]\nstore = s3\ns3_endpoint = https://s3.example.com\n",
		  ":4: s3_bucket: missing in [media], but store is s3; needed is: bucket" },
	};
	char text[2048], expected[600];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct config *c;

		snprintf(text, sizeof(text), LOGIN "%s", rows[i].text);
		c = load(text, CONFIG_FOR_LOGIN);
		if (c)
			ROW_FAILS(rows[i].sentence, "was allowed");
		snprintf(expected, sizeof(expected), "%s%s", rows[i].why[0] == ':' ? conf : "", rows[i].why);
		if (rows[i].why[0] == ':' ? strncmp(why, expected, strlen(expected)) != 0 : !strstr(why, expected))
			ROW_FAILS(rows[i].sentence, "%s", why);
	}
}

static void required_keys_are_missed_where_they_should_be(void **state)
{
	static const struct {
		const char *sentence, *text, *why;
	} rows[] = {
		{ "no file to speak of", "", ":1: app_id: missing in [wechat], but fcgi-login cannot do without it; needed is: " },
		{ "no such section", "# one\n# two\n", ":2: app_id: missing in [wechat]" },
		{ "a section without it", "\n[wechat]\napp_id = wx1\n[push]\n", ":2: app_secret: missing in [wechat]" },
		{ "an empty one", "[wechat]\n\napp_id =\n", ":3: app_id: missing in [wechat]" },
	};
	char expected[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_null(load(rows[i].text, CONFIG_FOR_LOGIN));
		snprintf(expected, sizeof(expected), "%s%s", conf, rows[i].why);
		if (strncmp(why, expected, strlen(expected)) != 0)
			ROW_FAILS(rows[i].sentence, "%s", why);
	}
}

static void each_program_needs_only_its_own(void **state)
{
	struct config *c;

	(void)state;
	c = load("[push]\ntls_cert = /nonexistent\ntls_key = /nonexistent\n" LOGIN, CONFIG_FOR_LOGIN);
	assert_non_null(c);
	config_free(c);
	c = load("[push]\ntls_cert = /nonexistent\ntls_key = /nonexistent\n", CONFIG_FOR_CTL);
	assert_non_null(c);
	config_free(c);
	assert_null(load("[push]\ntls_cert = /nonexistent\ntls_key = /nonexistent\n", CONFIG_FOR_PUSH));
	assert_said(":2: tls_cert: \"/nonexistent\" cannot be read");
	assert_null(load("[push]\ntls_cert = /etc/passwd\n", CONFIG_FOR_PUSH));
	assert_said(":1: tls_key: missing in [push], but tls_cert is set");
	assert_null(load("[push]\necho_path = /ws\n", CONFIG_FOR_PUSH));
	assert_said(":2: echo_path: echo_path and path are the same");
	assert_null(load("[push]\npath = /x/\n\necho_path = /x\n", CONFIG_FOR_PUSH));
	assert_said(":4: echo_path: echo_path and path are the same");
	assert_null(load("[push]\nping_s = 30\nidle_s = 30\n", CONFIG_FOR_PUSH));
	assert_said(":3: idle_s: a client would be closed before it is pinged");
	assert_null(load("[push]\nping_s = 60\n", CONFIG_FOR_PUSH));
	assert_said(":2: ping_s: a client would be closed before it is pinged");
}

static void files_that_are_no_configuration_are_refused(void **state)
{
	char *text;

	(void)state;
	assert_null(config_load("/nonexistent/x.conf", CONFIG_FOR_PUSH, why));
	assert_string_equal(why, "/nonexistent/x.conf: cannot be read: No such file or directory; name another with -c FILE "
			    "or WXCHAT_CONFIG");
	assert_null(config_load(dir, CONFIG_FOR_PUSH, why));
	assert_said(": is a directory; a file is allowed");
	put_file(conf, "[push]\npath = /a\0b\n", 18);
	assert_null(config_load(conf, CONFIG_FOR_PUSH, why));
	assert_said(":2: holds a NUL byte");
	text = malloc(4200);
	memset(text, '#', 4200);
	put_file(conf, text, 4200);
	assert_null(config_load(conf, CONFIG_FOR_PUSH, why));
	assert_said(":1: is too long; 4096 bytes are allowed");
	put_file(conf, text, 4096);
	config_free(config_load(conf, CONFIG_FOR_PUSH, why));
	free(text);
}

static void secrets_come_from_files(void **state)
{
	static const struct {
		const char *sentence, *contents, *secret, *why;
	} rows[] = {
		{ "the contents are the secret", "geheim", "geheim", NULL },
		{ "one line end is stripped", "geheim\n", "geheim", NULL },
		{ "also that of Windows", "geheim\r\n", "geheim", NULL },
		{ "blanks belong to it", " geheim ", " geheim ", NULL },
		{ "empty is refused", "", NULL, "names an empty file" },
		{ "a line end alone is refused", "\n", NULL, "names an empty file" },
		{ "two lines are refused", "geheim\n\n", NULL, "names a file of several lines" },
	};
	char text[300];
	struct config *c;
	size_t i;

	(void)state;
	snprintf(text, sizeof(text), "[wechat]\napp_id = wx1\napp_secret_file = %s\n", in_dir("secret"));
	for (i = 0; i < COUNT(rows); i++) {
		put_file(in_dir("secret"), rows[i].contents, strlen(rows[i].contents));
		c = load(text, CONFIG_FOR_LOGIN);
		if (c ? !rows[i].secret || strcmp(c->wechat.app_secret, rows[i].secret) != 0 :
			!rows[i].why || !strstr(why, rows[i].why) || !strstr(why, ":3: app_secret_file: "))
			ROW_FAILS(rows[i].sentence, "%s", c ? c->wechat.app_secret : why);
		config_free(c);
	}
	put_file(in_dir("secret"), "a\0b", 3);
	assert_null(load(text, CONFIG_FOR_LOGIN));
	strcat(text, "app_secret = y\n");
	put_file(in_dir("secret"), "x", 1);
	assert_null(load(text, CONFIG_FOR_LOGIN));
	assert_said(":3: app_secret_file: is set beside app_secret; one of the two is allowed");
}

static void no_secret_is_shown(void **state)
{
	static const char *const rows[] = {
		"[wechat]\nmessage_token = GEHEIM\x01\n", "[wechat]\nmessage_aes_key = GEHEIM\n",
		"[wechat]\napp_secret = GEHEIM\napp_secret = GEHEIM\n", "[wechat]\napp_secret GEHEIM\n",
		"[wechat]\napp_secret = GEHEIM\xff\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_null(load(rows[i], CONFIG_FOR_LOGIN));
		if (strstr(why, "GEHEIM"))
			ROW_FAILS(rows[i], "%s", why);
	}
}

static void the_environment_overrides_the_file(void **state)
{
	struct config *c;

	(void)state;
	setenv("WXCHAT_PUSH_PATH", "/from-environment", 1);
	setenv("WXCHAT_WECHAT_APP_ID", "wx2", 1);
	setenv("WXCHAT_WECHAT_APP_SECRET", "outside", 1);
	setenv("WXCHAT_TESTS", "what others call their variables passes", 1);
	c = load("[wechat]\napp_secret_file = /nonexistent\napp_secret = inside\n[push]\npath = /from-file\n",
		 CONFIG_FOR_LOGIN);
	if (!c)
		fail_msg("%s", why);
	assert_string_equal(c->push.path, "/from-environment");
	assert_string_equal(c->wechat.app_id, "wx2");
	assert_string_equal(c->wechat.app_secret, "outside");
	config_free(c);

	setenv("WXCHAT_PUSH_PATH", "nowhere", 1);
	assert_null(load("", CONFIG_FOR_LOGIN));
	assert_said("environment: WXCHAT_PUSH_PATH: \"nowhere\" is not the path");
	unsetenv("WXCHAT_PUSH_PATH");

	setenv("WXCHAT_PUSH_LISTENS", "x", 1);
	assert_null(load("", CONFIG_FOR_LOGIN));
	assert_said("environment: \"WXCHAT_PUSH_LISTENS\": there is no such key");
	unsetenv("WXCHAT_PUSH_LISTENS");

	setenv("WXCHAT_WECHAT_APP_ID", "", 1);
	assert_null(load("[wechat]\napp_id = wx1\n", CONFIG_FOR_LOGIN));
	assert_said("environment: WXCHAT_WECHAT_APP_ID: missing in [wechat]");
	setenv("WXCHAT_WECHAT_APP_ID", "wx2", 1);

	setenv("WXCHAT_CONFIG", conf, 1);
	put_file(conf, "[push]\npath = /x\n", 17);
	c = config_load(NULL, CONFIG_FOR_LOGIN, why);
	if (!c)
		fail_msg("%s", why);
	assert_string_equal(c->push.path, "/x");
	config_blame(c, "push", "path", "is wrong", why);
	assert_said(":2: path: is wrong");
	config_blame(c, "push", "url", "is wrong", why);	/* where it should be */
	assert_said(":1: url: is wrong");
	config_blame(c, "wechat", "app_id", "is wrong", why);
	assert_said("environment: WXCHAT_WECHAT_APP_ID: is wrong");
	config_free(c);
	unsetenv("WXCHAT_CONFIG");
	unsetenv("WXCHAT_WECHAT_APP_ID");
	unsetenv("WXCHAT_WECHAT_APP_SECRET");
	unsetenv("WXCHAT_TESTS");
}

/* What fn prints. */
static char *printed(void (*fn)(const struct config *), const struct config *c)
{
	int saved = dup(STDOUT_FILENO);
	char *text = calloc(1, 65536);
	FILE *f = tmpfile();

	assert_true(saved >= 0 && f && text);
	fflush(stdout);
	assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
	fn(c);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	rewind(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

static void print_sample(const struct config *c)
{
	(void)c;
	config_print_sample();
}

static void the_sample_says_what_holds_anyway(void **state)
{
	char *sample = printed(print_sample, NULL), *p, *shipped = calloc(1, 65536);
	FILE *f = fopen("etc/wxchat.conf", "r");
	struct config *c;

	(void)state;
	assert_non_null(f);
	assert_true(fread(shipped, 1, 65535, f) > 0);
	fclose(f);
	assert_string_equal(shipped, sample);

	assert_null(load(sample, CONFIG_FOR_LOGIN));
	assert_said(": app_id: missing in [wechat]");
	for (p = sample; (p = strstr(p, "\n;")); p++)
		p[1] = ' ';	/* every default must be allowed */
	c = load(sample, CONFIG_FOR_PUSH);
	if (!c)
		fail_msg("%s", why);
	assert_int_equal(c->push.rate, 600);
	config_free(c);
	free(sample);
	free(shipped);
}

static void what_is_in_force_is_shown_without_secrets(void **state)
{
	struct config *c = load(LOGIN "message_token = GEHEIM\n[push]\nrate = 90/m\n", CONFIG_FOR_LOGIN);
	char *text = printed(config_print, c);

	(void)state;
	assert_null(strstr(text, "GEHEIM"));
	assert_non_null(strstr(text, "[wechat]\napp_id = wx1\napp_secret = (set)\n"));
	assert_non_null(strstr(text, "message_token = (set)\nmessage_aes_key = (not set)\n"));
	assert_non_null(strstr(text, "rate = 90/m\n"));
	assert_non_null(strstr(text, "rate_per_user = 0\n"));
	assert_non_null(strstr(text, "max_age = 86400\n"));
	config_free(c);
	free(text);
}

static void lists_are_searched_by_whole_words(void **state)
{
	(void)state;
	assert_true(config_list_has("a, bc\td", "bc"));
	assert_true(config_list_has("a", "a"));
	assert_true(config_list_has(" ,a", "a"));
	assert_false(config_list_has("abc", "ab"));
	assert_false(config_list_has("ab", "abc"));
	assert_false(config_list_has("A", "a"));
	assert_false(config_list_has("", "a"));
	assert_false(config_list_has("a b", ""));
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return 1;
	snprintf(conf, sizeof(conf), "%s/wxchat.conf", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(conf);
	unlink(in_dir("secret"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_hold_where_nothing_is_said),
		cmocka_unit_test(the_file_is_read_as_people_write_it),
		cmocka_unit_test(long_values_stay_whole),
		cmocka_unit_test(uids_are_put_into_small_letters),
		cmocka_unit_test(mistakes_are_named_with_their_place),
		cmocka_unit_test(required_keys_are_missed_where_they_should_be),
		cmocka_unit_test(each_program_needs_only_its_own),
		cmocka_unit_test(files_that_are_no_configuration_are_refused),
		cmocka_unit_test(secrets_come_from_files),
		cmocka_unit_test(no_secret_is_shown),
		cmocka_unit_test(the_environment_overrides_the_file),
		cmocka_unit_test(the_sample_says_what_holds_anyway),
		cmocka_unit_test(what_is_in_force_is_shown_without_secrets),
		cmocka_unit_test(lists_are_searched_by_whole_words),
	};

	return !!cmocka_run_group_tests(tests, setup, teardown);
}
