/* server.h - the sandbox's addresses, on 127.0.0.1 alone. */
#ifndef SERVER_H
#define SERVER_H

#include <stdint.h>

struct sandbox;
struct server;

/* Port 0 takes a free one.  NULL with errno set if the port cannot be had. */
struct server *server_open(struct sandbox *sb, uint16_t port);
uint16_t server_port(const struct server *server);

/* Closes every connection; what has not been answered never will be. */
void server_close(struct server *server);

#endif
