/* SPDX-License-Identifier: MIT */
/* Pre-shared keys beside certificates, and with chosen cipher suites. */
#include "pskends.h"
#include "trace.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whatever was said of certificates: the psk_key says who it is. */
static void whatever_is_verified(void **state)
{
	struct psk_ends ends;

	(void)state;
	for (int client = TLS_PEER_VERIFY_NONE; client <= TLS_PEER_VERIFY_REQUIRED; client++)
		for (int server = TLS_PEER_VERIFY_NONE; server <= TLS_PEER_VERIFY_REQUIRED;
		     server++) {
			int listener = psk_socket(IPPROTO_TLS, "me", psk_key);
			int fd = psk_socket(IPPROTO_TLS, "me", psk_key);

			tls_set_int(listener, TLS_PEER_VERIFY, server);
			tls_set_int(fd, TLS_PEER_VERIFY, client);
			tls_set_text(fd, TLS_HOSTNAME, "localhost");
			psk_ends_open(&ends, listener, fd);
			psk_agreed(&ends, "me");
			psk_ends_close(&ends);
		}
}

static void identify(int fd)
{
	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("good.pem"));
	tls_set_text(fd, TLS_PRIVATE_KEY, zoo("good.key"));
}

/* A server that shows a certificate does not have the psk_key. */
static void no_certificate_instead(void **state)
{
	struct psk_ends ends;

	(void)state;
	for (int i = 0; i < 2; i++) {
		int listener = psk_tls(IPPROTO_TLS),
		    client = psk_socket(IPPROTO_TLS, "me", psk_key);

		identify(listener);
		tls_set_text(client, TLS_HOSTNAME, "localhost");
		if (i) {
			tls_set_text(client, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
			tls_set_int(client, TLS_PEER_VERIFY, TLS_PEER_VERIFY_NONE);
		} else {
			tls_set_int(client, TLS_PEER_VERIFY, TLS_PEER_VERIFY_OPTIONAL);
		}
		psk_ends_open(&ends, listener, client);
		/* In TLS 1.2 no suite is left. */
		psk_refused(&ends, EPROTO, test_version() == TLS_1_3 ? "shows a certificate" : "",
			    "");
		psk_ends_close(&ends);
	}
}

/* A client without the psk_key gets nothing from a server that has nothing else. */
static void no_key(void **state)
{
	struct psk_ends ends;

	(void)state;
	psk_ends_open(&ends, psk_socket(IPPROTO_TLS, "me", psk_key),
		      tls_socket(AF_INET, IPPROTO_TLS, "localhost"));
	psk_refused(&ends, EPROTO, "", "");
	psk_ends_close(&ends);
}

/* A server that has both serves both; a client that takes both is served by either. */
static void both(void **state)
{
	struct psk_ends ends;

	(void)state;
	for (int i = 0; i < 3; i++) {
		int listener =
			i == 2 ? psk_tls(IPPROTO_TLS) : psk_socket(IPPROTO_TLS, "me", psk_key);
		int client = i == 0 ? psk_socket(IPPROTO_TLS, "me", psk_key)
				    : tls_socket(AF_INET, IPPROTO_TLS, "localhost");

		identify(listener);
		if (i == 2)
			psk_tell(client, "me", psk_key, strlen(psk_key));
		psk_ends_open(&ends, listener, client);
		if (i == 0) {
			psk_agreed(&ends, "me");
		} else {
			assert_ok(ends.connected);
			assert_int_equal(psk_info(client).verified, 1);
			assert_string_equal(tls_get_text(client, TLS_PEER_IDENTITY),
					    "CN=Test good");
			assert_fails(psk_no_text(client, TLS_PSK_IDENTITY), ENOTCONN);
			assert_fails(psk_no_text(ends.server, TLS_PSK_IDENTITY), ENOTCONN);
		}
		psk_ends_close(&ends);
	}
}

/* A certificate that is not trusted is not taken because there is a psk_key as well. */
static void certificate_is_verified(void **state)
{
	int listener = psk_tls(IPPROTO_TLS),
	    client = tls_socket(AF_INET, IPPROTO_TLS, "other.test");
	struct psk_ends ends;

	(void)state;
	identify(listener);
	psk_tell(client, "me", psk_key, strlen(psk_key));
	psk_ends_open(&ends, listener, client);
	psk_refused(&ends, EPROTO, "other.test", "");
	psk_ends_close(&ends);
}

static void suites(void **state)
{
	const char *suite = test_version() == TLS_1_3
				    ? "TLS_CHACHA20_POLY1305_SHA256"
				    : "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256";
	int listener = psk_socket(IPPROTO_TLS, "me", psk_key);
	int client = psk_socket(IPPROTO_TLS, "me", psk_key),
	    id = test_version() == TLS_1_3 ? 0x1303 : 0xccac;
	struct psk_ends ends;

	(void)state;
	assert_non_null(strstr(tls_get_text(client, TLS_TRUSTED_CIPHERS), suite));
	assert_null(strstr(tls_get_text(client, TLS_TRUSTED_CIPHERS), "RSA"));
	assert_ok(psk_set(client, TLS_CIPHERSUITE_LIST, &id, sizeof(id)));
	psk_ends_open(&ends, listener, client);
	psk_agreed(&ends, "me");
	assert_int_equal(tls_get_int(client, TLS_CIPHERSUITE_USED), id);
	psk_ends_close(&ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whatever_is_verified),
		CASE(no_certificate_instead),
		CASE(no_key),
		CASE(both),
		CASE(certificate_is_verified),
		CASE(suites),
	};

	return compare_main("pskbeside", NULL, 0, tests, COUNT(tests));
}
