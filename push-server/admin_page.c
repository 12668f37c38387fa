/* admin_page.c - sends the console with a fresh nonce and a strict Content-Security-Policy. */
#include "admin_page.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "admin_api.h"
#include "crypto.h"
#include "encode.h"

/* console/page.S */
extern const char console_page[], console_page_end[];

enum { NONCE_BYTES = 16, NONCE_TEXT = 2 * NONCE_BYTES };

static const char place[] = "@NONCE@";

static int page_fill(struct buf *out, const char *nonce)
{
	const char *p = console_page, *found;
	int r = 0;

	while (r == 0 && (found = memmem(p, (size_t)(console_page_end - p), place, sizeof(place) - 1)) != NULL) {
		if ((r = buf_add(out, p, (size_t)(found - p))) == 0)
			r = buf_add(out, nonce, NONCE_TEXT);
		p = found + sizeof(place) - 1;
	}
	return r < 0 ? r : buf_add(out, p, (size_t)(console_page_end - p));
}

void page_send(struct evhttp_request *request)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	uint8_t random[NONCE_BYTES];
	char nonce[NONCE_TEXT + 1], policy[320];
	struct buf page = BUF_INIT;

	if (crypto_random(random, sizeof(random)) < 0)
		goto fail;
	hex_encode(random, sizeof(random), nonce);
	if (page_fill(&page, nonce) < 0)
		goto fail;
	snprintf(policy, sizeof(policy),
		 "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; img-src data:; "
		 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
		 nonce, nonce);
	evhttp_add_header(headers, "Content-Security-Policy", policy);
	evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
	evhttp_add_header(headers, "X-Frame-Options", "DENY");
	api_send(request, 200, "text/html; charset=utf-8", &page);
	return;
fail:
	buf_free(&page);
	api_refuse(request, ERR_STORE, 503, "out of memory");
}
