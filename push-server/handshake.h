/* handshake.h - the client's opening handshake: RFC 6455 section 4.2, RFC 7692 section 7 and the bit of HTTP/1.1 that
 * they need.  Knows no sockets and no sessions.
 * Threads: any; no state but the caller's. */
#ifndef WXCHAT_HANDSHAKE_H
#define WXCHAT_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"

/* A piece of the request; borrowed from the bytes that were parsed. */
struct slice {
	const char *p;
	size_t len;
};

struct handshake {
	size_t length;			/* of the whole head, the empty line included */
	struct slice path, query;
	struct slice key, origin, host;
	struct slice wx_id, wx_skey, authorization;
	struct slice forwarded_for[HANDSHAKE_MAX_FORWARDED];	/* its lines, which are one list (RFC 9110 5.3) */
	unsigned forwarded_count;
	struct slice protocol;		/* the first subprotocol offered; len 0 when none */
	bool has_deflate;		/* an offer of permessage-deflate that we can serve */
	uint8_t server_bits;		/* log2 of the largest window its server_max_window_bits allows; 15 without */
	bool must_say_bits;		/* the offer named server_max_window_bits: the answer must as well */
	bool credentials_differ;	/* a credential header came twice with different values: believe neither */
};

/* From p[0..len).  Returns 101 when *out is a valid WebSocket handshake; 0 if more bytes are needed; or the HTTP status
 * to refuse with: 400, 405, 426 (not a WebSocket request, or another version), 431, 505. */
int handshake_parse(const char *p, size_t len, struct handshake *out);

/* The 101 answer.  deflate: agree to the offer. */
int handshake_answer(struct buf *out, const struct handshake *h, bool deflate);

/* A whole refusal with a short text body and Connection: close. */
int handshake_refuse(struct buf *out, int status);

/* The address that speaks: the right-most one of X-Forwarded-For, all its lines together, that is_trusted does not name, where the socket's own
 * is trusted; else the socket's own.  Writes a NUL-ended address. */
void handshake_address(const struct handshake *h, const char *peer, bool (*is_trusted)(void *arg, const char *address),
		       void *arg, char out[static 46]);

#endif
