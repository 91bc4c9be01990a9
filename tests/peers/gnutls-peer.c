/* SPDX-License-Identifier: MIT */
/* The native peer on GnuTLS's own API. */
#include "peer.h"
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;
static gnutls_datum_t ticket_key;

static void check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, gnutls_strerror(ret));
	exit(1);
}

void tls_setup(const struct peer_options *options)
{
	static const char *const priorities[] = {
		[PEER_ANY] = "NORMAL",
		[PEER_TLS_1_1] = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT",
		[PEER_TLS_1_2] = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
		[PEER_TLS_1_3] = "NORMAL:-VERS-ALL:+VERS-TLS1.3",
	};
	const char *text = options->ciphers ? options->ciphers : priorities[options->version];

	check(gnutls_priority_init(&priority, text, NULL), text);
	check(gnutls_certificate_allocate_credentials(&credentials), "credentials");
	if (options->cert)
		check(gnutls_certificate_set_x509_key_file2(credentials, options->cert,
							    options->key, GNUTLS_X509_FMT_PEM, NULL,
							    0),
		      options->cert);
	if (options->ca)
		check(gnutls_certificate_set_x509_trust_file(credentials, options->ca,
							     GNUTLS_X509_FMT_PEM),
		      options->ca);
	gnutls_certificate_set_known_dh_params(credentials, GNUTLS_SEC_PARAM_MEDIUM);
	check(gnutls_session_ticket_key_generate(&ticket_key), "ticket key");
}

/* GnuTLS makes one code of a FIN and of a reset: errno tells them apart. */
static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t n)
{
	struct peer_session *session = ptr;
	ssize_t got = recv(session->fd, buf, n, 0);

	session->pull_errno = got < 0 ? errno : 0;
	if (got < 0)
		gnutls_transport_set_errno(session->tls, errno);
	return got;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t n)
{
	struct peer_session *session = ptr;
	ssize_t sent = send(session->fd, buf, n, MSG_NOSIGNAL);

	if (sent < 0)
		gnutls_transport_set_errno(session->tls, errno);
	return sent;
}

static void set_alpn(gnutls_session_t tls, const char *list)
{
	char copy[256];
	char *save = NULL;

	snprintf(copy, sizeof(copy), "%s", list);
	gnutls_datum_t protocols[8];
	unsigned int count = 0;

	for (char *p = strtok_r(copy, ",", &save); p && count < 8; p = strtok_r(NULL, ",", &save))
		protocols[count++] = (gnutls_datum_t){(unsigned char *)p, (unsigned int)strlen(p)};
	check(gnutls_alpn_set_protocols(tls, protocols, count, 0), list);
}

static gnutls_session_t new_session(struct peer_session *session)
{
	const struct peer_options *options = session->options;
	unsigned int flags = options->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
	gnutls_session_t tls;

	if (options->tickets != PEER_TICKETS_EARLY)
		flags |= GNUTLS_NO_AUTO_SEND_TICKET;
	check(gnutls_init(&tls, flags), "init");
	session->tls = tls;
	check(gnutls_priority_set(tls, priority), "priority");
	check(gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
	gnutls_transport_set_ptr(tls, session);
	gnutls_transport_set_pull_function(tls, pull);
	gnutls_transport_set_push_function(tls, push);
	gnutls_handshake_set_timeout(tls, 0);
	if (options->alpn)
		set_alpn(tls, options->alpn);
	if (options->server && options->tickets != PEER_TICKETS_NEVER)
		check(gnutls_session_ticket_enable_server(tls, &ticket_key), "tickets");
	if (options->server && options->verify_client)
		gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUIRE);
	if (!options->server && options->name)
		gnutls_server_name_set(tls, GNUTLS_NAME_DNS, options->name, strlen(options->name));
	if (options->server ? options->verify_client : options->ca != NULL)
		gnutls_session_set_verify_cert(tls, options->server ? NULL : options->name, 0);
	return tls;
}

static void describe(struct peer_session *session)
{
	gnutls_session_t tls = session->tls;
	unsigned int count, type;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &count);
	gnutls_datum_t alpn = {NULL, 0};
	gnutls_x509_crt_t leaf = NULL;
	char subject[256] = "-", name[256] = "-";
	size_t size = sizeof(subject);

	if (chain && gnutls_x509_crt_init(&leaf) == 0) {
		if (gnutls_x509_crt_import(leaf, chain, GNUTLS_X509_FMT_DER) == 0)
			gnutls_x509_crt_get_dn(leaf, subject, &size);
		gnutls_x509_crt_deinit(leaf);
	}
	size = sizeof(name);
	if (session->options->server)
		gnutls_server_name_get(tls, name, &size, &type, 0);
	if (gnutls_alpn_get_selected_protocol(tls, &alpn) < 0)
		alpn = (gnutls_datum_t){(unsigned char *)(char[]){"-"}, 1};
	snprintf(session->text, sizeof(session->text),
		 "version=%s cipher=%s alpn=%.*s resumed=%d sni=%s peer=%s",
		 gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3 ? "1.3" : "1.2",
		 gnutls_ciphersuite_get(tls), (int)alpn.size, (const char *)alpn.data,
		 gnutls_session_is_resumed(tls), name, subject);
}

int tls_open(struct peer_session *session)
{
	gnutls_session_t tls = new_session(session);
	int ret;

	do {
		ret = gnutls_handshake(tls);
	} while (ret < 0 && !gnutls_error_is_fatal(ret));
	if (ret == 0) {
		describe(session);
		return 0;
	}
	snprintf(session->text, sizeof(session->text), "%s%s%s", gnutls_strerror(ret),
		 ret == GNUTLS_E_FATAL_ALERT_RECEIVED ? ": " : "",
		 ret == GNUTLS_E_FATAL_ALERT_RECEIVED ? gnutls_alert_get_name(gnutls_alert_get(tls))
						      : "");
	gnutls_alert_send_appropriate(tls, ret);
	return -1;
}

ssize_t tls_recv(struct peer_session *session, void *buf, size_t n)
{
	ssize_t got;

	do {
		got = gnutls_record_recv(session->tls, buf, n);
	} while (got < 0 && session->pull_errno != EAGAIN && !gnutls_error_is_fatal((int)got));
	if (got >= 0)
		return got;
	if (session->pull_errno == EAGAIN)
		return PEER_AGAIN;
	if (session->pull_errno == ECONNRESET)
		return PEER_RESET;
	return got == GNUTLS_E_PREMATURE_TERMINATION ? PEER_EOF : PEER_ERROR;
}

int tls_send(struct peer_session *session, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > 0) {
		ssize_t sent = gnutls_record_send(session->tls, p, n);

		if (sent < 0 && gnutls_error_is_fatal((int)sent))
			return -1;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

ssize_t tls_send_some(struct peer_session *session, const void *buf, size_t n)
{
	ssize_t sent = gnutls_record_send(session->tls, buf, n);

	if (sent >= 0)
		return sent;
	return gnutls_error_is_fatal((int)sent) ? PEER_ERROR : PEER_AGAIN;
}

int tls_send_tickets(struct peer_session *session)
{
	if (gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3)
		return 0; /* TLS 1.2 sent its own in the handshake */
	return gnutls_session_ticket_send(session->tls, 2, 0);
}

int tls_update_key(struct peer_session *session)
{
	return gnutls_session_key_update(session->tls, GNUTLS_KU_PEER);
}

int tls_send_empty(struct peer_session *session)
{
	return (int)gnutls_record_send2(session->tls, "", 0, 16, 0);
}

int tls_notify(struct peer_session *session)
{
	int ret = gnutls_bye(session->tls, GNUTLS_SHUT_WR);

	return ret < 0 && !gnutls_error_is_fatal(ret) ? PEER_AGAIN : 0;
}

void tls_free(struct peer_session *session)
{
	gnutls_deinit(session->tls);
}
