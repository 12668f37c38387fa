/* ipaddr.h - a client's address in 16 bytes: IPv6, or IPv4 mapped into it (RFC 4291 2.5.5.2).  All zero is nobody's, a unix
 * socket's peer say.
 * Threads: any.  No state. */
#ifndef WXCHAT_IPADDR_H
#define WXCHAT_IPADDR_H

#include <stdbool.h>
#include <stdint.h>

enum { IPADDR_LEN = 16, IPADDR_TEXT = 46 };

void ipaddr_from_v4(const void *four, uint8_t out[static IPADDR_LEN]);
bool ipaddr_is_v4(const uint8_t a[static IPADDR_LEN]);

/* "1.2.3.4", "2001:db8::1" or "::ffff:1.2.3.4".  False, and out is left alone, for anything else. */
bool ipaddr_read(const char *text, uint8_t out[static IPADDR_LEN]);

/* As inet_ntop writes it; IPv4 as IPv4, however it was given. */
void ipaddr_text(const uint8_t a[static IPADDR_LEN], char out[static IPADDR_TEXT]);

#endif
