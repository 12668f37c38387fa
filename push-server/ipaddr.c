/* ipaddr.c - addresses as bytes and as text.  Knows no sockets and no connections. */
#include "ipaddr.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

void ipaddr_from_v4(const void *four, uint8_t out[static IPADDR_LEN])
{
	memcpy(out, mapped, sizeof(mapped));
	memcpy(out + sizeof(mapped), four, 4);
}

bool ipaddr_is_v4(const uint8_t a[static IPADDR_LEN])
{
	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

bool ipaddr_read(const char *text, uint8_t out[static IPADDR_LEN])
{
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) != 1)
		return inet_pton(AF_INET6, text, out) == 1;
	ipaddr_from_v4(&four, out);
	return true;
}

void ipaddr_text(const uint8_t a[static IPADDR_LEN], char out[static IPADDR_TEXT])
{
	if (ipaddr_is_v4(a))
		inet_ntop(AF_INET, a + sizeof(mapped), out, IPADDR_TEXT);
	else
		inet_ntop(AF_INET6, a, out, IPADDR_TEXT);
}
