/* encode.h - hexadecimal, base64 and percent-encoding, strict in what they take.
 * Threads: any.  Errors: -EINVAL for bad input, -EMSGSIZE when out is too small. */
#ifndef WXCHAT_ENCODE_H
#define WXCHAT_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* Lower-case, NUL-ended: out holds 2 * len + 1 bytes. */
void hex_encode(const void *in, size_t len, char *out);

/* text[0..len) must be exactly 2 * out_len hexadecimal digits of either case. */
int hex_decode(const char *text, size_t len, void *out, size_t out_len);

/* RFC 4648 section 4 with padding, NUL-ended: out holds (len + 2) / 3 * 4 + 1 bytes. */
void base64_encode(const void *in, size_t len, char *out);

/* Returns the decoded length.  Padding is required, spare bits must be zero; blanks inside are
 * read as '+', because form decoding turns one into the other. */
int base64_decode(const char *text, size_t len, void *out, size_t out_size);

/* The same, but spare bits may be anything: the EncodingAESKey of WeChat's message push is 43 characters
 * that somebody made up, and its last one mostly has some. */
int base64_decode_loose(const char *text, size_t len, void *out, size_t out_size);

/* RFC 3986 section 2.1.  Decodes text[0..len) to out[0..size), not NUL-ended, and returns the length;
 * in and out may be the same memory, whose contents are lost on errors.  A malformed escape is -EINVAL.
 * plus_is_blank for forms. */
int percent_decode(const char *text, size_t len, int plus_is_blank, char *out, size_t size);

/* Everything but unreserved characters escaped, NUL-ended.  Returns the length. */
int percent_encode(const char *text, size_t len, char *out, size_t size);

#endif
