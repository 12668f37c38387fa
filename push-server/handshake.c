/* handshake.c - an HTTP/1.1 request head, read strictly, as a WebSocket handshake. */
#include "handshake.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "crypto.h"
#include "encode.h"
#include "bounds.h"

/* What has been seen of the headers that the protocol demands. */
struct seen {
	bool host, upgrade, connection, version, key;
	bool version_is_13, upgrade_is_websocket, connection_upgrades, key_is_good, has_body;
};

static bool is_token_char(unsigned char c)
{
	/* RFC 9110 5.6.2 */
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

static struct slice slice_trim(struct slice s)
{
	while (s.len && (*s.p == ' ' || *s.p == '\t'))
		s.p++, s.len--;
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cuts the piece before the next separator off *rest, trimmed; quotes are respected.  False at the end. */
static bool slice_cut(struct slice *rest, char separator, struct slice *piece)
{
	bool quoted = false;
	size_t i;

	if (!rest->p)
		return false;
	for (i = 0; i < rest->len; i++) {
		if (rest->p[i] == '"')
			quoted = !quoted;
		else if (rest->p[i] == '\\' && quoted && i + 1 < rest->len)
			i++;	/* RFC 9110 5.6.4: what follows is quoted by itself */
		else if (rest->p[i] == separator && !quoted)
			break;
	}
	*piece = slice_trim((struct slice){ rest->p, i });
	if (i == rest->len)
		*rest = (struct slice){ NULL, 0 };
	else
		*rest = (struct slice){ rest->p + i + 1, rest->len - i - 1 };
	return true;
}

static bool list_has(struct slice list, const char *token)
{
	struct slice piece;

	while (slice_cut(&list, ',', &piece))
		if (slice_is(piece, token))
			return true;
	return false;
}

/* One parameter of an offer (RFC 7692 section 7.1).  False: the offer cannot be served. */
static bool deflate_param(struct slice param, unsigned *seen, struct handshake *out)
{
	static const char *const names[] = { "server_no_context_takeover", "client_no_context_takeover",
					     "server_max_window_bits", "client_max_window_bits" };
	struct slice name, value = { NULL, 0 };
	unsigned i, bits = 0;

	slice_cut(&param, '=', &name);
	if (param.p) {
		value = slice_trim(param);
		if (value.len >= 2 && value.p[0] == '"' && value.p[value.len - 1] == '"')
			value = (struct slice){ value.p + 1, value.len - 2 };
		for (i = 0; i < value.len && i < 3; i++) {
			if (value.p[i] < '0' || value.p[i] > '9')
				return false;
			bits = bits * 10 + (unsigned)(value.p[i] - '0');
		}
		if (value.len == 0 || value.len > 2 || value.p[0] == '0' || bits < 8 || bits > 15)
			return false;
	}
	for (i = 0; i < 4; i++)
		if (slice_is(name, names[i]))
			break;
	if (i == 4 || (*seen & 1u << i))
		return false;
	*seen |= 1u << i;
	if (i < 2)
		return !value.p;
	if (i == 2) {
		out->server_bits = (uint8_t)bits;
		out->must_say_bits = true;
		return value.p != NULL;
	}
	return true;
}

/* Takes the first offer of permessage-deflate that we can serve.  False when the header is malformed. */
static bool extensions_read(struct slice list, struct handshake *out)
{
	struct slice offer, param;

	while (slice_cut(&list, ',', &offer)) {
		struct handshake tried = *out;
		struct slice name = { NULL, 0 };
		unsigned seen = 0;
		bool good = true;
		size_t i;

		slice_cut(&offer, ';', &name);
		for (i = 0; i < name.len; i++)
			if (!is_token_char((unsigned char)name.p[i]))
				return false;
		if (name.len == 0) {
			if (offer.p)
				return false;
			continue;
		}
		tried.server_bits = 15;
		tried.must_say_bits = false;
		while (slice_cut(&offer, ';', &param))
			good = deflate_param(param, &seen, &tried) && good;
		if (!out->has_deflate && good && slice_is(name, "permessage-deflate")) {
			*out = tried;
			out->has_deflate = true;
		}
	}
	return true;
}

static void credential_read(struct slice *kept, struct slice value, struct handshake *out)
{
	if (kept->p && (kept->len != value.len || memcmp(kept->p, value.p, value.len) != 0))
		out->credentials_differ = true;
	*kept = value;
}

/* Returns false when the header makes the request a bad one. */
static bool header_read(struct slice name, struct slice value, struct handshake *out, struct seen *seen)
{
	uint8_t key[18];

	if (slice_is(name, "Host")) {
		if (seen->host)
			return false;
		seen->host = true;
		out->host = value;
	} else if (slice_is(name, "Upgrade")) {
		seen->upgrade = true;
		seen->upgrade_is_websocket |= list_has(value, "websocket");
	} else if (slice_is(name, "Connection")) {
		seen->connection = true;
		seen->connection_upgrades |= list_has(value, "upgrade");
	} else if (slice_is(name, "Sec-WebSocket-Version")) {
		if (seen->version)
			return false;
		seen->version = true;
		seen->version_is_13 = slice_is(value, "13");
	} else if (slice_is(name, "Sec-WebSocket-Key")) {
		if (seen->key)
			return false;
		seen->key = true;
		out->key = value;
		/* 4.2.1: base64 of 16 bytes.  The RFC's own example in 4.1 has bits to spare in its last character. */
		seen->key_is_good = value.len == 24 && !memchr(value.p, ' ', value.len) &&
				    base64_decode_loose(value.p, value.len, key, sizeof(key)) == 16;
	} else if (slice_is(name, "Sec-WebSocket-Protocol")) {
		struct slice list = value, first = { NULL, 0 };

		/* RFC 9110 5.6.1: empty elements count for nothing */
		while (first.len == 0 && slice_cut(&list, ',', &first))
			;
		if (out->protocol.len == 0 && first.len) {
			size_t i;

			for (i = 0; i < first.len; i++)
				if (!is_token_char((unsigned char)first.p[i]))
					return false;
			out->protocol = first;
		}
	} else if (slice_is(name, "Sec-WebSocket-Extensions")) {
		return extensions_read(value, out);
	} else if (slice_is(name, "Transfer-Encoding")) {
		seen->has_body = true;
	} else if (slice_is(name, "Content-Length")) {
		seen->has_body |= !slice_is(value, "0");
	} else if (slice_is(name, "Origin")) {
		if (out->origin.p)
			return false;	/* RFC 6454 7.3: one at most, or which of them is judged? */
		out->origin = value;
	} else if (slice_is(name, "X-WX-Id")) {
		credential_read(&out->wx_id, value, out);
	} else if (slice_is(name, "X-WX-Skey")) {
		credential_read(&out->wx_skey, value, out);
	} else if (slice_is(name, "Authorization")) {
		credential_read(&out->authorization, value, out);
	} else if (slice_is(name, "X-Forwarded-For")) {
		if (out->forwarded_count == HANDSHAKE_MAX_FORWARDED)
			return false;
		out->forwarded_for[out->forwarded_count++] = value;
	}
	return true;
}

/* RFC 9112 section 3.  Returns 0 when the line is good, else a status. */
static int request_line_read(struct slice line, struct handshake *out)
{
	struct slice method, target, version;
	const char *question;
	size_t i;

	slice_cut(&line, ' ', &method);
	if (!line.p || method.len == 0)
		return 400;
	for (i = 0; i < method.len; i++)
		if (!is_token_char((unsigned char)method.p[i]))
			return 400;
	target.p = line.p;
	for (i = 0; i < line.len && line.p[i] != ' '; i++)
		if ((unsigned char)line.p[i] <= ' ' || line.p[i] == 0x7f || line.p[i] == '#')
			return 400;
	target.len = i;
	if (i == line.len)
		return 400;
	version = (struct slice){ line.p + i + 1, line.len - i - 1 };
	if (version.len != 8 || memcmp(version.p, "HTTP/", 5) != 0 || !isdigit((unsigned char)version.p[5]) ||
	    version.p[6] != '.' || !isdigit((unsigned char)version.p[7]))
		return 400;
	if (memcmp(version.p + 5, "1.1", 3) != 0)
		return 505;
	if (method.len != 3 || memcmp(method.p, "GET", 3) != 0)
		return 405;
	/* RFC 9112 3.2.2: the absolute form is taken as well */
	for (i = 0; i < 2; i++) {
		const char *scheme = i ? "https://" : "http://";
		size_t n = strlen(scheme);

		if (target.len > n && strncasecmp(target.p, scheme, n) == 0) {
			const char *slash = memchr(target.p + n, '/', target.len - n);

			if (!slash)
				return 400;
			target.len -= (size_t)(slash - target.p);
			target.p = slash;
		}
	}
	if (target.len == 0 || target.p[0] != '/')
		return 400;
	question = memchr(target.p, '?', target.len);
	out->path.p = target.p;
	out->path.len = question ? (size_t)(question - target.p) : target.len;
	if (question) {
		out->query.p = question + 1;
		out->query.len = target.len - out->path.len - 1;
	}
	return 0;
}

/* The next line of the head; its end is CR LF and nothing else. */
static bool line_next(const char **p, const char *end, struct slice *line)
{
	const char *lf = memchr(*p, '\n', (size_t)(end - *p));

	if (!lf || lf == *p || lf[-1] != '\r')
		return false;
	*line = (struct slice){ *p, (size_t)(lf - *p) - 1 };
	*p = lf + 1;
	return !memchr(line->p, '\r', line->len) && !memchr(line->p, '\0', line->len);
}

static int headers_read(const char *p, const char *end, struct handshake *h, struct seen *seen)
{
	struct slice line;
	unsigned count = 0;

	while (line_next(&p, end, &line)) {
		const char *colon;
		size_t i;

		if (line.len == 0)
			return 0;
		if (++count > HANDSHAKE_MAX_HEADERS)
			return 431;
		colon = memchr(line.p, ':', line.len);
		if (!colon || colon == line.p)
			return 400;
		for (i = 0; line.p + i < colon; i++)
			if (!is_token_char((unsigned char)line.p[i]))
				return 400;	/* RFC 9112 5.1: no blank before the colon; 5.2: no folding */
		for (i++; i < line.len; i++)
			if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f)
				return 400;
		if (!header_read((struct slice){ line.p, (size_t)(colon - line.p) },
				 slice_trim((struct slice){ colon + 1, line.len - (size_t)(colon - line.p) - 1 }),
				 h, seen))
			return 400;
	}
	return 400;
}

int handshake_parse(const char *p, size_t len, struct handshake *out)
{
	struct handshake h = { .server_bits = 15 };
	struct seen seen = { 0 };
	struct slice line;
	const char *end, *at = p;
	size_t blank = 0;
	int r;

	while (blank < 2 && blank < len && p[blank] == "\r\n"[blank])
		blank++;	/* RFC 9112 2.2: an empty line before the request's is passed over */
	if (blank == len)
		return 0;
	if (blank == 1 || !is_token_char((unsigned char)p[blank]))
		return 400;	/* not HTTP: no need to wait for more of it */
	at += blank;
	end = memmem(at, len - blank, "\r\n\r\n", 4);
	if (!end)
		return len >= HANDSHAKE_MAX_BYTES ? 431 : 0;
	end += 4;
	h.length = (size_t)(end - p);
	if (h.length > HANDSHAKE_MAX_BYTES)
		return 431;
	if (!line_next(&at, end, &line))
		return 400;
	if ((r = request_line_read(line, &h)) != 0)
		return r;
	if ((r = headers_read(at, end, &h, &seen)) != 0)
		return r;
	if (!seen.host || seen.has_body)
		return 400;
	if (!seen.upgrade_is_websocket)
		return 426;
	if (!seen.connection_upgrades)
		return 400;
	if (!seen.version || !seen.version_is_13)
		return 426;
	if (!seen.key || !seen.key_is_good)
		return 400;
	*out = h;
	return 101;
}

int handshake_answer(struct buf *out, const struct handshake *h, bool deflate)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";	/* RFC 6455 1.3 */
	const struct span parts[] = { { h->key.p, h->key.len }, { guid, sizeof(guid) - 1 } };
	uint8_t digest[SHA1_LEN];
	char accept[32];
	int r;

	if ((r = crypto_sha1(parts, 2, digest)) < 0)
		return r;
	base64_encode(digest, sizeof(digest), accept);
	r = buf_adds(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			  "Sec-WebSocket-Accept: ");
	if (r == 0)
		r = buf_adds(out, accept);
	if (r == 0 && h->protocol.len)
		r = buf_addf(out, "\r\nSec-WebSocket-Protocol: %.*s", (int)h->protocol.len, h->protocol.p);
	if (r == 0 && deflate && h->has_deflate) {
		r = buf_adds(out, "\r\nSec-WebSocket-Extensions: permessage-deflate; "
				  "server_no_context_takeover; client_no_context_takeover");
		if (r == 0 && h->must_say_bits)
			r = buf_addf(out, "; server_max_window_bits=%u", h->server_bits);
	}
	return r == 0 ? buf_adds(out, "\r\n\r\n") : r;
}

int handshake_refuse(struct buf *out, int status)
{
	static const struct {
		int status;
		const char *line, *headers, *body;
	} answers[] = {
		{ 400, "400 Bad Request", "", "this is not a WebSocket handshake (RFC 6455 section 4)\n" },
		{ 403, "403 Forbidden", "", "this Origin is not let in\n" },
		{ 404, "404 Not Found", "", "there is no WebSocket at this path\n" },
		{ 405, "405 Method Not Allowed", "Allow: GET\r\n", "only GET\n" },
		{ 426, "426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
		  "a WebSocket client, please: Upgrade: websocket and Sec-WebSocket-Version: 13\n" },
		{ 429, "429 Too Many Requests", "Retry-After: 10\r\n", "too many connections from this address\n" },
		{ 431, "431 Request Header Fields Too Large", "", "8192 bytes and 64 headers are allowed\n" },
		{ 505, "505 HTTP Version Not Supported", "", "HTTP/1.1, please\n" },
		{ 503, "503 Service Unavailable", "Retry-After: 10\r\n", "no more connections just now\n" },
	};
	size_t i = 0, last = sizeof(answers) / sizeof(answers[0]) - 1;

	while (i < last && answers[i].status != status)
		i++;
	return buf_addf(out, "HTTP/1.1 %s\r\n%sContent-Type: text/plain\r\nContent-Length: %zu\r\n"
			     "Connection: close\r\n\r\n%s",
			answers[i].line, answers[i].headers, strlen(answers[i].body), answers[i].body);
}

/* "1.2.3.4", "1.2.3.4:80", "[::1]:80" or "::1" as a plain address; false for anything else. */
static bool address_read(struct slice s, char out[static 46])
{
	struct in6_addr a;
	struct slice host = s;
	const char *colon;

	if (s.len && s.p[0] == '[') {
		const char *close = memchr(s.p, ']', s.len);

		if (!close)
			return false;
		host = (struct slice){ s.p + 1, (size_t)(close - s.p) - 1 };
	} else if ((colon = memchr(s.p, ':', s.len)) && !memchr(colon + 1, ':', s.len - (size_t)(colon - s.p) - 1)) {
		host.len = (size_t)(colon - s.p);
	}
	if (host.len == 0 || host.len > 45)
		return false;
	memcpy(out, host.p, host.len);
	out[host.len] = '\0';
	return inet_pton(AF_INET, out, &a) == 1 || inet_pton(AF_INET6, out, &a) == 1;
}

void handshake_address(const struct handshake *h, const char *peer, bool (*is_trusted)(void *arg, const char *address),
		       void *arg, char out[static 46])
{
	unsigned line = h->forwarded_count;
	struct slice rest = { NULL, 0 };	/* of the line; its end comes first */
	char address[46];
	size_t start = 0;

	snprintf(out, 46, "%s", peer);
	while ((start || line) && is_trusted(arg, out)) {
		if (start)
			rest.len = start - 1;
		else
			rest = h->forwarded_for[--line];
		for (start = rest.len; start > 0 && rest.p[start - 1] != ',';)
			start--;
		if (!address_read(slice_trim((struct slice){ rest.p + start, rest.len - start }), address))
			return;		/* forged or garbled: the last address that made sense */
		snprintf(out, 46, "%s", address);
	}
}
