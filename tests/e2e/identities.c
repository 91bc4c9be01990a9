/* SPDX-License-Identifier: MIT */
/* Servers and clients whose identity is in DER, encrypted, or in a PKCS#11 token. */
#include "child.h"
#include "peer.h"
#include "trace.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

#pragma weak tls_credential_add
#pragma weak tls_credential_delete

#define TOKEN_CERT "pkcs11:token=zoo;object=good;type=cert"
#define TOKEN_KEY  "pkcs11:token=zoo;object=good;type=private"

/* Files of the zoo, or URLs. */
struct identity {
	const char *title, *passphrase, *chain, *key;
};

static const struct identity identities[] = {
	{"DER", NULL, "good.der", "good.pkcs8.der"},
	{"PBES2", "passphrase", "good.pem", "good.pbes2.key"},
	{"OpenSSL's encryption", "passphrase", "good.pem", "good.openssl.key"},
	{"encrypted DER", "passphrase", "good.der", "good.pbes2.der"},
	{"a token, the PIN in a file", "pin", TOKEN_CERT, TOKEN_KEY},
	{"a token, the PIN in the URL", NULL, TOKEN_CERT, TOKEN_KEY "?pin-value=1234"},
	{"a token with the key alone", "pin", "good.pem", TOKEN_KEY},
};

static void set(int fd, int option, const char *value)
{
	if (value)
		tls_set_text(fd, option, strncmp(value, "pkcs11:", 7) ? zoo("%s", value) : value);
}

static void set_identity(int fd, const struct identity *i)
{
	set(fd, TLS_KEY_PASSPHRASE_FILE, i->passphrase);
	set(fd, TLS_CERTIFICATE_CHAIN, i->chain);
	set(fd, TLS_PRIVATE_KEY, i->key);
}

static int listen_as(const struct identity *i, uint16_t *port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	set_identity(fd, i);
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 8));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

static int serve_one(void *listener)
{
	int fd = (int)assert_ok(accept(*(int *)listener, NULL, NULL));

	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 && close(fd) == 0 ? 0 : 1;
}

static void visit(uint16_t port)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	char c;

	assert_ok(tls_connect(fd, AF_INET, port));
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), test_version());
	assert_string_equal(tls_get_text(fd, TLS_PEER_IDENTITY), "CN=Test good");
	close(fd);
}

/* By this process's own child, twice: a token must be logged in to again after a fork. */
static void server(void **state)
{
	const struct identity *identity = *state;
	struct native_peer peer;
	uint16_t port;
	int listener = listen_as(identity, &port);
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		pid = child_start(serve_one, &listener);
		visit(port);
		assert_int_equal(child_finish(pid), 0);
	}
	/* And by the parent, after its children. */
	peer_connect(&peer, "openssl-peer", AF_INET, port, "--mode", "sink", NULL);
	assert_int_equal(serve_one(&listener), 0);
	assert_int_equal(proc_finish(&peer.proc), 0);
	close(listener);
}

static void client(void **state)
{
	static const struct identity identity = {NULL, "passphrase", "client.der",
						 "client.pbes2.key"};
	struct native_peer peer;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	char *line;

	(void)state;
	peer_listen(&peer, "openssl-peer", AF_INET, "good", "--verify-client", "--ca",
		    zoo("ca.pem"), "--connections", "1", NULL);
	set_identity(fd, &identity);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	line = proc_line(&peer.proc, "handshake");
	assert_non_null(strstr(line, "CN=Test Client"));
	free(line);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* A path as it was told; of a tag what was registered, DER too. */
static void read_back(void **state)
{
	static const sec_tag_t tag = 60;
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char der[4096], back[4096];
	socklen_t length = sizeof(back);
	FILE *f = fopen(zoo("good.der"), "re");
	size_t n = fread(der, 1, sizeof(der), f);

	(void)state;
	fclose(f);
	assert_fails(getsockopt(fd, IPPROTO_TLS, TLS_CERTIFICATE_CHAIN, back, &length), ENOTCONN);
	set(fd, TLS_CERTIFICATE_CHAIN, "good.der");
	assert_string_equal(tls_get_text(fd, TLS_CERTIFICATE_CHAIN), zoo("good.der"));
	assert_int_equal(tls_credential_add(tag, TLS_CREDENTIAL_PUBLIC_CERTIFICATE, der, n), 0);
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_SEC_TAG_LIST, &tag, sizeof(tag)));
	assert_int_equal(tls_credential_delete(tag, TLS_CREDENTIAL_PUBLIC_CERTIFICATE), 0);
	length = sizeof(back);
	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_CERTIFICATE_CHAIN, back, &length));
	assert_int_equal(length, n);
	assert_memory_equal(back, der, n);
	length = 10;
	assert_fails(getsockopt(fd, IPPROTO_TLS, TLS_CERTIFICATE_CHAIN, back, &length), ERANGE);
	assert_int_equal(length, n);
	close(fd);
}

static void refused(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	const char *key = zoo("good.pbes2.key"), *none = "/none/at/all";

	(void)state;
	set(fd, TLS_CERTIFICATE_CHAIN, "good.pem");
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_PRIVATE_KEY, key, (socklen_t)strlen(key)),
		     EACCES);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "TLS_KEY_PASSPHRASE_FILE"));
	assert_fails(
		setsockopt(fd, IPPROTO_TLS, TLS_KEY_PASSPHRASE_FILE, none, (socklen_t)strlen(none)),
		ENOENT);
	set(fd, TLS_KEY_PASSPHRASE_FILE, "wrong-passphrase");
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_PRIVATE_KEY, key, (socklen_t)strlen(key)),
		     EACCES);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "does not open it"));
	set(fd, TLS_KEY_PASSPHRASE_FILE, "passphrase");
	set(fd, TLS_PRIVATE_KEY, "good.pbes2.key");
	assert_fails(
		getsockopt(fd, IPPROTO_TLS, TLS_KEY_PASSPHRASE_FILE, (int[1]){0}, &(socklen_t){4}),
		ENOPROTOOPT);
	close(fd);
}

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

/* A copy of the token for this program: others that run beside it use, and lock, the same files. */
static bool copy_token(char *dir)
{
	char conf[64];

	if (!mkdtemp(dir) || shell("cp -r '%s/tokens' %s", zoo("%s", "."), dir) != 0 ||
	    shell("sed 's|^directories.tokendir.*|directories.tokendir = %s/tokens|' "
		  "'%s' > %s/softhsm2.conf",
		  dir, zoo("%s", "softhsm2.conf"), dir) != 0)
		return false;
	snprintf(conf, sizeof(conf), "%s/softhsm2.conf", dir);
	return setenv("SOFTHSM2_CONF", conf, 1) == 0;
}

int main(void)
{
	char dir[] = "/tmp/tlssock-token-XXXXXX";
	struct CMUnitTest tests[COUNT(identities) + 3];
	size_t n = 0;
	int failed;

	if (!copy_token(dir))
		return 1;

	for (; n < COUNT(identities); n++)
		tests[n] = ROW_CASE(identities[n].title, server, ROW(identities[n]));
	tests[n++] = (struct CMUnitTest)CASE(client);
	tests[n++] = (struct CMUnitTest)CASE(read_back);
	tests[n++] = (struct CMUnitTest)CASE(refused);
	failed = compare_main("identities", NULL, 0, tests, n);
	return shell("rm -rf %s", dir) == 0 ? failed : 1;
}
