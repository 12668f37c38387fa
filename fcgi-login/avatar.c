/* avatar.c - the route avatar: a picture for users who have none, made from the uid alone: always the same one. */
#include <stdio.h>
#include <string.h>

#include "encode.h"
#include "query.h"
#include "routes.h"

enum { CELLS = 5, CELL = 16, MARGIN = 24 };

/* A five by five pattern, the same on both sides, in one colour on a pale ground of it. */
static int draw(struct buf *out, const uint8_t seed[static UID_LEN / 2])
{
	unsigned hue = (unsigned)(seed[0] << 8 | seed[1]) % 360;
	unsigned bits = (unsigned)(seed[2] << 8 | seed[3]);
	int r;

	r = buf_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 128 128\" width=\"128\" height=\"128\">"
		     "<rect width=\"128\" height=\"128\" fill=\"hsl(%u,45%%,90%%)\"/><path fill=\"hsl(%u,50%%,48%%)\" d=\"",
		     hue, hue);
	for (int x = 0; r == 0 && x < CELLS; x++)
		for (int y = 0; r == 0 && y < CELLS; y++)
			/* the middle is always there: no user is an empty square */
			if ((x == 2 && y == 2) || bits >> ((x < 3 ? x : 4 - x) * CELLS + y) & 1)
				r = buf_addf(out, "M%d %dh%dv%dh-%dz", MARGIN + x * CELL, MARGIN + y * CELL, CELL, CELL, CELL);
	return r == 0 ? buf_adds(out, "\"/></svg>") : r;
}

enum error route_avatar(struct call *c)
{
	char uid[UID_LEN + 1];
	uint8_t seed[UID_LEN / 2];
	int n = query_get(c->rq->query, c->rq->query_len, "uid", uid, sizeof(uid));

	if (n != UID_LEN || hex_decode(uid, UID_LEN, seed, sizeof(seed)) < 0)
		return call_fail(c, ERR_BAD_REQUEST, "uid is missing or malformed");
	c->answer.type = "image/svg+xml";
	if (draw(&c->answer.body, seed) < 0 ||
	    answer_header(&c->answer, "Cache-Control", "public, max-age=31536000, immutable") < 0 ||
	    answer_header(&c->answer, "Content-Security-Policy", "default-src 'none'; sandbox") < 0)
		return call_fail(c, ERR_STORE, "out of memory");
	return ERR_NONE;
}
