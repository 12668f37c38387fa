/* address.h - who the client is, by address.
 * Threads: any. */
#ifndef WXCHAT_ADDRESS_H
#define WXCHAT_ADDRESS_H

#include "store.h"

/* The client's address in its usual form: peer, unless that is a trusted proxy; then the right-most address of
 * forwarded (X-Forwarded-For, may be NULL) that is none.  "" when peer is no address and not trusted.  An address
 * in forwarded that cannot be read ends the search at the proxy that passed it on. */
void address_of_client(const char *peer, const char *forwarded, const char *trusted_proxies,
		       char out[static ADDRESS_MAX]);

/* Who is to be counted: the address in its usual form, of IPv6 its /64, which is what one customer gets. */
void address_network(const char *address, char out[static ADDRESS_MAX]);

#endif
