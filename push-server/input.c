/* input.c - RFC 6455 section 5.4: messages out of frames, frames out of bytes. */
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "utf8.h"

struct input {
	uint8_t head[FRAME_HEAD_MAX];	/* of a frame whose head is incomplete */
	uint8_t head_len;
	bool in_payload;
	struct frame frame;		/* the present one, while in_payload */
	uint64_t got;			/* of its payload */
	uint8_t control[FRAME_CONTROL_MAX];
	uint8_t opcode;			/* of the message in progress; 0 when none */
	bool is_compressed;
	uint16_t empty_fragments;
	struct utf8 utf8;
	struct buf message, held;
};

void input_free(struct input *in)
{
	if (!in)
		return;
	buf_free(&in->message);
	buf_wipe(&in->held);	/* a handshake, with credentials, is held here until it is whole */
	free(in);
}

static struct input *input_get(struct input **in)
{
	if (!*in)
		*in = calloc(1, sizeof(**in));
	return *in;
}

static bool input_is_idle(const struct input *in)
{
	return !in->in_payload && in->head_len == 0 && in->opcode == 0 && in->held.len == 0;
}

static bool frame_is_control(const struct frame *f)
{
	return f->opcode & 0x8;
}

/* RFC 6455 5.4: a continuation continues something, and nothing else begins meanwhile. */
static bool frame_fits(const struct frame *f, uint8_t message_opcode)
{
	return frame_is_control(f) || (f->opcode == FRAME_CONTINUATION) == (message_opcode != 0);
}

/* The head of the next frame under the limit that its message has; have bytes of the message are here already. */
static int limited_head(const struct input_handler *h, const uint8_t *bytes, size_t len, bool is_continued_compressed,
			size_t have, struct frame *f)
{
	uint64_t most = h->max_compressed > h->max_message ? h->max_compressed : h->max_message;
	int head = frame_head(bytes, len, most, h->max_compressed > 0, f);

	if (head > 0 && !frame_is_control(f)) {
		most = f->is_compressed || is_continued_compressed ? h->max_compressed : h->max_message;
		if (f->length > most - have)
			return -CLOSE_TOO_BIG;
	}
	return head;
}

/* The usual case: a message in one frame that has arrived whole.  Returns bytes used, 0 if it is not that, or
 * minus a close code; *stop is set when the handler wants no more. */
static int64_t whole_frame(const struct input_handler *h, void *arg, uint8_t *bytes, size_t len, bool *stop)
{
	struct frame f;
	int head = limited_head(h, bytes, len, false, 0, &f);
	uint8_t *payload;
	int r;

	if (head <= 0)
		return head;
	if (!f.is_final || f.length > len - (size_t)head)
		return 0;
	if (!frame_fits(&f, 0))
		return -CLOSE_PROTOCOL;
	payload = bytes + head;
	frame_unmask(payload, (size_t)f.length, f.mask, 0);
	if (f.opcode == FRAME_TEXT && !f.is_compressed && !utf8_valid(payload, (size_t)f.length))
		return -CLOSE_BAD_DATA;
	r = frame_is_control(&f) ? h->on_control(arg, f.opcode, payload, (size_t)f.length)
				 : h->on_message(arg, f.opcode, f.is_compressed, payload, (size_t)f.length);
	if (r < 0)
		return r;
	*stop = r == INPUT_STOP;
	return head + (int64_t)f.length;
}

/* The head of the next frame, of which some bytes may have come before.  Returns bytes used or minus a close code. */
static int64_t input_head(struct input *in, const struct input_handler *h, const uint8_t *bytes, size_t len)
{
	size_t take = FRAME_HEAD_MAX - in->head_len;
	int head;

	if (take > len)
		take = len;
	memcpy(in->head + in->head_len, bytes, take);
	head = limited_head(h, in->head, in->head_len + take, in->opcode && in->is_compressed,
			    in->opcode ? in->message.len : 0, &in->frame);
	if (head < 0)
		return head;
	if (head == 0) {
		in->head_len = (uint8_t)(in->head_len + take);
		return (int64_t)take;
	}
	take = (size_t)head - in->head_len;
	in->head_len = 0;
	in->in_payload = true;
	in->got = 0;
	if (!frame_fits(&in->frame, in->opcode))
		return -CLOSE_PROTOCOL;
	if (in->frame.length == 0 && !in->frame.is_final && ++in->empty_fragments > EMPTY_FRAGMENTS_MAX)
		return -CLOSE_POLICY;
	if (!frame_is_control(&in->frame) && in->opcode == 0) {
		in->opcode = in->frame.opcode;
		in->is_compressed = in->frame.is_compressed;
		in->empty_fragments = 0;
		in->utf8 = (struct utf8){ 0 };
		in->message.max = (size_t)(in->is_compressed ? h->max_compressed : h->max_message);
	}
	return (int64_t)take;
}

/* The payload's next bytes.  0, INPUT_STOP or minus a close code. */
static int input_payload(struct input *in, const struct input_handler *h, void *arg, uint8_t *bytes, size_t len)
{
	int r;

	frame_unmask(bytes, len, in->frame.mask, in->got);
	if (frame_is_control(&in->frame)) {
		memcpy(in->control + in->got, bytes, len);
		in->got += len;
		if (in->got < in->frame.length)
			return 0;
		in->in_payload = false;
		return h->on_control(arg, in->frame.opcode, in->control, (size_t)in->frame.length);
	}
	if (in->opcode == FRAME_TEXT && !in->is_compressed && !utf8_feed(&in->utf8, bytes, len))
		return -CLOSE_BAD_DATA;
	if (buf_add(&in->message, bytes, len) < 0)
		return -CLOSE_INTERNAL;
	in->got += len;
	if (in->got < in->frame.length)
		return 0;
	in->in_payload = false;
	if (!in->frame.is_final)
		return 0;
	if (in->opcode == FRAME_TEXT && !in->is_compressed && in->utf8.need)
		return -CLOSE_BAD_DATA;
	/* An empty message is nowhere, but not NULL. */
	r = h->on_message(arg, in->opcode, in->is_compressed, in->message.len ? (uint8_t *)in->message.data : in->control,
			  in->message.len);
	in->opcode = 0;
	buf_free(&in->message);
	return r;
}

int64_t input_feed(struct input **in, const struct input_handler *handler, void *arg, uint8_t *bytes, size_t len)
{
	size_t used = 0;

	while (used < len) {
		struct input *i = *in;
		bool stop = false;
		int64_t n;

		if (!i || input_is_idle(i)) {
			n = whole_frame(handler, arg, bytes + used, len - used, &stop);
			if (n < 0)
				return n;
			used += (size_t)n;
			if (stop)
				break;
			if (n > 0)
				continue;
			if (!(i = input_get(in)))
				return -CLOSE_INTERNAL;
		}
		if (!i->in_payload) {
			n = input_head(i, handler, bytes + used, len - used);
			if (n < 0)
				return n;
			used += (size_t)n;
		}
		if (i->in_payload) {
			uint64_t rest = i->frame.length - i->got;
			size_t take = rest < len - used ? (size_t)rest : len - used;
			int r = input_payload(i, handler, arg, bytes + used, take);

			if (r < 0)
				return r;
			used += take;
			if (r == INPUT_STOP)
				break;
		}
	}
	if (*in && input_is_idle(*in)) {
		input_free(*in);
		*in = NULL;
	}
	return (int64_t)used;
}

int input_hold(struct input **in, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (!input_get(in))
		return -ENOMEM;
	return buf_add(&(*in)->held, bytes, len);
}

bool input_has_held(const struct input *in)
{
	return in && in->held.len;
}

const char *input_held(const struct input *in)
{
	return in->held.data;
}

size_t input_held_len(const struct input *in)
{
	return in->held.len;
}

int input_feed_held(struct input **in, const struct input_handler *handler, void *arg)
{
	struct buf held;
	int64_t n;
	int r = 0;

	if (!input_has_held(*in))
		return 0;
	held = (*in)->held;
	(*in)->held = (struct buf)BUF_INIT;
	n = input_feed(in, handler, arg, (uint8_t *)held.data, held.len);
	if (n < 0)
		r = (int)n;
	else if ((size_t)n < held.len)
		r = input_hold(in, (uint8_t *)held.data + n, held.len - (size_t)n) < 0 ? -CLOSE_INTERNAL : INPUT_STOP;
	buf_free(&held);
	return r;
}
