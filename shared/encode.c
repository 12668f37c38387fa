/* encode.c - hexadecimal, base64 and percent-encoding.  Knows bytes and no meaning. */
#include "encode.h"

#include <errno.h>
#include <stdbool.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Without branches on what looks random. */
static int hex_value(unsigned char c)
{
	unsigned digit = (unsigned)c - '0', letter = ((unsigned)c | 0x20) - 'a';

	return digit < 10 ? (int)digit : letter < 6 ? (int)letter + 10 : -1;
}

void hex_encode(const void *in, size_t len, char *out)
{
	const uint8_t *p = in;
	size_t i;

	for (i = 0; i < len; i++) {
		*out++ = hex_digits[p[i] >> 4];
		*out++ = hex_digits[p[i] & 15];
	}
	*out = '\0';
}

int hex_decode(const char *text, size_t len, void *out, size_t out_len)
{
	uint8_t *p = out;
	size_t i;

	if (len % 2 != 0 || len / 2 != out_len)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (hex_value((unsigned char)text[i]) < 0)
			return -EINVAL;
	for (i = 0; i < out_len; i++)
		p[i] = (uint8_t)((unsigned)hex_value((unsigned char)text[2 * i]) << 4 |
				 (unsigned)hex_value((unsigned char)text[2 * i + 1]));
	return 0;
}

void base64_encode(const void *in, size_t len, char *out)
{
	const uint8_t *p = in;
	uint32_t v;

	for (; len >= 3; len -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = base64_digits[v >> 18];
		*out++ = base64_digits[v >> 12 & 63];
		*out++ = base64_digits[v >> 6 & 63];
		*out++ = base64_digits[v & 63];
	}
	if (len > 0) {
		v = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0);
		*out++ = base64_digits[v >> 18];
		*out++ = base64_digits[v >> 12 & 63];
		*out++ = '=';
		*out++ = '=';
		if (len > 1)
			out[-2] = base64_digits[v >> 6 & 63];
	}
	*out = '\0';
}

/* Of the characters from blank to DEL; a blank is a '+' that some form decoding took for one.  A table, because the digits of
 * data that looks random come in an order that no processor foresees. */
static const int8_t base64_values[] = {
	62, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
};

static int base64_value(unsigned char c)
{
	return c >= ' ' && c < 128 ? base64_values[c - ' '] : -1;
}

static int base64_read(const char *text, size_t len, void *out, size_t out_size, bool is_loose)
{
	uint8_t *p = out;
	size_t pad, whole, i, n = 0;
	uint32_t rest = 0;

	if (len % 4 != 0 || len > INT32_MAX)
		return -EINVAL;
	pad = len == 0 || text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
	whole = len - pad;
	if (len / 4 * 3 - pad > out_size)
		return -EMSGSIZE;
	for (i = 0; i + 4 <= whole; i += 4) {
		uint32_t v = (uint32_t)base64_value((unsigned char)text[i]) << 18 |
			     (uint32_t)base64_value((unsigned char)text[i + 1]) << 12 |
			     (uint32_t)base64_value((unsigned char)text[i + 2]) << 6 |
			     (uint32_t)base64_value((unsigned char)text[i + 3]);

		if (v >> 24)	/* one of them is -1 */
			return -EINVAL;
		p[n++] = (uint8_t)(v >> 16);
		p[n++] = (uint8_t)(v >> 8);
		p[n++] = (uint8_t)v;
	}
	for (; i < whole; i++) {
		int d = base64_value((unsigned char)text[i]);

		if (d < 0)
			return -EINVAL;
		rest = rest << 6 | (uint32_t)d;
	}
	if (pad == 1) {		/* 18 bits: two bytes and two spare */
		if ((rest & 3) && !is_loose)
			return -EINVAL;
		p[n++] = (uint8_t)(rest >> 10);
		p[n++] = (uint8_t)(rest >> 2);
	} else if (pad == 2) {	/* 12 bits: one byte and four spare */
		if ((rest & 15) && !is_loose)
			return -EINVAL;
		p[n++] = (uint8_t)(rest >> 4);
	}
	return (int)n;
}

int base64_decode(const char *text, size_t len, void *out, size_t out_size)
{
	return base64_read(text, len, out, out_size, false);
}

int base64_decode_loose(const char *text, size_t len, void *out, size_t out_size)
{
	return base64_read(text, len, out, out_size, true);
}

int percent_decode(const char *text, size_t len, int plus_is_blank, char *out, size_t size)
{
	size_t i, n = 0;

	if (len > INT32_MAX)
		return -EMSGSIZE;
	for (i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high, low;

			if (len - i < 3)
				return -EINVAL;
			high = hex_value((unsigned char)text[i + 1]);
			low = hex_value((unsigned char)text[i + 2]);
			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (n == size)
			return -EMSGSIZE;
		out[n++] = c;
	}
	return (int)n;
}

static bool is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

int percent_encode(const char *text, size_t len, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i, n = 0;

	if (len > INT32_MAX / 3)
		return -EMSGSIZE;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (size - n < (is_unreserved(c) ? 2 : 4))
			return -EMSGSIZE;	/* each step leaves room for the NUL */
		if (is_unreserved(c)) {
			out[n++] = (char)c;
		} else {
			out[n++] = '%';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		}
	}
	if (n == size)
		return -EMSGSIZE;	/* only for size 0 */
	out[n] = '\0';
	return (int)n;
}
