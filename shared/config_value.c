/* config_value.c - what each kind of value may be.  Knows nothing of files of keys or of the environment. */
#include "config_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "store.h"
#include "utf8.h"

enum { RATE_MOST = 1000000, SECRET_FILE_MAX = 4096 };

static const char blanks_and_commas[] = " \t,";

__attribute__((format(printf, 2, 3)))
static bool refuse(char why[static CONFIG_WHY_SIZE], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, CONFIG_WHY_SIZE, format, ap);
	va_end(ap);
	return false;
}

/* Decimal digits alone, at most 18 of them. */
static bool read_number(const char *text, size_t len, int64_t *out)
{
	int64_t n = 0;
	size_t i;

	if (len == 0 || len > 18)
		return false;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (text[i] - '0');
	}
	*out = n;
	return true;
}

static bool check_int(const struct config_key *key, const char *value, int64_t *number,
		      char why[static CONFIG_WHY_SIZE])
{
	bool is_negative = value[0] == '-';
	char quoted[LOG_TEXT_SIZE];
	int64_t n;

	if (!read_number(value + is_negative, strlen(value + is_negative), &n))
		return refuse(why, "%s is not a whole number; %lld to %lld is allowed",
			      log_text(quoted, value, strlen(value)), (long long)key->least, (long long)key->most);
	if (is_negative)
		n = -n;
	if (n < key->least || n > key->most)
		return refuse(why, "%lld is out of range; %lld to %lld is allowed", (long long)n,
			      (long long)key->least, (long long)key->most);
	*number = n;
	return true;
}

static bool check_choice(const struct config_key *key, const char *value, char why[static CONFIG_WHY_SIZE])
{
	const char *choice = key->choices;
	char quoted[LOG_TEXT_SIZE];
	size_t len = strlen(value);

	for (;;) {
		size_t n = strcspn(choice, "|");

		if (n == len && memcmp(choice, value, n) == 0)
			return true;
		if (!choice[n])
			break;
		choice += n + 1;
	}
	return refuse(why, "%s is not a choice; one of %s is allowed", log_text(quoted, value, len), key->choices);
}

static bool check_rate(const char *value, int64_t *number, char why[static CONFIG_WHY_SIZE])
{
	size_t n = strcspn(value, "/");
	char quoted[LOG_TEXT_SIZE];
	int64_t count;

	if (read_number(value, n, &count) && count <= RATE_MOST) {
		if (strcmp(value + n, "/s") == 0) {
			*number = count * 60;
			return true;
		}
		if (strcmp(value + n, "/m") == 0 || (count == 0 && !value[n])) {
			*number = count;
			return true;
		}
	}
	return refuse(why, "%s is not a rate; a number up to %d a second as 10/s, a minute as 30/m, or 0 for no limit "
		      "is allowed", log_text(quoted, value, strlen(value)), RATE_MOST);
}

static bool is_port(const char *text, size_t len, int64_t least)
{
	int64_t port;

	return len <= 5 && read_number(text, len, &port) && port >= least && port <= 65535;
}

/* text[0..len) as an address of that family, with the brackets of IPv6 left out. */
static bool is_address(int family, const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr out;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, &out) == 1;
}

/* One word of a listen value.  "localhost" becomes the address that it stands for. */
static bool is_listen(char *word, size_t len)
{
	char *colon;
	size_t host;

	if (len > 5 && memcmp(word, "unix:", 5) == 0)
		return word[5] == '/' && len - 5 < sizeof(((struct sockaddr_un *)0)->sun_path);
	colon = memrchr(word, ':', len);
	if (!colon || !is_port(colon + 1, len - (size_t)(colon + 1 - word), 0))
		return false;
	host = (size_t)(colon - word);
	if (host == 9 && memcmp(word, "localhost", 9) == 0)
		memcpy(word, "127.0.0.1", 9);
	if (host > 2 && word[0] == '[' && word[host - 1] == ']')
		return is_address(AF_INET6, word + 1, host - 2);
	return is_address(AF_INET, word, host);
}

static bool check_listen(char *value, char why[static CONFIG_WHY_SIZE])
{
	char quoted[LOG_TEXT_SIZE];
	char *word = value;

	for (;;) {
		size_t n;

		word += strspn(word, blanks_and_commas);
		n = strcspn(word, blanks_and_commas);
		if (n == 0)
			return true;
		if (!is_listen(word, n))
			return refuse(why, "%s is not a place to listen on; ADDRESS:PORT (numeric or localhost; port 0 "
				      "is any free one), [IPv6]:PORT or unix:/path is allowed, several with commas",
				      log_text(quoted, word, n));
		word += n;
	}
}

/* Peers' addresses are compared with these words as text, so each must be written the way that inet_ntop does. */
static bool check_addresses(const char *value, char why[static CONFIG_WHY_SIZE])
{
	char quoted[LOG_TEXT_SIZE], copy[INET6_ADDRSTRLEN], written[INET6_ADDRSTRLEN];
	struct in6_addr address;

	for (;;) {
		size_t n;
		int family;

		value += strspn(value, blanks_and_commas);
		n = strcspn(value, blanks_and_commas);
		if (n == 0)
			return true;
		family = memchr(value, ':', n) ? AF_INET6 : AF_INET;
		if (!is_address(family, value, n))
			return refuse(why, "%s is not an address; IPv4 and IPv6 addresses with blanks or commas between "
				      "them are allowed", log_text(quoted, value, n));
		memcpy(copy, value, n);
		copy[n] = '\0';
		inet_pton(family, copy, &address);
		inet_ntop(family, &address, written, sizeof(written));
		if (strcmp(copy, written) != 0)
			return refuse(why, "%s is not the usual way to write it; %s is allowed", copy, written);
		value += n;
	}
}

/* A uid is compared as text, in small letters. */
static bool check_uids(char *value, char why[static CONFIG_WHY_SIZE])
{
	char quoted[LOG_TEXT_SIZE];
	size_t i, n;

	for (;; value += n) {
		value += strspn(value, blanks_and_commas);
		n = strcspn(value, blanks_and_commas);
		if (n == 0)
			return true;
		if (n != UID_LEN || strspn(value, "0123456789abcdefABCDEF") < n)
			return refuse(why, "%s is not a uid; uids of %d hexadecimal digits with blanks or commas between them "
				      "are allowed", log_text(quoted, value, n), UID_LEN);
		for (i = 0; i < n; i++)
			if (value[i] >= 'A' && value[i] <= 'F')
				value[i] = (char)(value[i] - 'A' + 'a');
	}
}

static bool is_graphic(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* host or host:port behind "://"; *host_len without the port */
static bool is_host(const char *text, size_t len, size_t *host_len)
{
	size_t i = 0;

	if (len > 0 && text[0] == '[') {
		const char *end = memchr(text, ']', len);

		if (!end || !is_address(AF_INET6, text + 1, (size_t)(end - text) - 1))
			return false;
		i = (size_t)(end - text) + 1;
	} else {
		for (; i < len && text[i] != ':'; i++)
			if (!strchr("-._", text[i]) && !(text[i] >= '0' && text[i] <= '9') &&
			    !((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z'))
				return false;
	}
	*host_len = i;
	return i > 0 && (i == len || (text[i] == ':' && is_port(text + i + 1, len - i - 1, 1)));
}

/* RFC 6454 6.2, as browsers send it: "null", or a scheme, host and port without anything behind; without a host only
 * where the scheme is not HTTP's ("file://"). */
static bool is_origin(const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len), *host;
	size_t scheme = colon ? (size_t)(colon - word) : 0, i, host_len, left;
	bool is_http = (scheme == 4 || scheme == 5) && memcmp(word, "https", scheme) == 0;

	if (len == 4 && memcmp(word, "null", 4) == 0)
		return true;
	if (scheme == 0 || len < scheme + 3 || memcmp(colon, "://", 3) != 0 || word[0] < 'a' || word[0] > 'z')
		return false;
	for (i = 0; i < scheme; i++)
		if (!strchr("+-.0123456789", word[i]) && !(word[i] >= 'a' && word[i] <= 'z'))
			return false;
	host = colon + 3;
	left = len - scheme - 3;
	if (left == 0)
		return !is_http;
	return is_host(host, left, &host_len) && !(host_len < left && host[host_len + 1] == '0');
}

/* What Origin says is compared with these words as text, so they become what browsers send: small letters, and no port
 * that is the scheme's own. */
static bool check_origins(char *value, char why[static CONFIG_WHY_SIZE])
{
	static const struct {
		const char *scheme, *port;
	} usual[] = { { "http://", ":80" }, { "https://", ":443" } };
	char quoted[LOG_TEXT_SIZE], *word = value;
	size_t i, n;

	for (;;) {
		word += strspn(word, blanks_and_commas);
		n = strcspn(word, blanks_and_commas);
		if (n == 0)
			return true;
		log_text(quoted, word, n);
		for (i = 0; i < n; i++)
			if (word[i] >= 'A' && word[i] <= 'Z')
				word[i] = (char)(word[i] - 'A' + 'a');
		if (!(n == 1 && *word == '*') && !is_origin(word, n))
			return refuse(why, "%s is not an Origin; SCHEME://HOST[:PORT] without a path, null, or * for any is "
				      "allowed, several with commas", quoted);
		for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
			size_t port = strlen(usual[i].port);

			if (strncmp(word, usual[i].scheme, strlen(usual[i].scheme)) != 0 || n <= port ||
			    memcmp(word + n - port, usual[i].port, port) != 0)
				continue;
			memmove(word + n - port, word + n, strlen(word + n) + 1);
			n -= port;
		}
		word += n;
	}
}

static bool check_hosts(const char *value, char why[static CONFIG_WHY_SIZE])
{
	char quoted[LOG_TEXT_SIZE];

	for (;;) {
		size_t n, star, len;

		value += strspn(value, blanks_and_commas);
		n = strcspn(value, blanks_and_commas);
		if (n == 0)
			return true;
		star = n > 2 && memcmp(value, "*.", 2) == 0 ? 2 : 0;
		if (value[0] == '[' || !is_host(value + star, n - star, &len) || len < n - star)
			return refuse(why, "%s is not a host name; such as *.qlogo.cn or img.example.com are allowed, with "
				      "blanks or commas between them", log_text(quoted, value, n));
		value += n;
	}
}

static bool is_loopback(const char *host, size_t len)
{
	return (len == 9 && strncasecmp(host, "localhost", len) == 0) || (len == 5 && memcmp(host, "[::1]", len) == 0) ||
	       (len > 4 && memcmp(host, "127.", 4) == 0 && is_address(AF_INET, host, len));
}

static bool check_url(const struct config_key *key, char *value, char why[static CONFIG_WHY_SIZE])
{
	bool is_ws = (key->flags & IS_WS_URL) != 0;
	const char *plain = is_ws ? "ws://" : "http://", *tls = is_ws ? "wss://" : "https://";
	char quoted[LOG_TEXT_SIZE];
	size_t authority, host_len;
	bool is_plain = strncmp(value, plain, strlen(plain)) == 0;
	char *host;

	log_text(quoted, value, strlen(value));
	if (!is_plain && strncmp(value, tls, strlen(tls)) != 0)
		return refuse(why, "%s is not a URL; %s%s%s is allowed", quoted, tls, is_ws || !(key->flags & IS_API_URL) ?
			      "... or " : "..., or for a loopback address ", plain);
	host = value + strlen(is_plain ? plain : tls);
	authority = strcspn(host, "/?#");
	if (!is_graphic(value) || !is_host(host, authority, &host_len))
		return refuse(why, "%s is not a URL; %sHOST[:PORT][/PATH] without blanks, user names and characters past "
			      "ASCII is allowed", quoted, is_plain ? plain : tls);
	if (strchr(host, '#') || ((key->flags & (IS_BASE_URL | IS_API_URL)) && strchr(host, '?')))
		return refuse(why, "%s goes on behind the path; a URL that ends there is allowed", quoted);
	if (is_plain && (key->flags & IS_API_URL) && !is_loopback(host, host_len))
		return refuse(why, "%s would send secrets in the clear; https://, or http:// to 127.0.0.1, [::1] or "
			      "localhost is allowed", quoted);
	if (key->flags & (IS_BASE_URL | IS_API_URL)) {
		size_t n = strlen(value);

		while (value[n - 1] == '/')	/* the host stands before it */
			value[--n] = '\0';
	}
	return true;
}

static bool check_path(const char *value, char why[static CONFIG_WHY_SIZE])
{
	char quoted[LOG_TEXT_SIZE];

	if (value[0] == '/' && is_graphic(value) && !strpbrk(value, "?#"))
		return true;
	return refuse(why, "%s is not the path of a URL; / and characters of ASCII but blanks, ? and # are allowed",
		      log_text(quoted, value, strlen(value)));
}

static bool check_aes_key(const char *value, char why[static CONFIG_WHY_SIZE])
{
	size_t n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

	return (n == 43 && !value[n]) ||
	       refuse(why, "has %zu characters; exactly 43 letters and digits, as WeChat's console shows them, are allowed",
		      strlen(value));
}

static bool check_text(const struct config_key *key, char *value, char why[static CONFIG_WHY_SIZE])
{
	size_t len = strlen(value), i;

	if (!utf8_valid(value, len))
		return refuse(why, "is not UTF-8; text in UTF-8 is allowed");
	for (i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return refuse(why, "holds a control character; text on one line is allowed");
	if (len == 0)
		return !(key->flags & NOT_EMPTY) || refuse(why, "is empty; needed is: %s", key->help);
	if (key->flags & IS_STORE)
		return (strncmp(value, "lmdb:", 5) == 0 && value[5]) ||
		       refuse(why, "is no store that is known; lmdb:DIRECTORY is allowed");
	if (key->flags & IS_LISTEN)
		return check_listen(value, why);
	if (key->flags & IS_ADDRESSES)
		return check_addresses(value, why);
	if (key->flags & IS_ORIGINS)
		return check_origins(value, why);
	if (key->flags & IS_HOSTS)
		return check_hosts(value, why);
	if (key->flags & IS_UIDS)
		return check_uids(value, why);
	if ((key->flags & IS_PATH) && (value[0] == '/' || !(key->flags & IS_BASE_URL)))
		return check_path(value, why);
	if (key->flags & (IS_URL | IS_BASE_URL | IS_API_URL | IS_WS_URL))
		return check_url(key, value, why);
	if (key->flags & IS_AES_KEY)
		return check_aes_key(value, why);
	return true;
}

bool config_value_check(const struct config_key *key, char *value, int64_t *number,
			char why[static CONFIG_WHY_SIZE])
{
	switch (key->kind) {
	case KIND_INT:
		return check_int(key, value, number, why);
	case KIND_CHOICE:
		return check_choice(key, value, why);
	case KIND_RATE:
		return check_rate(value, number, why);
	default:
		return check_text(key, value, why);
	}
}

/* Reads a secret from an open regular file; wipes what it does not hand over. */
static bool read_secret(int fd, char **out, char why[static CONFIG_WHY_SIZE])
{
	char *text = malloc(SECRET_FILE_MAX + 2);
	size_t len = 0;
	ssize_t n;

	if (!text)
		return refuse(why, "cannot be read: %s", strerror(ENOMEM));
	while (len <= SECRET_FILE_MAX && (n = read(fd, text + len, SECRET_FILE_MAX + 1 - len)) > 0)
		len += (size_t)n;
	if (len > SECRET_FILE_MAX) {
		refuse(why, "names a file of more than %d bytes; a file that holds the secret alone is allowed",
		       SECRET_FILE_MAX);
		goto fail;
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	if (len == 0) {
		refuse(why, "names an empty file; a file that holds the secret alone is allowed");
		goto fail;
	}
	if (strpbrk(text, "\r\n") || strlen(text) != len) {
		refuse(why, "names a file of several lines, or with NUL bytes; a file that holds the secret alone is "
		       "allowed");
		goto fail;
	}
	*out = text;
	return true;
fail:
	explicit_bzero(text, SECRET_FILE_MAX + 2);
	free(text);
	return false;
}

bool config_file_read(const char *path, char **out, int *error, char why[static CONFIG_WHY_SIZE])
{
	char quoted[LOG_TEXT_SIZE];
	struct stat st;
	bool is_done;
	int fd;

	*error = 0;
	log_text(quoted, path, strlen(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		*error = errno;
		refuse(why, "%s cannot be read: %s; a file that this user may read is allowed", quoted, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (!S_ISREG(st.st_mode))
		is_done = refuse(why, "%s is %s; a regular file is allowed", quoted,
				 S_ISDIR(st.st_mode) ? "a directory" : "not a file");
	else
		is_done = !out || read_secret(fd, out, why);
	close(fd);
	return is_done;
}
