/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's own API, blocking, TLS 1.3, without session tickets unless sessions
 * are to be resumed: GnuTLS's API sends none unless asked to.
 */
#include "common.h"
#include "contender.h"
#include "plain_io.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

static SSL_CTX *context;
static SSL_SESSION *kept;

/* Not const, since OpenSSL's macros cast that away. */
static int groups[] = {NID_X9_62_prime256v1, NID_X25519};
static char server_name[] = SERVER_NAME;

static _Noreturn void fail(const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	die("%s: %s", what, text);
}

/* A ticket that has come is kept for the next connection. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

static void setup_client(const struct setting *setting)
{
	char path[4096];

	identity_path(setting, "ca.pem", path, sizeof(path));
	if (SSL_CTX_load_verify_file(context, path) != 1)
		fail(path);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (!setting->resume)
		return;
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(context, keep_session);
}

static void setup_server(const struct setting *setting)
{
	char path[4096];

	identity_path(setting, "cert.pem", path, sizeof(path));
	if (SSL_CTX_use_certificate_chain_file(context, path) != 1)
		fail(path);
	identity_path(setting, "key.pem", path, sizeof(path));
	if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
		fail(path);
	if (!setting->resume)
		SSL_CTX_set_num_tickets(context, 0);
}

static void tls_setup(const struct setting *setting, enum role role)
{
	context = SSL_CTX_new(TLS_method());
	if (!context)
		fail("SSL_CTX_new");
	if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(context, setting->cipher) != 1 ||
	    SSL_CTX_set1_groups(context, groups, COUNT(groups)) != 1)
		fail("settings");
	if (setting->release_buffers)
		SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (role == ROLE_CLIENT)
		setup_client(setting);
	else
		setup_server(setting);
}

static int tls_socket(enum role role)
{
	(void)role;
	return plain_socket(IPPROTO_TCP);
}

static void tls_start(struct link *link, enum role role)
{
	SSL *ssl = SSL_new(context);

	if (!ssl || SSL_set_fd(ssl, link->fd) != 1)
		fail("SSL_new");
	if (role == ROLE_CLIENT) {
		if (SSL_set_tlsext_host_name(ssl, server_name) != 1 ||
		    SSL_set1_host(ssl, server_name) != 1)
			fail("server name");
		if (kept && SSL_set_session(ssl, kept) != 1)
			fail("session");
		if (SSL_connect(ssl) != 1)
			fail("SSL_connect");
	} else if (SSL_accept(ssl) != 1) {
		fail("SSL_accept");
	}
	link->session = ssl;
}

static void tls_send(struct link *link, const void *data, size_t size)
{
	size_t sent;

	/* Without partial writes, blocking: all or a failure. */
	if (SSL_write_ex(link->session, data, size, &sent) != 1)
		fail("SSL_write_ex");
}

static size_t tls_receive(struct link *link, void *data, size_t size)
{
	size_t got;

	if (SSL_read_ex(link->session, data, size, &got) == 1)
		return got;
	if (SSL_get_error(link->session, 0) != SSL_ERROR_ZERO_RETURN)
		fail("SSL_read_ex");
	return 0;
}

static void tls_stop(struct link *link)
{
	/* The peer may have closed already: nothing to report. */
	SSL_shutdown(link->session);
	SSL_free(link->session);
	ERR_clear_error();
}

static bool tls_resumed(const struct link *link)
{
	return SSL_session_reused(link->session) != 0;
}

static void tls_describe(struct link *link, char *text, size_t size)
{
	int group = (int)SSL_get_negotiated_group(link->session);

	snprintf(text, size, "%s %s",
		 SSL_CIPHER_standard_name(SSL_get_current_cipher(link->session)),
		 group == NID_X9_62_prime256v1 ? "SECP256R1" : OBJ_nid2sn(group));
}

static void tls_version(char *text, size_t size)
{
	snprintf(text, size, "%s", OpenSSL_version(OPENSSL_VERSION));
}

const struct contender contender = {
	.setup = tls_setup,
	.socket = tls_socket,
	.start = tls_start,
	.send = tls_send,
	.receive = tls_receive,
	.stop = tls_stop,
	.resumed = tls_resumed,
	.describe = tls_describe,
	.version = tls_version,
};
