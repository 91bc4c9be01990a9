/* SPDX-License-Identifier: MIT */
/*
 * GnuTLS's own API, used as its manual's examples do.
 */
#include "common.h"
#include "contender.h"
#include "plain_io.h"

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>

static gnutls_certificate_credentials_t credentials;
static gnutls_datum_t ticket_key, session_data;
static bool resume;

static void check(int result, const char *what)
{
	if (result < 0)
		die("%s: %s", what, gnutls_strerror(result));
}

static bool again(ssize_t result)
{
	return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

static void tls_setup(const struct setting *setting, enum role role)
{
	char path[2][4096];

	resume = setting->resume;
	if (resume && role == ROLE_SERVER)
		check(gnutls_session_ticket_key_generate(&ticket_key), "ticket key");
	check(gnutls_certificate_allocate_credentials(&credentials), "credentials");
	if (role == ROLE_CLIENT) {
		identity_path(setting, "ca.pem", path[0], sizeof(path[0]));
		check(gnutls_certificate_set_x509_trust_file(credentials, path[0],
							     GNUTLS_X509_FMT_PEM),
		      path[0]);
		return;
	}
	identity_path(setting, "cert.pem", path[0], sizeof(path[0]));
	identity_path(setting, "key.pem", path[1], sizeof(path[1]));
	check(gnutls_certificate_set_x509_key_file(credentials, path[0], path[1],
						   GNUTLS_X509_FMT_PEM),
	      path[0]);
}

static int tls_socket(enum role role)
{
	(void)role;
	return plain_socket(IPPROTO_TCP);
}

static void tls_start(struct link *link, enum role role)
{
	gnutls_session_t session;
	int result;

	check(gnutls_init(&session, role == ROLE_CLIENT ? GNUTLS_CLIENT : GNUTLS_SERVER), "init");
	check(gnutls_set_default_priority(session), "priority");
	check(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
	if (role == ROLE_CLIENT) {
		check(gnutls_server_name_set(session, GNUTLS_NAME_DNS, SERVER_NAME,
					     sizeof(SERVER_NAME) - 1),
		      "server name");
		gnutls_session_set_verify_cert(session, SERVER_NAME, 0);
	}
	if (resume && role == ROLE_SERVER)
		check(gnutls_session_ticket_enable_server(session, &ticket_key), "tickets");
	if (session_data.size)
		check(gnutls_session_set_data(session, session_data.data, session_data.size),
		      "session");
	gnutls_transport_set_int(session, link->fd);
	do {
		result = gnutls_handshake(session);
	} while (again(result));
	check(result, "handshake");
	link->session = session;
}

static void tls_send(struct link *link, const void *data, size_t size)
{
	size_t sent = 0;

	while (sent < size) {
		ssize_t n =
			gnutls_record_send(link->session, (const char *)data + sent, size - sent);

		if (again(n))
			continue;
		check((int)n, "send");
		sent += (size_t)n;
	}
}

static size_t tls_receive(struct link *link, void *data, size_t size)
{
	ssize_t n;

	do {
		n = gnutls_record_recv(link->session, data, size);
	} while (again(n));
	check((int)n, "receive");
	return (size_t)n;
}

/* A ticket that has come is kept for the next connection. */
static void keep_session(gnutls_session_t session)
{
	gnutls_free(session_data.data);
	session_data.size = 0;
	check(gnutls_session_get_data2(session, &session_data), "session");
}

static bool tls_resumed(const struct link *link)
{
	return gnutls_session_is_resumed(link->session) != 0;
}

static void tls_stop(struct link *link)
{
	if (resume && !ticket_key.size)
		keep_session(link->session);
	/* The peer may have closed already: nothing to report. */
	gnutls_bye(link->session, GNUTLS_SHUT_WR);
	gnutls_deinit(link->session);
}

static void tls_describe(struct link *link, char *text, size_t size)
{
	snprintf(text, size, "%s %s", gnutls_ciphersuite_get(link->session),
		 gnutls_group_get_name(gnutls_group_get(link->session)));
}

static void tls_version(char *text, size_t size)
{
	snprintf(text, size, "GnuTLS %s", gnutls_check_version(NULL));
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
