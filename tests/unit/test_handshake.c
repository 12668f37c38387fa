/* test_handshake.c - requests, answers and the address that speaks (RFC 6455 section 4, RFC 7692 section 7, RFC 9112). */
#include "unit.h"

#include <stdbool.h>

#include "buf.h"
#include "crypto.h"
#include "push-server/bounds.h"
#include "push-server/handshake.h"

#define LINE "GET /ws HTTP/1.1\r\n"
#define HOST "Host: x\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define REST HOST UPGRADE CONNECTION VERSION KEY
#define XFF "X-Forwarded-For: x\r\n"
#define WITH(header) LINE REST header "\r\n\r\n"

/* A status of 0 means that more is awaited. */
static const struct {
	const char *sentence, *text;
	int status;
} rows[] = {
	{ "nothing asks for more", "", 0 },
	{ "the RFC's sample", LINE REST "\r\n", 101 },
	{ "without its empty line more is awaited", LINE REST, 0 },
	{ "what is behind it is not looked at", LINE REST "\r\n\x81\x80zzzz", 101 },
	{ "names in any case", LINE "hOST: x\r\nUPGRADE: WebSocket\r\nconnection: UPGRADE\r\nsec-websocket-version: 13\r\n"
	  "SEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 101 },
	{ "lists", LINE HOST "Upgrade: h2c, websocket\r\nConnection: keep-alive ,, Upgrade\r\n" VERSION KEY "\r\n", 101 },
	{ "the absolute form", "GET http://x/ws HTTP/1.1\r\n" REST "\r\n", 101 },
	{ "the absolute form without a path is refused", "GET http://x HTTP/1.1\r\n" REST "\r\n", 400 },
	{ "the RFC's example of a key has bits to spare", LINE HOST UPGRADE CONNECTION VERSION
	  "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n", 101 },
	{ "POST is refused", "POST /ws HTTP/1.1\r\n" REST "\r\n", 405 },
	{ "HTTP/1.0 is refused", "GET /ws HTTP/1.0\r\n" REST "\r\n", 505 },
	{ "a version that is none is refused", "GET /ws HTTP/x.y\r\n" REST "\r\n", 400 },
	{ "no version is refused", "GET /ws\r\n" REST "\r\n", 400 },
	{ "a target that is no path is refused", "GET ws HTTP/1.1\r\n" REST "\r\n", 400 },
	{ "a blank in the target is refused", "GET /w s HTTP/1.1\r\n" REST "\r\n", 400 },
	{ "a control character in the target is refused", "GET /w\x7fs HTTP/1.1\r\n" REST "\r\n", 400 },
	{ "no Host is refused", LINE UPGRADE CONNECTION VERSION KEY "\r\n", 400 },
	{ "two Hosts are refused", WITH("Host: y"), 400 },
	{ "no Upgrade is refused with what there is", LINE HOST CONNECTION VERSION KEY "\r\n", 426 },
	{ "another Upgrade likewise", LINE HOST "Upgrade: h2c\r\n" CONNECTION VERSION KEY "\r\n", 426 },
	{ "no Connection is refused", LINE HOST UPGRADE VERSION KEY "\r\n", 400 },
	{ "no version of the protocol is refused with 13", LINE HOST UPGRADE CONNECTION KEY "\r\n", 426 },
	{ "another version likewise", LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Version: 8\r\n" KEY "\r\n", 426 },
	{ "two versions are refused", WITH("Sec-WebSocket-Version: 13"), 400 },
	{ "no key is refused", LINE HOST UPGRADE CONNECTION VERSION "\r\n", 400 },
	{ "two keys are refused", WITH("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400 },
	{ "a short key is refused", LINE HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: c2hvcnQ=\r\n\r\n", 400 },
	{ "two Origins are refused", WITH("Origin: a\r\nOrigin: a"), 400 },
	{ "a body is refused", WITH("Content-Length: 1"), 400 },
	{ "a body of nothing is none", WITH("Content-Length: 0"), 101 },
	{ "chunks are refused", WITH("Transfer-Encoding: chunked"), 400 },
	{ "a blank before the colon is refused", WITH("X : y"), 400 },
	{ "a folded line is refused", WITH("X: y\r\n z"), 400 },
	{ "a line without a colon is refused", WITH("nothing"), 400 },
	{ "a line without a name is refused", WITH(": y"), 400 },
	{ "a bare CR is refused", WITH("X: y\rz"), 400 },
	{ "a bare LF is refused", WITH("X: y\nY: z"), 400 },
	{ "a control character is refused", WITH("X: \x01"), 400 },
	{ "a tab is none", WITH("X: \ty"), 101 },
	{ "bytes past ASCII are values", WITH("X: \xe5\xa5\xbd"), 101 },
	{ "8 lines of X-Forwarded-For", WITH(XFF XFF XFF XFF XFF XFF XFF "X-Forwarded-For: x"), 101 },
	{ "9 are refused", WITH(XFF XFF XFF XFF XFF XFF XFF XFF "X-Forwarded-For: x"), 400 },
	{ "TLS is no HTTP", "\x16\x03\x01", 400 },
	{ "an empty line before it is passed over", "\r\n" LINE REST "\r\n", 101 },
	{ "an empty line alone asks for more", "\r\n", 0 },
	{ "two are no beginning", "\r\n\r\n" LINE REST "\r\n", 400 },
	{ "nor is half of one", "\rGET", 400 },
	{ "nor its other half", "\nGET", 400 },
	{ "a malformed list of extensions is refused", WITH("Sec-WebSocket-Extensions: a b"), 400 },
	{ "a malformed list of extensions behind a quoted quote is refused", WITH("Sec-WebSocket-Extensions: a; b=\"\\\"\", c d"), 400 },
	{ "a malformed subprotocol is refused", WITH("Sec-WebSocket-Protocol: a b"), 400 },
};

/* By which byte it shows that it does not even begin like HTTP; 0 when it does. */
static size_t refused_early(const char *text)
{
	const char *p = strncmp(text, "\r\n", 2) == 0 ? text + 2 : text;

	if (*text == '\r' && p == text)
		return 2;
	return *p && strchr("\x16\r\n", *p) ? (size_t)(p - text) + 1 : 0;
}

static void each_row_holds_whole_and_cut_short(void **state)
{
	size_t i, len, cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char *text = exact_text(rows[i].text, &len), *end = memmem(text, len, "\r\n\r\n", 4);
		size_t whole = end ? (size_t)(end - text) + 4 : len, early = refused_early(rows[i].text);

		for (cut = 0; cut <= len; cut++) {
			char *part = exact(text, cut);
			struct handshake h;
			int wanted = cut >= (early ? early : whole) ? rows[i].status : 0;
			int r = handshake_parse(part, cut, &h);

			if (r != wanted)
				ROW_FAILS(rows[i].sentence, "%zu bytes: %d, not %d", cut, r, wanted);
			if (r == 101 && h.length != whole)
				ROW_FAILS(rows[i].sentence, "a head of %zu bytes", h.length);
			free(part);
		}
		free(text);
	}
}

static void a_head_is_8_kilobytes_and_64_lines(void **state)
{
	struct buf text = BUF_INIT;
	struct handshake h;
	int lines, i;
	char *block;

	(void)state;
	for (lines = HANDSHAKE_MAX_HEADERS; lines <= HANDSHAKE_MAX_HEADERS + 1; lines++) {
		buf_reset(&text);
		assert_int_equal(buf_adds(&text, LINE REST), 0);
		for (i = 5; i < lines; i++)
			assert_int_equal(buf_addf(&text, "X-%d: y\r\n", i), 0);
		assert_int_equal(buf_adds(&text, "\r\n"), 0);
		assert_int_equal(handshake_parse(text.data, text.len, &h), lines > HANDSHAKE_MAX_HEADERS ? 431 : 101);
	}
	buf_reset(&text);
	assert_int_equal(buf_adds(&text, LINE REST "X: "), 0);
	while (text.len < HANDSHAKE_MAX_BYTES - 4)
		assert_int_equal(buf_adds(&text, "y"), 0);
	assert_int_equal(buf_adds(&text, "\r\n\r\n"), 0);
	block = exact(text.data, text.len);
	assert_int_equal(handshake_parse(block, text.len, &h), 101);
	assert_int_equal(handshake_parse(block, text.len - 1, &h), 0);
	free(block);
	buf_cut(&text, HANDSHAKE_MAX_BYTES - 4);
	assert_int_equal(buf_adds(&text, "y\r\n\r\n"), 0);
	block = exact(text.data, text.len);
	assert_int_equal(handshake_parse(block, text.len, &h), 431);
	assert_int_equal(handshake_parse(block, HANDSHAKE_MAX_BYTES, &h), 431);
	free(block);
	buf_free(&text);
}

static void what_the_head_says_is_found(void **state)
{
	static const char text[] = "GET /ws?room=a&x=b?c HTTP/1.1\r\n" REST "Origin:  https://a.example \r\n"
		"X-WX-Id: one\r\nx-wx-skey: two\r\nX_WX_Skey: three\r\nAuthorization: Bearer x\r\n"
		"X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nSec-WebSocket-Protocol: chat , other\r\nx-forwarded-for: 9.9.9.9\r\n\r\n";
	struct handshake h;

	(void)state;
	assert_int_equal(handshake_parse(text, sizeof(text) - 1, &h), 101);
#define IS(slice, wanted) assert_true((slice).len == strlen(wanted) && memcmp((slice).p, wanted, (slice).len) == 0)
	IS(h.path, "/ws");
	IS(h.query, "room=a&x=b?c");
	IS(h.host, "x");
	IS(h.key, "dGhlIHNhbXBsZSBub25jZQ==");
	IS(h.origin, "https://a.example");
	IS(h.wx_id, "one");
	IS(h.wx_skey, "two");
	IS(h.authorization, "Bearer x");
	assert_int_equal(h.forwarded_count, 2);
	IS(h.forwarded_for[0], "1.2.3.4, 5.6.7.8");
	IS(h.forwarded_for[1], "9.9.9.9");
	IS(h.protocol, "chat");
	assert_false(h.has_deflate);
	assert_false(h.credentials_differ);
}

/* A whole head with these headers, whose bytes text keeps. */
static struct handshake handshake_with(struct buf *text, const char *headers)
{
	struct handshake h;

	assert_int_equal(buf_addf(text, LINE REST "%s\r\n\r\n", headers), 0);
	assert_int_equal(handshake_parse(text->data, text->len, &h), 101);
	return h;
}

static void the_first_subprotocol_is_taken(void **state)
{
	static const struct {
		const char *headers, *protocol;
	} cases[] = {
		{ "X: y", "" },
		{ "Sec-WebSocket-Protocol: a, b", "a" },
		{ "Sec-WebSocket-Protocol: , a", "a" },
		{ "Sec-WebSocket-Protocol: ,, ,a,b", "a" },
		{ "Sec-WebSocket-Protocol: ,", "" },
		{ "Sec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: a", "a" },
		{ "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b", "a" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct buf text = BUF_INIT;
		struct handshake h = handshake_with(&text, cases[i].headers);

		if (h.protocol.len != strlen(cases[i].protocol) ||
		    (h.protocol.len && memcmp(h.protocol.p, cases[i].protocol, h.protocol.len) != 0))
			ROW_FAILS(cases[i].headers, "%.*s", (int)h.protocol.len, h.protocol.len ? h.protocol.p : "");
		buf_free(&text);
	}
}

static void credentials_that_differ_are_told(void **state)
{
	static const struct {
		const char *headers;
		bool differ;
	} cases[] = {
		{ "X-WX-Skey: a", false },
		{ "X-WX-Skey: a\r\nX-WX-Skey: a", false },
		{ "X-WX-Skey: a\r\nx-wx-skey: b", true },
		{ "X-WX-Skey: a\r\nX-WX-Skey: ab", true },
		{ "X-WX-Skey: \r\nX-WX-Skey: a", true },
		{ "X-WX-Id: a\r\nX-WX-Skey: b", false },
		{ "X-WX-Id: a\r\nX_WX_Id: b", false },
		{ "Authorization: a\r\nAuthorization: b", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct buf text = BUF_INIT;
		struct handshake h = handshake_with(&text, cases[i].headers);

		if (h.credentials_differ != cases[i].differ)
			ROW_FAILS(cases[i].headers, "differ: %d", h.credentials_differ);
		buf_free(&text);
	}
}

/* answer: what is agreed on, behind both no_context_takeovers; NULL for nothing. */
static const struct {
	const char *offer, *answer;
} offers[] = {
	{ "permessage-deflate", "" },
	{ "permessage-deflate; server_no_context_takeover; client_no_context_takeover", "" },
	{ "permessage-deflate; client_max_window_bits", "" },
	{ "permessage-deflate; client_max_window_bits=8", "" },
	{ "permessage-deflate;server_max_window_bits=8", "; server_max_window_bits=8" },
	{ "permessage-deflate ; server_max_window_bits = \"15\"", "; server_max_window_bits=15" },
	{ "x, permessage-deflate", "" },
	{ "x; y=\"permessage-deflate, z\"", NULL },
	{ "x; y=\"\\\", permessage-deflate, z\"", NULL },
	{ "x; y=\"\\\", z\", permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9" },
	{ "x; y=\"\\\\\", permessage-deflate", "" },
	{ "x; y=\"\\", NULL },
	{ "permessage-deflate; server_max_window_bits=16, permessage-deflate; server_max_window_bits=9",
	  "; server_max_window_bits=9" },
	{ "permessage-deflate; server_max_window_bits=10, permessage-deflate", "; server_max_window_bits=10" },
	{ "permessage-deflate; server_max_window_bits", NULL },
	{ "permessage-deflate; server_max_window_bits=7", NULL },
	{ "permessage-deflate; server_max_window_bits=010", NULL },
	{ "permessage-deflate; server_max_window_bits=4294967305", NULL },
	{ "permessage-deflate; client_max_window_bits=", NULL },
	{ "permessage-deflate; client_no_context_takeover=1", NULL },
	{ "permessage-deflate; server_no_context_takeover; server_no_context_takeover", NULL },
	{ "permessage-deflate; unknown", NULL },
	{ "permessage-deflate;", NULL },
	{ "", NULL },
};

static void offers_of_deflate_are_answered(void **state)
{
	static const char both[] = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(offers); i++) {
		struct buf text = BUF_INIT, answer = BUF_INIT;
		struct handshake h;
		char *line;

		assert_int_equal(buf_addf(&text, LINE REST "Sec-WebSocket-Extensions: %s\r\n\r\n", offers[i].offer), 0);
		assert_int_equal(handshake_parse(text.data, text.len, &h), 101);
		assert_int_equal(handshake_answer(&answer, &h, true), 0);
		line = strstr(buf_str(&answer), "Sec-WebSocket-Extensions");
		if (!line != !offers[i].answer)
			ROW_FAILS(offers[i].offer, "%s", line ? line : "no answer");
		if (line && (strncmp(line, both, sizeof(both) - 1) != 0 ||
			     strncmp(line + sizeof(both) - 1, offers[i].answer, strlen(offers[i].answer)) != 0 ||
			     strcmp(line + sizeof(both) - 1 + strlen(offers[i].answer), "\r\n\r\n") != 0))
			ROW_FAILS(offers[i].offer, "%s", line);
		buf_reset(&answer);
		assert_int_equal(handshake_answer(&answer, &h, false), 0);
		assert_null(strstr(buf_str(&answer), "Sec-WebSocket-Extensions"));
		assert_non_null(strstr(buf_str(&answer), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
		buf_free(&text);
		buf_free(&answer);
	}
}

static void refusals_are_whole_answers(void **state)
{
	static const int statuses[] = { 400, 403, 404, 405, 426, 429, 431, 503, 505 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(statuses); i++) {
		struct buf answer = BUF_INIT;
		const char *length, *body;

		assert_int_equal(handshake_refuse(&answer, statuses[i]), 0);
		assert_int_equal(strtol(buf_str(&answer) + strlen("HTTP/1.1 "), NULL, 10), statuses[i]);
		assert_non_null(strstr(buf_str(&answer), "\r\nConnection: close\r\n"));
		length = strstr(buf_str(&answer), "\r\nContent-Length: ");
		body = strstr(buf_str(&answer), "\r\n\r\n");
		assert_non_null(length);
		assert_non_null(body);
		assert_int_equal(strtol(length + strlen("\r\nContent-Length: "), NULL, 10), strlen(body + 4));
		buf_free(&answer);
	}
}

static bool is_trusted(void *list, const char *address)
{
	return strstr(list, address) != NULL;
}

static const struct {
	const char *sentence, *peer, *list, *trusted, *address;
} speakers[] = {
	{ "without a list it is the peer", "10.0.0.1", "", "10.0.0.1", "10.0.0.1" },
	{ "a peer that is not trusted is not believed", "192.0.2.1", "203.0.113.5", "10.0.0.1", "192.0.2.1" },
	{ "a trusted one is", "10.0.0.1", "203.0.113.5", "10.0.0.1", "203.0.113.5" },
	{ "the right-most counts", "10.0.0.1", "198.51.100.1, 203.0.113.5", "10.0.0.1", "203.0.113.5" },
	{ "unless it is trusted, too", "10.0.0.1", "203.0.113.5 ,10.0.0.2", "10.0.0.1 10.0.0.2", "203.0.113.5" },
	{ "if all are, the first", "10.0.0.1", "10.0.0.2, 10.0.0.1", "10.0.0.1 10.0.0.2", "10.0.0.2" },
	{ "garbage ends the belief", "10.0.0.1", "203.0.113.5, nonsense", "10.0.0.1", "10.0.0.1" },
	{ "an empty element as well", "10.0.0.1", "203.0.113.5,", "10.0.0.1", "10.0.0.1" },
	{ "a number too large as well", "10.0.0.1", "256.1.1.1", "10.0.0.1", "10.0.0.1" },
	{ "ports are left out", "10.0.0.1", "203.0.113.5:1234", "10.0.0.1", "203.0.113.5" },
	{ "IPv6", "10.0.0.1", "2001:db8::1", "10.0.0.1", "2001:db8::1" },
	{ "IPv6 with a port", "10.0.0.1", "[2001:db8::1]:443", "10.0.0.1", "2001:db8::1" },
	{ "IPv6 without its bracket", "10.0.0.1", "[2001:db8::1", "10.0.0.1", "10.0.0.1" },
	{ "several lines are one list", "10.0.0.1", "203.0.113.5|10.0.0.2", "10.0.0.1 10.0.0.2", "203.0.113.5" },
	{ "of which the last one's end counts first", "10.0.0.1", "198.51.100.1|192.0.2.7, 203.0.113.5", "10.0.0.1", "203.0.113.5" },
	{ "and the first one's beginning last", "10.0.0.1", "203.0.113.5, 10.0.0.4|10.0.0.3, 10.0.0.2", "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4",
	  "203.0.113.5" },
	{ "garbage in a line before is not reached", "10.0.0.1", "nonsense|203.0.113.5", "10.0.0.1", "203.0.113.5" },
	{ "an empty line ends the belief", "10.0.0.1", "203.0.113.5|", "10.0.0.1", "10.0.0.1" },
	{ "more than any address has", "10.0.0.1", "11111111111111111111111111111111111111111111111111", "10.0.0.1", "10.0.0.1" },
};

static void the_address_that_speaks(void **state)
{
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(speakers); i++) {
		char *list = exact_text(speakers[i].list, &len), *line = list, *bar, out[46];
		struct handshake h = { .forwarded_count = 0 };

		for (; len && (bar = memchr(line, '|', (size_t)(list + len - line))); line = bar + 1)
			h.forwarded_for[h.forwarded_count++] = (struct slice){ line, (size_t)(bar - line) };
		if (len)
			h.forwarded_for[h.forwarded_count++] = (struct slice){ line, (size_t)(list + len - line) };

		handshake_address(&h, speakers[i].peer, is_trusted, (void *)(uintptr_t)speakers[i].trusted, out);
		if (strcmp(out, speakers[i].address) != 0)
			ROW_FAILS(speakers[i].sentence, "%s", out);
		free(list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_holds_whole_and_cut_short),
		cmocka_unit_test(a_head_is_8_kilobytes_and_64_lines),
		cmocka_unit_test(what_the_head_says_is_found),
		cmocka_unit_test(the_first_subprotocol_is_taken),
		cmocka_unit_test(credentials_that_differ_are_told),
		cmocka_unit_test(offers_of_deflate_are_answered),
		cmocka_unit_test(refusals_are_whole_answers),
		cmocka_unit_test(the_address_that_speaks),
	};

	if (crypto_init() < 0)
		return 1;
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
