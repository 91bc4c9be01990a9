/* SPDX-License-Identifier: MIT */
/* What is derived from a connection: the same at both ends, with any peer, and nowhere else. */
#include "peer.h"
#include "trace.h"
#include <ctype.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { SIZE = 256 };

static int get_bytes(int fd, int option, unsigned char *bytes, socklen_t *len)
{
	memset(bytes, 0, SIZE);
	return getsockopt(fd, IPPROTO_TLS, option, bytes, len);
}

/* Both ends of the link have the same; it is put into bytes. */
static socklen_t both(const struct link *link, int option, socklen_t n, unsigned char *bytes)
{
	unsigned char other[SIZE];
	socklen_t len = n, other_len = n;

	assert_ok(get_bytes(link->client, option, bytes, &len));
	assert_ok(get_bytes(link->server, option, other, &other_len));
	assert_int_equal(len, other_len);
	assert_memory_equal(bytes, other, len);
	return len;
}

static void tell_both(const struct link *link, int option, const void *value, socklen_t len)
{
	assert_ok(setsockopt(link->client, IPPROTO_TLS, option, value, len));
	assert_ok(setsockopt(link->server, IPPROTO_TLS, option, value, len));
}

static void exporter(void **state)
{
	/* Label, and label with a context: none, an empty one, one with a NUL in it. */
	static const struct {
		const char *told;
		socklen_t len;
	} labels[] = {{"EXPORTER-a", 10},
		      {"EXPORTER-b", 10},
		      {"EXPORTER-a\0c", 12},
		      {"EXPORTER-a\0\0c", 13}};
	unsigned char values[COUNT(labels) + 1][SIZE];
	struct link link, second;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	link_open(&second, IPPROTO_TLS, AF_INET);
	for (size_t i = 0; i < COUNT(labels); i++) {
		tell_both(&link, TLS_EXPORTER, labels[i].told, labels[i].len);
		assert_int_equal(both(&link, TLS_EXPORTER, 32, values[i]), 32);
	}
	tell_both(&second, TLS_EXPORTER, labels[0].told, labels[0].len);
	assert_int_equal(both(&second, TLS_EXPORTER, 32, values[COUNT(labels)]), 32);
	for (size_t i = 0; i <= COUNT(labels); i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(values[i], values[j], 32);
	assert_int_equal(both(&link, TLS_EXPORTER, 200, values[0]), 200);
	assert_int_equal(both(&link, TLS_EXPORTER, 1, values[0]), 1);
	link_close(&link);
	link_close(&second);
}

static void bindings(void **state)
{
	unsigned char value[SIZE], again[SIZE], der[4096], digest[SHA256_DIGEST_LENGTH];
	bool tls13 = test_version() == TLS_1_3;
	socklen_t len = sizeof(value);
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_int_equal(both(&link, TLS_CHANNEL_BINDING, sizeof(value), value), 32);
	/* RFC 9266, 4.2: it is the exporter of this label, with no context. */
	tell_both(&link, TLS_EXPORTER, "EXPORTER-Channel-Binding\0", 24 + !tls13);
	assert_int_equal(both(&link, TLS_EXPORTER, 32, again), 32);
	assert_memory_equal(value, again, 32);
	tell_both(&link, TLS_CHANNEL_BINDING, "tls-server-end-point", 20);
	assert_int_equal(both(&link, TLS_CHANNEL_BINDING, sizeof(value), value), 32);
	/* RFC 5929, 4.1: the digest of the server's certificate. */
	len = sizeof(der);
	assert_ok(getsockopt(link.client, IPPROTO_TLS, TLS_PEER_CERTIFICATE, der, &len));
	SHA256(der, len, digest);
	assert_memory_equal(value, digest, sizeof(digest));
	tell_both(&link, TLS_CHANNEL_BINDING, "tls-unique", 10);
	len = sizeof(value);
	if (tls13)
		assert_fails(get_bytes(link.client, TLS_CHANNEL_BINDING, value, &len), EOPNOTSUPP);
	else
		assert_true(both(&link, TLS_CHANNEL_BINDING, sizeof(value), value) > 0);
	link_close(&link);
}

/* OpenSSL's words for the same. */
static void as_openssl(void **state)
{
	const char *version = test_version() == TLS_1_3 ? "-tls1_3" : "-tls1_2";
	unsigned char value[SIZE];
	char address[32], hex[2 * 32 + 1], *line;
	socklen_t len = 32;
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-servername", "localhost",
		   "-CAfile", zoo("ca.pem"), "-keymatexport", "EXPORTER-test", "-keymatexportlen",
		   "32", version, NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_EXPORTER, "EXPORTER-test", 13));
	assert_ok(get_bytes(fd, TLS_EXPORTER, value, &len));
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02X", value[i]);
	assert_string_equal(tls_get_text(fd, TLS_SERVER_NAME), "localhost");
	line = proc_line(&proc, "Keying material: ");
	assert_non_null(strstr(line, hex));
	free(line);
	close(fd);
	close(listener);
	proc_finish(&proc);
}

static void wrong(void **state)
{
	unsigned char value[SIZE];
	socklen_t len = SIZE;
	char label[251];
	struct link link;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	(void)state;
	memset(label, 'x', sizeof(label));
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_EXPORTER, label, 250), EINVAL);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_EXPORTER, "\0x", 2), EINVAL);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_CHANNEL_BINDING, "tls-other", 9), EINVAL);
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_EXPORTER, label, 249));
	assert_fails(get_bytes(fd, TLS_EXPORTER, value, &len), ENOTCONN);
	close(fd);
	link_open(&link, IPPROTO_TLS, AF_INET);
	len = 32;
	assert_fails(get_bytes(link.client, TLS_EXPORTER, value, &len), EINVAL);
	len = 4;
	assert_fails(get_bytes(link.client, TLS_CHANNEL_BINDING, value, &len), ERANGE);
	assert_int_equal(len, 32);
	assert_fails(get_bytes(link.client, TLS_SERVER_NAME, value, &len), ENOTCONN);
	assert_fails(get_bytes(link.server, TLS_PEER_CERTIFICATE, value, &len), ENOTCONN);
	link_close(&link);
}

static const struct CMUnitTest cases[] = {CASE(exporter), CASE(bindings), CASE(as_openssl),
					  CASE(wrong)};

int main(void)
{
	return compare_main("keys", NULL, 0, cases, COUNT(cases));
}
