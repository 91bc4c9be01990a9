/* SPDX-License-Identifier: MIT */
/*
 * What a peer's refusal is told as: TLS has one byte for the reason, and a person wants to
 * know what it is about and what to do.
 */
#include "ends.h"
#include "proc.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { MOST = 6 };

/* Of s_server, with these arguments, and of our client. */
struct refusal {
	const char *title, *arguments[MOST];
	const char *alpn;
	int version;		   /* the only one that our client speaks; -1: any */
	const char *in_13, *in_12; /* NULL: not in that version */
};

static const struct refusal refusals[] = {
	{"a certificate is wanted",
	 {"-Verify", "1", "-verify_return_error"},
	 NULL,
	 -1,
	 "alert \"Certificate is required\"; it wants a certificate of this end, by "
	 "TLS_CERTIFICATE_CHAIN",
	 "alert \"Handshake failed\"; no cipher suite, group or kind of key may be in common, or "
	 "it "
	 "wants a certificate of this end"},
	{"no protocol in common",
	 {"-alpn", "http/1.1"},
	 "h2",
	 -1,
	 "it knows none of the protocols of TLS_ALPN",
	 "it knows none of the protocols of TLS_ALPN"},
	{"an older version", {"-tls1_2"}, NULL, TLS_1_3, "(TLS_VERSION_MIN, TLS_VERSION_MAX", NULL},
	{"a newer version", {"-tls1_3"}, NULL, TLS_1_2, NULL, "(TLS_VERSION_MIN, TLS_VERSION_MAX"},
};

static const char *what_is_said(const struct refusal *row)
{
	return test_version() == TLS_1_2 ? row->in_12 : row->in_13;
}

static void assert_says(int fd, const char *what)
{
	if (!strstr(tls_get_text(fd, TLS_ERROR), what))
		fail_msg("%s", tls_get_text(fd, TLS_ERROR));
}

static void server_refuses(void **state)
{
	const struct refusal *row = *state;
	struct proc proc;
	uint16_t port;
	char address[32], byte;
	int fd = net_listen(AF_INET, &port);

	close(fd);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_server", "-accept", address, "-cert", zoo("good.pem"),
		   "-key", zoo("good.key"), "-CAfile", zoo("ca.pem"), row->arguments[0],
		   row->arguments[1], row->arguments[2], NULL);
	free(proc_line(&proc, "ACCEPT"));
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	if (row->alpn)
		tls_set_text(fd, TLS_ALPN, row->alpn);
	if (row->version >= 0) {
		tls_set_int(fd, TLS_VERSION_MAX, row->version);
		tls_set_int(fd, TLS_VERSION_MIN, row->version);
	}
	/* In TLS 1.3 a client is done before its server has looked at it. */
	if (tls_connect(fd, AF_INET, port) == 0)
		assert_fails(recv(fd, &byte, 1, 0), EPROTO);
	else
		assert_int_equal(errno, EPROTO);
	assert_says(fd, what_is_said(row));
	close(fd);
	proc_kill(&proc);
}

/* Which certificate it is that s_client does not trust. */
static void client_refuses(void **state)
{
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
	char address[32], byte;

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-CAfile",
		   zoo("unknown-root.pem"), "-verify_return_error", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(fd, &byte, 1, 0), EPROTO);
	assert_says(fd, "the peer refused: alert \"CA is unknown\"");
	assert_says(fd, "; it does not trust the issuer of the certificate \"CN=Test good\" "
			"(issued by \"CN=Test Root\", valid from ");
	close(fd);
	close(listener);
	proc_finish(&proc);
}

/* Our own server tells a client that it wants a certificate, in words that both versions have. */
static void own_server_wants(void **state)
{
	struct ends e;

	(void)state;
	ends_open(&e, "good", "localhost");
	tls_set_text(e.listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	ends_meet(&e);
	assert_int_equal(e.error, EPROTO);
	assert_says(e.client, "it wants a certificate of this end");
	assert_says(e.server, "verifying the peer: the client showed no certificate");
	ends_close(&e);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(refusals) + 2] = {CASE(client_refuses),
							CASE(own_server_wants)};

	size_t n = 2;

	for (size_t i = 0; i < COUNT(refusals); i++)
		if (what_is_said(&refusals[i]))
			tests[n++] = ROW_CASE(refusals[i].title, server_refuses, ROW(refusals[i]));
	return compare_main("alerts", NULL, 0, tests, n);
}
