/* SPDX-License-Identifier: MIT */
/* Certificates, keys and trust anchors: by path, by text, by tag, and unusable ones. */
#include "peer.h"
#include "trace.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tlssock.h>
#include <unistd.h>

/* Weak: the preloaded program is not linked with the library, and finds them all the same. */
#pragma weak tls_credential_add
#pragma weak tls_credential_get
#pragma weak tls_credential_delete

static int tls(void)
{
	return (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
}

static int set(int fd, int option, const char *text)
{
	return setsockopt(fd, IPPROTO_TLS, option, text, (socklen_t)strlen(text));
}

/* The contents of a file of the zoo, with a NUL after it, to be freed. */
static char *slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *text;

	assert_ok(fd);
	assert_ok(fstat(fd, &status));
	*size = (size_t)status.st_size;
	text = calloc(1, *size + 1);
	assert_int_equal(read(fd, text, *size), *size);
	close(fd);
	return text;
}

/* One option, one bad value, one error, at the call that brought it. */
static const struct bad {
	const char *title;
	int option;
	const char *file;
	int error;
} bads[] = {
	{"trust: no such file", TLS_TRUSTED_PEER_CERTIFICATES, "no-such-file.pem", ENOENT},
	{"trust: not PEM", TLS_TRUSTED_PEER_CERTIFICATES, "junk.pem", EINVAL},
	{"trust: empty", TLS_TRUSTED_PEER_CERTIFICATES, "empty.pem", EINVAL},
	{"trust: only a key", TLS_TRUSTED_PEER_CERTIFICATES, "good.key", EINVAL},
	{"chain: no such file", TLS_CERTIFICATE_CHAIN, "no-such-file.pem", ENOENT},
	{"chain: not PEM", TLS_CERTIFICATE_CHAIN, "junk.pem", EINVAL},
	{"chain: empty", TLS_CERTIFICATE_CHAIN, "empty.pem", EINVAL},
	{"chain: a directory", TLS_CERTIFICATE_CHAIN, "roots", EINVAL},
	{"key: no such file", TLS_PRIVATE_KEY, "no-such-file.key", ENOENT},
	{"key: not PEM", TLS_PRIVATE_KEY, "junk.pem", EINVAL},
	{"key: a certificate", TLS_PRIVATE_KEY, "ca.pem", EINVAL},
	{"key: of another certificate", TLS_PRIVATE_KEY, "client.key", EPROTO},
};

static void bad_value(void **state)
{
	const struct bad *row = *state;
	int fd = tls();

	if (row->option == TLS_PRIVATE_KEY)
		tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("good.pem"));
	assert_fails(set(fd, row->option, zoo("%s", row->file)), row->error);
	assert_ok(close(fd));
}

/* After an error the socket can still be given what is right. */
static void usable_after(void **state)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	int fd = tls();

	(void)state;
	assert_fails(set(fd, TLS_PRIVATE_KEY, zoo("good.key")), EINVAL); /* no chain yet */
	assert_fails(set(fd, TLS_CERTIFICATE_CHAIN, zoo("junk.pem")), EINVAL);
	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("good.pem"));
	assert_fails(set(fd, TLS_PRIVATE_KEY, zoo("client.key")), EPROTO);
	tls_set_text(fd, TLS_PRIVATE_KEY, zoo("good.key"));
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 1));
	close(fd);
}

static void no_identity(void **state)
{
	static const int protocols[] = {IPPROTO_TLS, IPPROTO_TLS_1_2};

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		union net_address address;
		socklen_t length = net_loopback(&address, AF_INET, 0);
		int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, protocols[i]));

		assert_ok(bind(fd, &address.any, length));
		assert_fails(listen(fd, 1), ENOKEY);
		assert_true(strlen(tls_get_text(fd, TLS_ERROR)) > 10);
		/* A chain alone is no identity either. */
		tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("good.pem"));
		assert_fails(listen(fd, 1), ENOKEY);
		tls_set_text(fd, TLS_PRIVATE_KEY, zoo("good.key"));
		assert_ok(listen(fd, 1));
		close(fd);
	}
}

/* Give a listening socket its identity in some way, and be verified by a peer. */
static void serve_one(int listener, const char *peer_program)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	struct native_peer peer;
	char buf[4];
	int fd;

	assert_ok(bind(listener, &address.any, length));
	assert_ok(listen(listener, 8));
	assert_ok(getsockname(listener, &address.any, &length));
	peer_connect(&peer, peer_program, AF_INET, ntohs(address.in.sin_port), "--mode", "source",
		     "--bytes", "4", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	close(fd);
	close(listener);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* PEM text in the option itself, with its NUL and without. */
static void by_text(void **state)
{
	size_t chain_size, key_size;
	char *chain = slurp(zoo("chained.pem"), &chain_size);
	char *key = slurp(zoo("chained.key"), &key_size);

	(void)state;
	for (size_t with_nul = 0; with_nul < 2; with_nul++) {
		int fd = tls();

		assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_CERTIFICATE_CHAIN, chain,
				     (socklen_t)(chain_size + with_nul)));
		assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_PRIVATE_KEY, key,
				     (socklen_t)(key_size + with_nul)));
		serve_one(fd, with_nul ? "gnutls-peer" : "openssl-peer");
	}
	free(chain);
	free(key);
}

/* Trust anchors: a file with two, a directory, text. */
static void trust(void **state)
{
	size_t size;
	char *text = slurp(zoo("ca.pem"), &size);
	char two[600], roots[600];
	const char *values[] = {two, roots, text};

	(void)state;
	snprintf(two, sizeof(two), "%s", zoo("two-roots.pem"));
	snprintf(roots, sizeof(roots), "%s", zoo("roots"));
	for (size_t i = 0; i < COUNT(values); i++) {
		struct native_peer peer;
		int fd = tls();

		peer_listen(&peer, "openssl-peer", AF_INET, "good", "--connections", "1", NULL);
		assert_ok(set(fd, TLS_TRUSTED_PEER_CERTIFICATES, values[i]));
		tls_set_text(fd, TLS_HOSTNAME, "localhost");
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		close(fd);
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
	free(text);
}

/* A server that names its trust anchors wants a certificate, and says who came. */
static void client_certificate(void **state)
{
	static const struct {
		const char *cert;
		int peer_verify; /* -1: as it is by default */
		int error;
	} rows[] = {
		{"client", -1, 0},
		{NULL, -1, EPROTO},
		{"unknown-root", -1, EPROTO},
		{"wrong-name", -1, EPROTO}, /* a server's certificate */
		{NULL, TLS_PEER_VERIFY_OPTIONAL, 0},
		{"unknown-root", TLS_PEER_VERIFY_OPTIONAL, 0},
		{NULL, TLS_PEER_VERIFY_NONE, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct native_peer peer;
		const char *cert = rows[i].cert;
		uint16_t port;
		int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
		char c;

		tls_set_text(listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
		if (rows[i].peer_verify >= 0)
			tls_set_int(listener, TLS_PEER_VERIFY, rows[i].peer_verify);
		peer_connect(&peer, "gnutls-peer", AF_INET, port, "--mode", "source", "--bytes",
			     "1", cert ? "--cert" : NULL, zoo("%s.pem", cert ? cert : ""), "--key",
			     zoo("%s.key", cert ? cert : ""), NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		if (rows[i].error)
			assert_fails(recv(fd, &c, 1, 0), rows[i].error);
		else
			assert_int_equal(recv(fd, &c, 1, 0), 1);
		if (i == 0)
			assert_string_equal(tls_get_text(fd, TLS_PEER_IDENTITY), "CN=Test Client");
		close(fd);
		close(listener);
		proc_finish(&peer.proc);
	}
}

/* The other way: we are the client with a certificate. */
static void own_certificate(void **state)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};

	(void)state;
	for (size_t i = 0; i < COUNT(programs); i++) {
		struct native_peer peer;
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		char *line;

		peer_listen(&peer, programs[i], AF_INET, "good", "--verify-client", "--ca",
			    zoo("ca.pem"), "--connections", "1", NULL);
		tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("client.pem"));
		tls_set_text(fd, TLS_PRIVATE_KEY, zoo("client.key"));
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		line = proc_line(&peer.proc, "handshake");
		assert_non_null(strstr(line, "CN=Test Client"));
		free(line);
		close(fd);
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
}

/* Several chains: the client's name chooses. */
static void several_chains(void **state)
{
	static const char *const names[] = {"a.example.test", "exact.example.test"};
	static const char *const subjects[] = {"CN=Test multi-san", "CN=Test exact"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		uint16_t port;
		int listener = tls_listen(AF_INET, IPPROTO_TLS, "multi-san", &port), server;
		int client = tls_socket(AF_INET, IPPROTO_TLS, names[i]);
		struct connecting connecting;

		tls_set_text(listener, TLS_CERTIFICATE_CHAIN, zoo("exact.pem"));
		tls_set_text(listener, TLS_PRIVATE_KEY, zoo("exact.key"));
		connecting_start(&connecting, client, AF_INET, port);
		server = (int)assert_ok(accept(listener, NULL, NULL));
		assert_string_equal(tls_get_text(server, TLS_HOSTNAME), names[i]);
		assert_ok(connecting_finish(&connecting));
		assert_string_equal(tls_get_text(client, TLS_PEER_IDENTITY), subjects[i]);
		close(client);
		close(server);
		close(listener);
	}
}

static void tag_errors(void **state)
{
	char buf[8];
	size_t size = sizeof(buf);

	(void)state;
	assert_int_equal(tls_credential_add(7, (enum tls_credential_type)99, "x", 1), -EINVAL);
	assert_int_equal(tls_credential_add(7, TLS_CREDENTIAL_PSK, NULL, 0), -EINVAL);
	assert_int_equal(tls_credential_get(7, TLS_CREDENTIAL_PSK, buf, &size), -ENOENT);
	assert_int_equal(size, 0);
	assert_int_equal(tls_credential_delete(7, TLS_CREDENTIAL_PSK), -ENOENT);
	assert_int_equal(tls_credential_add(7, TLS_CREDENTIAL_PSK_ID, "identity", 8), 0);
	assert_int_equal(tls_credential_add(7, TLS_CREDENTIAL_PSK_ID, "identity", 8), -EEXIST);
	size = 3;
	assert_int_equal(tls_credential_get(7, TLS_CREDENTIAL_PSK_ID, buf, &size), -EFBIG);
	assert_int_equal(size, 8);
	assert_int_equal(tls_credential_get(7, TLS_CREDENTIAL_PSK_ID, buf, &size), 0);
	assert_memory_equal(buf, "identity", 8);
	assert_int_equal(tls_credential_delete(7, TLS_CREDENTIAL_PSK_ID), 0);
	assert_int_equal(tls_credential_delete(7, TLS_CREDENTIAL_PSK_ID), -ENOENT);
}

static void add(sec_tag_t tag, enum tls_credential_type type, const char *path)
{
	size_t size;
	char *text = slurp(path, &size);

	assert_int_equal(tls_credential_add(tag, type, text, size), 0);
	memset(text, 'x', size); /* it was copied */
	free(text);
}

static int set_tags(int fd, const sec_tag_t *tags, size_t count)
{
	return setsockopt(fd, IPPROTO_TLS, TLS_SEC_TAG_LIST, tags,
			  (socklen_t)(count * sizeof(*tags)));
}

static void tags_serve(void **state)
{
	static const sec_tag_t both[] = {21, 22}, unknown[] = {21, 9999};
	int fd = tls();

	(void)state;
	add(21, TLS_CREDENTIAL_SERVER_CERTIFICATE, zoo("good.pem"));
	add(21, TLS_CREDENTIAL_PRIVATE_KEY, zoo("good.key"));
	add(22, TLS_CREDENTIAL_CA_CERTIFICATE, zoo("ca.pem"));
	assert_fails(set_tags(fd, unknown, 2), ENOENT);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_SEC_TAG_LIST, both, 3), EINVAL);
	tls_set_int(fd, TLS_PEER_VERIFY, TLS_PEER_VERIFY_OPTIONAL);
	assert_ok(set_tags(fd, both, 2));
	for (int type = TLS_CREDENTIAL_PUBLIC_CERTIFICATE; type <= TLS_CREDENTIAL_PRIVATE_KEY;
	     type++)
		assert_int_equal(tls_credential_delete(21, (enum tls_credential_type)type), 0);
	assert_int_equal(tls_credential_delete(22, TLS_CREDENTIAL_CA_CERTIFICATE), 0);
	serve_one(fd, "openssl-peer"); /* with the copy that the socket keeps */
}

static void tags_connect(void **state)
{
	static const sec_tag_t tag[] = {23};
	struct native_peer peer;
	int fd = tls();

	(void)state;
	add(23, TLS_CREDENTIAL_CA_CERTIFICATE, zoo("ca.pem"));
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--connections", "1", NULL);
	assert_ok(set_tags(fd, tag, 1));
	tls_set_text(fd, TLS_HOSTNAME, "localhost");
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	close(fd);
	assert_int_equal(tls_credential_delete(23, TLS_CREDENTIAL_CA_CERTIFICATE), 0);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* What the bytes are is looked at when a socket is given the tag. */
static void tag_unusable(void **state)
{
	static const sec_tag_t tag[] = {24};
	int fd = tls();

	(void)state;
	assert_int_equal(tls_credential_add(24, TLS_CREDENTIAL_CA_CERTIFICATE, "junk", 4), 0);
	assert_fails(set_tags(fd, tag, 1), EINVAL);
	assert_int_equal(tls_credential_delete(24, TLS_CREDENTIAL_CA_CERTIFICATE), 0);
	close(fd);
}

static void tag_key_can_be_read(void **state)
{
	char buf[4096];
	size_t size = sizeof(buf);

	(void)state;
	add(25, TLS_CREDENTIAL_PRIVATE_KEY, zoo("good.key"));
	assert_int_equal(tls_credential_get(25, TLS_CREDENTIAL_PRIVATE_KEY, buf, &size), 0);
	assert_true(size > 0);
	assert_int_equal(tls_credential_delete(25, TLS_CREDENTIAL_PRIVATE_KEY), 0);
}

static const struct CMUnitTest others[] = {
	CASE(usable_after),   CASE(no_identity),	CASE(by_text),
	CASE(trust),	      CASE(client_certificate), CASE(own_certificate),
	CASE(several_chains), CASE(tag_errors),		CASE(tags_serve),
	CASE(tags_connect),   CASE(tag_unusable),	CASE(tag_key_can_be_read),
};

int main(void)
{
	struct CMUnitTest tests[COUNT(bads) + COUNT(others)];
	size_t n = 0;

	for (; n < COUNT(bads); n++)
		tests[n] = ROW_CASE(bads[n].title, bad_value, ROW(bads[n]));
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return compare_main("credentials", NULL, 0, tests, n);
}
