/* SPDX-License-Identifier: MIT */
/* Lists and stapled responses, against the tools that everybody has; and the options. */
#include "peer.h"
#include "trace.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tlssock.h>
#include <unistd.h>

static const char *version_of(const char *for_12, const char *for_13)
{
	return test_version() == TLS_1_2 ? for_12 : for_13;
}

/* A listener whose chain has a response; NULL: none. */
static int stapling_listener(const char *identity, const char *response, uint16_t *port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("%s.pem", identity));
	if (response)
		tls_set_text(fd, TLS_OCSP_RESPONSE, response);
	tls_set_text(fd, TLS_PRIVATE_KEY, zoo("%s.key", identity));
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 8));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

/* What s_client says it was stapled. */
static void expect_staple(int listener, uint16_t port, const char *said)
{
	struct proc proc;
	char address[32], c;
	int fd;

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-status", "-servername",
		   "localhost", "-CAfile", zoo("ca.pem"), version_of("-tls1_2", "-tls1_3"), NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	free(proc_line(&proc, said));
	close(proc.in);
	proc.in = -1;
	while (recv(fd, &c, 1, 0) > 0)
		continue;
	assert_ok(close(fd));
	proc_finish(&proc);
}

static void staples(void **state)
{
	static const struct {
		const char *response, *said;
	} rows[] = {
		{"revocable.ocsp", "Cert Status: good"},
		{"delegated.ocsp", "Cert Status: good"},
		{NULL, "OCSP response: no response sent"},
		{"aged.ocsp", "OCSP response: no response sent"},
		{"must-staple.ocsp", "OCSP response: no response sent"},
		{"try-later.ocsp", "OCSP response: no response sent"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t port;
		int listener = stapling_listener(
			"revocable", rows[i].response ? zoo("%s", rows[i].response) : NULL, &port);

		expect_staple(listener, port, rows[i].said);
		assert_ok(close(listener));
	}
}

static void not_where_told_so(void **state)
{
	uint16_t port;
	int listener = stapling_listener("revocable", zoo("revocable.ocsp"), &port);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	assert_int_equal(tls_get_int(listener, TLS_SERVER_OCSP_STAPLING), 1);
	close(fd);
	tls_set_int(listener, TLS_SERVER_OCSP_STAPLING, 0);
	expect_staple(listener, port, "OCSP response: no response sent");
	assert_ok(close(listener));
}

/* Each chain its own, also where the client's name chooses among them. */
static void staples_by_name(void **state)
{
	uint16_t port;
	int listener = stapling_listener("site", NULL, &port);

	(void)state;
	tls_set_text(listener, TLS_CERTIFICATE_CHAIN, zoo("revocable.pem"));
	tls_set_text(listener, TLS_OCSP_RESPONSE, zoo("revocable.ocsp"));
	tls_set_text(listener, TLS_PRIVATE_KEY, zoo("revocable.key"));
	expect_staple(listener, port, "Cert Status: good");
	assert_ok(close(listener));
}

static void copy(const char *from, const char *to)
{
	char bytes[65536], next[256];
	int in = (int)assert_ok(open(from, O_RDONLY)), out;
	ssize_t n = assert_ok(read(in, bytes, sizeof(bytes)));

	/* As it is done: whoever looks finds the old one or the new one. */
	snprintf(next, sizeof(next), "%s.next", to);
	out = (int)assert_ok(open(next, O_WRONLY | O_CREAT | O_TRUNC, 0600));
	assert_int_equal(write(out, bytes, (size_t)n), n);
	assert_ok(close(in));
	assert_ok(close(out));
	assert_ok(rename(next, to));
}

static const char *own_file(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/tlssock-revocation-%d", (int)getpid());
	return path;
}

static void reload(int listener)
{
	assert_ok(setsockopt(listener, IPPROTO_TLS, TLS_RELOAD, NULL, 0));
}

/* A new response is sent from then on; one that is no use is not, nor is the old one. */
static void staple_changes(void **state)
{
	static const struct {
		const char *response, *said;
	} rows[] = {
		{"aged.ocsp", "OCSP response: no response sent"},
		{"revocable.ocsp", "Cert Status: good"},
		{"junk.pem", "OCSP response: no response sent"},
		{"delegated.ocsp", "Cert Status: good"},
	};
	uint16_t port;
	int listener;

	(void)state;
	copy(zoo("revocable.ocsp"), own_file());
	listener = stapling_listener("revocable", own_file(), &port);
	for (size_t i = 0; i < COUNT(rows); i++) {
		copy(zoo("%s", rows[i].response), own_file());
		reload(listener);
		expect_staple(listener, port, rows[i].said);
	}
	assert_ok(unlink(own_file()));
	reload(listener);
	expect_staple(listener, port, "OCSP response: no response sent");
	assert_ok(close(listener));
}

/* gnutls-cli demands what the certificate demands. */
static void gnutls_cli(void **state)
{
	static const struct {
		const char *response, *said;
	} rows[] = {{"must-staple.ocsp", "Handshake was completed"},
		    {NULL, "requires the server to include an OCSP status"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct proc proc;
		uint16_t number;
		int listener = stapling_listener(
			"must-staple", rows[i].response ? zoo("%s", rows[i].response) : NULL,
			&number);
		char port[16], c;
		int fd;

		snprintf(port, sizeof(port), "%u", number);
		proc_start(&proc, "gnutls-cli", "--x509cafile", zoo("ca.pem"),
			   "--sni-hostname=localhost", "--verify-hostname=localhost", "--priority",
			   version_of("NORMAL:-VERS-ALL:+VERS-TLS1.2",
				      "NORMAL:-VERS-ALL:+VERS-TLS1.3"),
			   "--port", port, "127.0.0.1", NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		(void)!send(fd, "x", 1, MSG_NOSIGNAL);
		free(proc_line(&proc, rows[i].said));
		close(proc.in);
		proc.in = -1;
		while (recv(fd, &c, 1, 0) > 0)
			continue;
		assert_ok(close(fd));
		assert_ok(close(listener));
		proc_finish(&proc);
	}
}

struct server_row {
	const char *identity, *response, *refused;
};

static const struct server_row servers[] = {
	{"revocable", "revocable.ocsp", NULL},
	{"revocable", NULL, NULL},
	{"revoked", NULL, NULL},
	{"revoked", "revoked.ocsp",
	 "it was revoked on 2026-01-02 03:04 UTC (key compromise), says the OCSP responder"},
	{"revocable", "aged.ocsp", "it expired on 2020-"},
	{"revocable", "wrong-signer.ocsp", "it is not valid"},
	{"must-staple", "must-staple.ocsp", NULL},
	{"must-staple", NULL, "demands a stapled OCSP response"},
};

static void try_server(uint16_t port, const struct server_row *row, const char *program)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), ret;
	const char *text;

	ret = tls_connect(fd, AF_INET, port);
	text = tls_get_text(fd, TLS_ERROR);
	if (!row->refused && ret)
		fail_msg("%s: %s with %s: %s", program, row->identity, row->response, text);
	if (row->refused && (ret != -1 || errno != EPROTO || !strstr(text, row->refused)))
		fail_msg("%s: %s with %s: %d, %s", program, row->identity, row->response, ret,
			 text);
	assert_ok(close(fd));
}

static void s_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		const struct server_row *row = &servers[i];
		struct proc proc;
		char *line;

		proc_start(&proc, "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
			   zoo("%s.pem", row->identity), "-key", zoo("%s.key", row->identity),
			   "-naccept", "1", version_of("-tls1_2", "-tls1_3"),
			   row->response ? "-status_file" : NULL,
			   zoo("%s", row->response ? row->response : "."), NULL);
		line = proc_line(&proc, "ACCEPT 127.0.0.1:");
		try_server((uint16_t)atoi(strrchr(line, ':') + 1), row, "s_server");
		free(line);
		proc_kill(&proc);
	}
}

static void gnutls_serv(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		const struct server_row *row = &servers[i];
		struct proc proc;
		bool taken = true;
		uint16_t number;

		while (taken) {
			char port[16], *line;

			close(net_listen(AF_INET, &number));
			snprintf(port, sizeof(port), "%u", number);
			proc_start(&proc, "gnutls-serv", "--echo", "--port", port, "--x509certfile",
				   zoo("%s.pem", row->identity), "--x509keyfile",
				   zoo("%s.key", row->identity), "--ignore-ocsp-response-errors",
				   row->response ? "--ocsp-response" : NULL,
				   zoo("%s", row->response ? row->response : "."), NULL);
			line = proc_line(&proc, "listening on IPv4");
			taken = !strstr(line, "done");
			free(line);
			if (taken)
				proc_kill(&proc);
		}
		try_server(number, row, "gnutls-serv");
		proc_kill(&proc);
	}
}

/* What a list says from now on holds within a second, also for who was told of it before. */
static void list_changes(void **state)
{
	struct native_peer peer;
	unsigned long id = 0;
	int told, fd, ret = 0;

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET, "revoked", NULL);
	copy(zoo("crl-other.pem"), own_file());
	told = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	tls_set_text(told, TLS_CRL, own_file());
	tls_set_int(told, TLS_SESSION_REUSE, 0);
	assert_ok(getsockopt(told, IPPROTO_TLS, TLS_ID, &id, &(socklen_t){sizeof(id)}));
	for (bool changed = false; ret == 0; changed = true) {
		fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_CONTEXT, &id, sizeof(id)));
		ret = tls_connect(fd, AF_INET, peer.port);
		if (!changed)
			assert_ok(ret);
		if (!changed)
			copy(zoo("crl.pem"), own_file());
		if (ret < 0)
			assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "says the CRL of"));
		assert_ok(close(fd));
		/* The peer waits for who does not read what it says. */
		if (ret == 0)
			free(proc_next_line(&peer.proc, "end="));
	}
	assert_ok(close(told));
	assert_ok(unlink(own_file()));
	proc_kill(&peer.proc);
}

static void set_fails(int fd, int option, const char *value, int error)
{
	assert_fails(setsockopt(fd, IPPROTO_TLS, option, value, (socklen_t)strlen(value)), error);
}

static void options(void **state)
{
	static const struct {
		int option, otherwise, max;
	} rows[] = {
		{TLS_REVOCATION_CHECKS, TLS_REVOCATION_SOFT, TLS_REVOCATION_HARD},
		{TLS_OCSP_STAPLED_CHECKS, 1, 1},
		{TLS_OCSP_CHECKS, 0, 1},
		{TLS_CRL_CHECKS, 1, 1},
		{TLS_CACHED_REV_CHECKS, 1, 1},
		{TLS_SERVER_OCSP_STAPLING, 1, 1},
	};
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS)), value;
	socklen_t length = sizeof(value);
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(tls_get_int(fd, rows[i].option), rows[i].otherwise);
		for (int n = 0; n <= rows[i].max; n++) {
			tls_set_int(fd, rows[i].option, n);
			assert_int_equal(tls_get_int(fd, rows[i].option), n);
		}
		value = rows[i].max + 1;
		assert_fails(setsockopt(fd, SOL_TLS, rows[i].option, &value, length), EINVAL);
		assert_fails(setsockopt(fd, SOL_TLS, rows[i].option, &value, 1), EINVAL);
		value = 0;
		assert_fails(setsockopt(link.client, SOL_TLS, rows[i].option, &value, length),
			     EISCONN);
	}
	link_close(&link);
	set_fails(fd, TLS_CRL, "/does/not/exist", ENOENT);
	set_fails(fd, TLS_CRL, zoo("junk.pem"), EINVAL);
	set_fails(fd, TLS_CRL, zoo("empty.pem"), EINVAL);
	set_fails(fd, TLS_CRL, zoo("roots"), EINVAL);
	set_fails(fd, TLS_CRL, zoo("good.pem"), EINVAL);
	set_fails(fd, TLS_OCSP_RESPONSE, zoo("revocable.ocsp"), EINVAL); /* no chain yet */
	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("revocable.pem"));
	set_fails(fd, TLS_OCSP_RESPONSE, "/does/not/exist", ENOENT);
	set_fails(fd, TLS_OCSP_RESPONSE, zoo("crl.der"), EINVAL);
	set_fails(fd, TLS_OCSP_RESPONSE, zoo("empty.pem"), EINVAL);
	tls_set_text(fd, TLS_OCSP_RESPONSE, zoo("revocable.ocsp"));
	tls_set_text(fd, TLS_CRL, zoo("crl.pem"));
	tls_set_text(fd, TLS_CRL, zoo("crls"));
	assert_fails(getsockopt(fd, SOL_TLS, TLS_CRL, &value, &length), ENOPROTOOPT);
	assert_fails(getsockopt(fd, SOL_TLS, TLS_OCSP_RESPONSE, &value, &length), ENOPROTOOPT);
	assert_ok(close(fd));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(staples),	      CASE(staples_by_name), CASE(not_where_told_so),
		CASE(staple_changes), CASE(gnutls_cli),	     CASE(s_server),
		CASE(gnutls_serv),    CASE(list_changes),    CASE(options),
	};

	return compare_main("revocation", NULL, 0, tests, COUNT(tests));
}
