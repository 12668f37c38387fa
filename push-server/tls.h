/* tls.h - TLS 1.2 and later for listeners that have a certificate, over OpenSSL.
 * Threads: a tls belongs to its connection's worker; the context is shared, and replaced whole on reload.
 * Errors:  0 when the socket has or takes nothing now; a negative errno. */
#ifndef WXCHAT_TLS_H
#define WXCHAT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_context;
struct tls;

/* why (at least 200 bytes) says what is wrong with which file. */
struct tls_context *tls_context_new(const char *cert, const char *key, char why[static 200]);

/* Reads the files again, for connections accepted from now on; on failure the old ones stay.  Any thread. */
int tls_context_reload(struct tls_context *context, char why[static 200]);
void tls_context_free(struct tls_context *context);

struct tls *tls_new(struct tls_context *context, int fd);
void tls_free(struct tls *t);

/* 1 done, 0 wants the socket again, < 0 failed. */
int tls_handshake(struct tls *t);

/* Bytes; 0 nothing now; -ECONNRESET at the end of the stream or on an error. */
ssize_t tls_read(struct tls *t, void *out, size_t size);
ssize_t tls_write(struct tls *t, const void *bytes, size_t len);

/* Whether the last call that returned 0 waits for the socket to take bytes. */
bool tls_wants_write(const struct tls *t);

/* Bytes that are decrypted already, for which the socket will not become readable. */
bool tls_has_more(const struct tls *t);

/* Says close_notify. */
void tls_end(struct tls *t);

#endif
