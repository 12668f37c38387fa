/* tls.c - OpenSSL behind six calls. */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_context {
	pthread_rwlock_t lock;	/* guards the pointer, not what it points to: that is counted by OpenSSL */
	SSL_CTX *ctx;
	char *cert, *key;
};

struct tls {
	SSL *ssl;
	bool wants_write;
};

static SSL_CTX *ctx_load(const char *cert, const char *key, char why[static 200])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const char *wrong = NULL;

	if (!ctx) {
		snprintf(why, 200, "OpenSSL has no memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* Idle connections hold no buffers; a retried write may come from another address. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_ENABLE_KTLS |
				 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"wxchat", 6);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		wrong = cert;
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		wrong = key;
	if (wrong) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());

		snprintf(why, 200, "%s: %s; a PEM certificate chain and its private key are needed", wrong,
			 reason ? reason : "cannot be used");
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

struct tls_context *tls_context_new(const char *cert, const char *key, char why[static 200])
{
	struct tls_context *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_rwlock_init(&c->lock, NULL);
	c->cert = strdup(cert);
	c->key = strdup(key);
	c->ctx = c->cert && c->key ? ctx_load(cert, key, why) : NULL;
	if (!c->ctx) {
		tls_context_free(c);
		return NULL;
	}
	return c;
}

int tls_context_reload(struct tls_context *context, char why[static 200])
{
	SSL_CTX *fresh = ctx_load(context->cert, context->key, why), *old;

	if (!fresh)
		return -EINVAL;
	pthread_rwlock_wrlock(&context->lock);
	old = context->ctx;
	context->ctx = fresh;
	pthread_rwlock_unlock(&context->lock);
	SSL_CTX_free(old);
	return 0;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ctx);
	pthread_rwlock_destroy(&context->lock);
	free(context->cert);
	free(context->key);
	free(context);
}

struct tls *tls_new(struct tls_context *context, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	pthread_rwlock_rdlock(&context->lock);
	t->ssl = SSL_new(context->ctx);
	pthread_rwlock_unlock(&context->lock);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
		tls_free(t);
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t);
}

/* What an operation's result means: 0 for "later", else an errno. */
static int tls_outcome(struct tls *t, int result)
{
	int error = SSL_get_error(t->ssl, result);

	t->wants_write = error == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -ECONNRESET;
}

int tls_handshake(struct tls *t)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	t->wants_write = false;
	return r == 1 ? 1 : tls_outcome(t, r);
}

ssize_t tls_read(struct tls *t, void *out, size_t size)
{
	size_t n;

	ERR_clear_error();
	t->wants_write = false;
	return SSL_read_ex(t->ssl, out, size, &n) == 1 ? (ssize_t)n : tls_outcome(t, 0);
}

ssize_t tls_write(struct tls *t, const void *bytes, size_t len)
{
	size_t n;

	ERR_clear_error();
	t->wants_write = false;
	return SSL_write_ex(t->ssl, bytes, len, &n) == 1 ? (ssize_t)n : tls_outcome(t, 0);
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool tls_has_more(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

void tls_end(struct tls *t)
{
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}
