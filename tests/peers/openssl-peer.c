/* SPDX-License-Identifier: MIT */
/* The native peer on OpenSSL's own API. */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SSL_CTX *context;
static unsigned char alpn[256];
static unsigned int alpn_length;

static void reason(char *text, size_t size)
{
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, text, size);
	else
		snprintf(text, size, "the connection ended");
	ERR_clear_error();
}

static void check(int ok, const char *what)
{
	char text[256];

	if (ok > 0)
		return;
	reason(text, sizeof(text));
	fprintf(stderr, "%s: %s\n", what, text);
	exit(1);
}

static void set_versions(const struct peer_options *options)
{
	static const struct {
		int min, max;
	} range[] = {
		[PEER_ANY] = {TLS1_2_VERSION, TLS1_3_VERSION},
		[PEER_TLS_1_1] = {TLS1_VERSION, TLS1_1_VERSION},
		[PEER_TLS_1_2] = {TLS1_2_VERSION, TLS1_2_VERSION},
		[PEER_TLS_1_3] = {TLS1_3_VERSION, TLS1_3_VERSION},
	};

	SSL_CTX_set_min_proto_version(context, range[options->version].min);
	SSL_CTX_set_max_proto_version(context, range[options->version].max);
	if (options->version == PEER_TLS_1_1 || options->cert)
		SSL_CTX_set_security_level(context, 0); /* bad certificates are for the other end */
}

/* The 1024-bit group of RFC 2409: too small to be safe, and the smallest that OpenSSL offers. */
static void set_small_dh(void)
{
	BIGNUM *p = BN_get_rfc2409_prime_1024(NULL);
	BIGNUM *g = BN_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *group = NULL;
	OSSL_PARAM *params;

	BN_set_word(g, 2);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, p);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, g);
	params = OSSL_PARAM_BLD_to_param(build);
	check(EVP_PKEY_fromdata_init(maker), "DH");
	check(EVP_PKEY_fromdata(maker, &group, EVP_PKEY_KEY_PARAMETERS, params), "DH");
	check(SSL_CTX_set0_tmp_dh_pkey(context, group), "DH");
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(maker);
	BN_free(p);
	BN_free(g);
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
		       const unsigned char *in, unsigned int inlen, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, outlen, alpn, alpn_length, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* "x,y" as the wire has it: each with its length before it. */
static void set_alpn(const struct peer_options *options)
{
	char copy[sizeof(alpn)];
	char *save = NULL;

	snprintf(copy, sizeof(copy), "%s", options->alpn);
	for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		alpn[alpn_length] = (unsigned char)strlen(p);
		memcpy(alpn + alpn_length + 1, p, alpn[alpn_length]);
		alpn_length += 1u + alpn[alpn_length];
	}
	if (options->server)
		SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	else
		SSL_CTX_set_alpn_protos(context, alpn, alpn_length);
}

void tls_setup(const struct peer_options *options)
{
	context = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
	set_versions(options);
	if (options->ciphers)
		check(SSL_CTX_set_cipher_list(context, options->ciphers), options->ciphers);
	if (options->small_dh)
		set_small_dh();
	if (options->cert) {
		check(SSL_CTX_use_certificate_chain_file(context, options->cert), options->cert);
		check(SSL_CTX_use_PrivateKey_file(context, options->key, SSL_FILETYPE_PEM),
		      options->key);
	}
	if (options->ca)
		check(SSL_CTX_load_verify_file(context, options->ca), options->ca);
	if (options->verify_client || (!options->server && options->ca))
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
	if (options->alpn)
		set_alpn(options);
	if (options->tickets != PEER_TICKETS_EARLY)
		SSL_CTX_set_num_tickets(context, 0);
	if (options->tickets == PEER_TICKETS_NEVER)
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
}

static void set_name(SSL *ssl, const char *name)
{
	struct in6_addr address;
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", name);
	if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
		return;
	}
	/* SSL_set_tlsext_host_name() itself casts const away. */
	SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, copy);
	SSL_set1_host(ssl, name);
}

static void describe(struct peer_session *session)
{
	SSL *ssl = session->tls;
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned char *protocol = (const unsigned char *)"-";
	unsigned int length = 1;
	char subject[256] = "-";

	if (leaf)
		X509_NAME_oneline(X509_get_subject_name(leaf), subject, sizeof(subject));
	if (alpn_length)
		SSL_get0_alpn_selected(ssl, &protocol, &length);
	snprintf(session->text, sizeof(session->text),
		 "version=%s cipher=%s alpn=%.*s resumed=%d sni=%s peer=%s",
		 SSL_version(ssl) == TLS1_3_VERSION ? "1.3" : "1.2", SSL_get_cipher(ssl),
		 (int)length, (const char *)protocol, SSL_session_reused(ssl), sni ? sni : "-",
		 subject);
}

int tls_open(struct peer_session *session)
{
	const struct peer_options *options = session->options;
	SSL *ssl = SSL_new(context);

	session->tls = ssl;
	SSL_set_fd(ssl, session->fd);
	if (!options->server && options->name)
		set_name(ssl, options->name);
	if ((options->server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1) {
		describe(session);
		return 0;
	}
	reason(session->text, sizeof(session->text));
	return -1;
}

ssize_t tls_recv(struct peer_session *session, void *buf, size_t n)
{
	int got, error;

	ERR_clear_error();
	errno = 0;
	got = SSL_read(session->tls, buf, (int)n);
	error = errno;
	if (got > 0)
		return got;
	switch (SSL_get_error(session->tls, got)) {
	case SSL_ERROR_ZERO_RETURN:
		return PEER_CLOSE_NOTIFY;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return PEER_AGAIN;
	case SSL_ERROR_SYSCALL:
		return error == ECONNRESET ? PEER_RESET : PEER_ERROR;
	default:
		return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
			       ? PEER_EOF
			       : PEER_ERROR;
	}
}

int tls_send(struct peer_session *session, const void *buf, size_t n)
{
	return SSL_write(session->tls, buf, (int)n) == (int)n ? 0 : -1;
}

static bool would_block(SSL *ssl, int ret)
{
	int error = SSL_get_error(ssl, ret);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

ssize_t tls_send_some(struct peer_session *session, const void *buf, size_t n)
{
	int sent;

	ERR_clear_error();
	SSL_set_mode(session->tls,
		     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	sent = SSL_write(session->tls, buf, (int)n);
	if (sent > 0)
		return sent;
	return would_block(session->tls, sent) ? PEER_AGAIN : PEER_ERROR;
}

int tls_send_tickets(struct peer_session *session)
{
	SSL *ssl = session->tls;

	if (SSL_version(ssl) != TLS1_3_VERSION)
		return 0; /* TLS 1.2 sent its own in the handshake */
	/* The new ticket waits for the next write; a handshake call is one without data. */
	return SSL_new_session_ticket(ssl) == 1 && SSL_do_handshake(ssl) == 1 ? 0 : -1;
}

int tls_update_key(struct peer_session *session)
{
	return SSL_key_update(session->tls, SSL_KEY_UPDATE_REQUESTED) == 1 ? 0 : -1;
}

/* OpenSSL sends no empty records on demand. */
int tls_send_empty(struct peer_session *session)
{
	(void)session;
	return -1;
}

int tls_notify(struct peer_session *session)
{
	int ret;

	ERR_clear_error();
	ret = SSL_shutdown(session->tls);
	return ret < 0 && would_block(session->tls, ret) ? PEER_AGAIN : 0;
}

void tls_free(struct peer_session *session)
{
	SSL_free(session->tls);
}
