/* address.c - who the client is, by address.  No sockets. */
#include "address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

/* text[0..len) in its usual form; an IPv4 address mapped into IPv6 becomes IPv4.  false if it is none. */
static bool address_normal(const char *text, size_t len, char out[static ADDRESS_MAX])
{
	char copy[ADDRESS_MAX];
	struct in_addr four;
	struct in6_addr six;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, &four) == 1)
		return inet_ntop(AF_INET, &four, out, ADDRESS_MAX) != NULL;
	if (inet_pton(AF_INET6, copy, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(&four, six.s6_addr + 12, sizeof(four));
		return inet_ntop(AF_INET, &four, out, ADDRESS_MAX) != NULL;
	}
	return inet_ntop(AF_INET6, &six, out, ADDRESS_MAX) != NULL;
}

void address_of_client(const char *peer, const char *forwarded, const char *trusted_proxies,
		       char out[static ADDRESS_MAX])
{
	char next[ADDRESS_MAX];
	size_t end;

	out[0] = '\0';
	if (!peer || !address_normal(peer, strlen(peer), out))
		out[0] = '\0';
	end = forwarded ? strlen(forwarded) : 0;
	while (end > 0 && config_list_has(trusted_proxies, out)) {
		size_t start = end, from, to = end;

		while (start > 0 && forwarded[start - 1] != ',')
			start--;
		for (from = start; from < to && strchr(" \t", forwarded[from]); from++)
			;
		while (to > from && strchr(" \t", forwarded[to - 1]))
			to--;
		if (!address_normal(forwarded + from, to - from, next))
			return;
		memcpy(out, next, sizeof(next));
		end = start ? start - 1 : 0;
	}
}

void address_network(const char *address, char out[static ADDRESS_MAX])
{
	struct in6_addr six;

	snprintf(out, ADDRESS_MAX, "%s", address);
	if (inet_pton(AF_INET6, address, &six) != 1)
		return;
	memset(six.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &six, out, ADDRESS_MAX);
}
