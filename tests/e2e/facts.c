/* SPDX-License-Identifier: MIT */
/* What a connection tells about itself: TLS_INFO, ALPN, names, certificates. */
#include "peer.h"
#include "trace.h"
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static struct tls_info info_of(int fd)
{
	struct tls_info info;
	socklen_t size = sizeof(info);

	memset(&info, 0xee, sizeof(info));
	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_INFO, &info, &size));
	assert_int_equal(size, sizeof(info));
	return info;
}

static void info(void **state)
{
	struct link link;
	struct tls_info client, server;
	char buf[100] = {0};

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_int_equal(send(link.client, buf, 100, 0), 100);
	assert_int_equal(recv(link.server, buf, 100, 0), 100);
	assert_int_equal(send(link.server, buf, 7, 0), 7);
	assert_int_equal(recv(link.client, buf, 100, 0), 7);
	client = info_of(link.client);
	server = info_of(link.server);
	assert_int_equal(client.version, test_version());
	assert_int_equal(server.version, test_version());
	assert_int_equal(client.cipher, server.cipher);
	assert_in_range(client.cipher, 0x1301, 0xcfff);
	assert_string_equal(client.cipher_name, server.cipher_name);
	assert_string_equal(client.cipher_name, tls_get_text(link.client, TLS_CHOSEN_CIPHER));
	assert_true(strncmp(client.cipher_name, "TLS_", 4) == 0);
	assert_true(client.group[0] && client.signature[0]);
	assert_int_equal(client.verified, 1);
	assert_int_equal(server.verified, 0);
	assert_int_equal(client.resumed, 0);
	assert_int_equal(client.early_data, 0);
	assert_int_equal(client.reserved, 0);
	assert_int_equal(client.bytes_out, 100);
	assert_int_equal(server.bytes_in, 100);
	assert_int_equal(server.bytes_out, 7);
	assert_int_equal(client.bytes_in, 7);
	assert_int_equal(client.records_out, 1);
	assert_int_equal(server.records_in, 1);
	link_close(&link);
}

/* A program of an older header asks for less, one of a newer for more. */
static void info_sizes(void **state)
{
	struct link link;
	char bytes[sizeof(struct tls_info) + 64];
	socklen_t size = 8;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	memset(bytes, 0xee, sizeof(bytes));
	assert_ok(getsockopt(link.client, IPPROTO_TLS, TLS_INFO, bytes, &size));
	assert_int_equal(size, 8);
	assert_int_equal((unsigned char)bytes[8], 0xee);
	size = sizeof(bytes);
	assert_ok(getsockopt(link.client, IPPROTO_TLS, TLS_INFO, bytes, &size));
	assert_int_equal(size, sizeof(struct tls_info));
	assert_int_equal((unsigned char)bytes[sizeof(struct tls_info)], 0xee);
	link_close(&link);
}

static void peer_certificate(void **state)
{
	struct link link;
	char value[64];
	socklen_t size = sizeof(value);
	const char *chain;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_string_equal(tls_get_text(link.client, TLS_PEER_IDENTITY), "CN=Test good");
	chain = tls_get_text(link.client, TLS_PEER_CERTIFICATE_CHAIN);
	assert_true(strncmp(chain, "-----BEGIN CERTIFICATE-----", 27) == 0);
	assert_string_equal(tls_get_text(link.client, TLS_HOSTNAME), "localhost");
	assert_string_equal(tls_get_text(link.server, TLS_HOSTNAME), "localhost");
	/* The client has shown none. */
	assert_true(getsockopt(link.server, IPPROTO_TLS, TLS_PEER_IDENTITY, value, &size) < 0);
	link_close(&link);
}

static void whole_chain(void **state)
{
	struct native_peer peer;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), count = 0;

	(void)state;
	peer_listen(&peer, "openssl-peer", AF_INET, "long-chain", "--connections", "1", NULL);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	for (const char *p = tls_get_text(fd, TLS_PEER_CERTIFICATE_CHAIN);
	     (p = strstr(p, "BEGIN CERTIFICATE")); p++)
		count++;
	assert_int_equal(count, 5);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static const struct agreement {
	const char *title, *ours, *theirs, *agreed; /* NULL: refused */
} agreements[] = {
	{"ALPN: ours", "h2", "h2", "h2"},
	{"ALPN: the server chooses by its order", "x,y", "y,x", "y"},
	{"ALPN: one in common", "a,b,c", "c", "c"},
	{"ALPN: none in common", "a,b", "c", NULL},
};

/* Our client to a server that has an order of its own. */
static void alpn_client(void **state)
{
	const struct agreement *row = *state;
	struct native_peer peer;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	peer_listen(&peer, "openssl-peer", AF_INET, "good", "--alpn", row->theirs, "--connections",
		    "1", NULL);
	tls_set_text(fd, TLS_ALPN, row->ours);
	assert_string_equal(tls_get_text(fd, TLS_ALPN), row->ours);
	if (row->agreed) {
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		assert_string_equal(tls_get_text(fd, TLS_ALPN), row->agreed);
	} else {
		assert_fails(tls_connect(fd, AF_INET, peer.port), EPROTO);
	}
	close(fd);
	proc_finish(&peer.proc);
}

/* Our server, with the list in Zephyr's form. */
static void alpn_server(void **state)
{
	static const char *const list[] = {"y", "x", NULL};
	const struct agreement *row = *state;
	const char **back = NULL;
	struct native_peer peer;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
	socklen_t size = sizeof(back);
	char *line, c;

	assert_ok(setsockopt(listener, IPPROTO_TLS, TLS_ALPN_LIST, list, sizeof(list)));
	assert_string_equal(tls_get_text(listener, TLS_ALPN), "y,x");
	size = sizeof(list);
	back = calloc(3, sizeof(*back));
	assert_ok(getsockopt(listener, IPPROTO_TLS, TLS_ALPN_LIST, back, &size));
	assert_string_equal(back[0], "y");
	assert_string_equal(back[1], "x");
	free(back);
	peer_connect(&peer, row->theirs, AF_INET, port, "--alpn", row->ours, "--mode", "source",
		     "--bytes", "1", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_string_equal(tls_get_text(fd, TLS_ALPN), row->agreed);
	line = proc_line(&peer.proc, "handshake ok");
	assert_non_null(strstr(line, row->agreed[0] == 'x' ? "alpn=x " : "alpn=y "));
	free(line);
	close(fd);
	close(listener);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static const struct agreement with_our_server[] = {
	{"ALPN: our order, gnutls", "x,y", "gnutls-peer", "y"},
	{"ALPN: our order, openssl", "x,y", "openssl-peer", "y"},
	{"ALPN: what is left", "z,x", "openssl-peer", "x"},
};

static void bad_alpn(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char long_name[300];

	(void)state;
	/* What GnuTLS has room for is known when it is set, and not by the first connect. */
	memset(long_name, 'p', sizeof(long_name));
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, long_name, sizeof(long_name)), EINVAL);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, long_name, 32), EINVAL);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "1 to 31 bytes"));
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, "1,2,3,4,5,6,7,8,9", 17), EINVAL);
	assert_string_equal(tls_get_text(fd, TLS_ALPN), "");
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, "1,2,3,4,5,6,7,8", 15));
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, long_name, 31));
	assert_fails(tls_connect(fd, AF_INET, 1), ECONNREFUSED);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, "a,,b", 4), EINVAL);
	close(fd);
}

/* The text of a failure says who, which step, what. */
static void error_text(void **state)
{
	struct native_peer peer;
	int fd = tls_socket(AF_INET6, IPPROTO_TLS, "other.test");
	const char *text;

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET6, "good", "--connections", "1", NULL);
	assert_fails(tls_connect(fd, AF_INET6, peer.port), EPROTO);
	text = tls_get_text(fd, TLS_ERROR);
	assert_non_null(strstr(text, "::1"));
	assert_non_null(strstr(text, "verifying"));
	assert_non_null(strstr(text, "other.test"));
	assert_non_null(strstr(text, "CN=Test good"));
	close(fd);
	proc_finish(&peer.proc);
}

/* A name that GnuTLS cannot ask for: that is said, and not that memory ran out. */
static void error_text_of_preparing(void **state)
{
	uint16_t port;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "not\xffutf8"), listener;
	const char *text;

	(void)state;
	listener = net_listen(AF_INET, &port);
	assert_true(tls_connect(fd, AF_INET, port) < 0);
	text = tls_get_text(fd, TLS_ERROR);
	assert_non_null(strstr(text, "preparing TLS"));
	assert_null(strstr(text, "memory"));
	close(fd);
	close(listener);
}

static const struct CMUnitTest others[] = {CASE(error_text_of_preparing),
					   CASE(info),
					   CASE(info_sizes),
					   CASE(peer_certificate),
					   CASE(whole_chain),
					   CASE(bad_alpn),
					   CASE(error_text)};

int main(void)
{
	struct CMUnitTest tests[COUNT(others) + COUNT(agreements) + COUNT(with_our_server)];
	size_t n = 0;

	for (; n < COUNT(others); n++)
		tests[n] = others[n];
	for (size_t i = 0; i < COUNT(agreements); i++)
		tests[n++] = ROW_CASE(agreements[i].title, alpn_client, ROW(agreements[i]));
	for (size_t i = 0; i < COUNT(with_our_server); i++)
		tests[n++] =
			ROW_CASE(with_our_server[i].title, alpn_server, ROW(with_our_server[i]));
	return compare_main("facts", NULL, 0, tests, n);
}
