/* SPDX-License-Identifier: MIT */
/* When the handshake runs: inline and deferred, at both ends, and who waits for whom. */
#include "peer.h"
#include "trace.h"
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

/* connect, then accept, in one thread: only a deferred client gets through. */
static void one_thread(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	int client = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), server;
	char buf[8];

	(void)state;
	tls_set_int(client, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	assert_int_equal(tls_get_int(client, TLS_HANDSHAKE_MODE), TLS_HANDSHAKE_DEFERRED);
	assert_ok(tls_connect(client, AF_INET, port));
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(client, "hello", 5, 0), 5);
	assert_int_equal(recv(server, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(send(server, "world", 5, 0), 5);
	assert_int_equal(recv(client, buf, sizeof(buf), 0), 5);
	assert_int_equal(tls_get_int(client, TLS_CHOSEN_VERSION), test_version());
	close(client);
	close(server);
	close(listener);
}

/* The same, the server's first call being the one that runs both handshakes. */
static void one_thread_server_first(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET6, IPPROTO_TLS, "good", &port);
	int client = tls_socket(AF_INET6, IPPROTO_TLS, "localhost"), server;
	char buf[8];

	(void)state;
	tls_set_int(client, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	assert_ok(tls_connect(client, AF_INET6, port));
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(server, "first", 5, 0), 5);
	assert_int_equal(recv(client, buf, sizeof(buf), 0), 5);
	close(client);
	close(server);
	close(listener);
}

/* A deferred client learns of a refusal in the call that needs the handshake. */
static void deferred_refusal(void **state)
{
	struct native_peer peer;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	(void)state;
	peer_listen(&peer, "openssl-peer", AF_INET, "wrong-name", "--connections", "1", NULL);
	tls_set_int(fd, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), EPROTO);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/*
 * accept() returns before the handshake: a client that is silent is not even
 * seen, one that sends a byte of its ClientHello keeps nobody waiting.
 */
static void nobody_waits(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), first, second;
	int silent = net_connect(AF_INET, port), slow = net_connect(AF_INET, port);
	struct native_peer peer;
	char buf[8];

	(void)state;
	assert_int_equal(send(slow, "\x16", 1, 0), 1);
	first = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(first, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	peer_connect(&peer, "gnutls-peer", AF_INET, port, "--mode", "source", "--bytes", "8", NULL);
	second = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(recv(second, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	assert_fails(recv(first, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	close(silent);
	close(slow);
	close(first);
	close(second);
	close(listener);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* Inline, accept gives only connections that have shaken hands, and drops the rest. */
static void inline_accept(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), stranger, server;
	struct native_peer peer;
	struct tls_info info;
	socklen_t length = sizeof(info);
	char *line;

	(void)state;
	tls_set_int(listener, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_INLINE);
	stranger = net_connect(AF_INET, port);
	assert_int_equal(send(stranger, "not a ClientHello at all", 24, 0), 24);
	peer_connect(&peer, "openssl-peer", AF_INET, port, "--mode", "sink", NULL);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	line = proc_line(&peer.proc, "handshake ok"); /* before any call on server */
	free(line);
	assert_ok(getsockopt(server, IPPROTO_TLS, TLS_INFO, &info, &length));
	assert_true(info.version == TLS_1_2 || info.version == TLS_1_3);
	close(stranger);
	close(server);
	close(listener);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* Zephyr's protocol numbers: accept is inline by default, and a refusal is ECONNABORTED. */
static void zephyr_numbers(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS_1_2, "good", &port), stranger, client;
	struct native_peer peer;

	(void)state;
	assert_int_equal(tls_get_int(listener, TLS_HANDSHAKE_MODE), TLS_HANDSHAKE_INLINE);
	stranger = net_connect(AF_INET, port);
	assert_int_equal(send(stranger, "not a ClientHello at all", 24, 0), 24);
	assert_fails(accept(listener, NULL, NULL), ECONNABORTED);
	close(stranger);
	close(listener);

	peer_listen(&peer, "gnutls-peer", AF_INET, "expired", "--connections", "1", NULL);
	client = tls_socket(AF_INET, IPPROTO_TLS_1_2, "localhost");
	assert_fails(tls_connect(client, AF_INET, peer.port), ECONNABORTED);
	close(client);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* The Zephyr numbers are minimums. */
static void minimum_version(void **state)
{
	static const struct {
		int protocol;
		const char *offered;
		int version; /* -1: refused */
	} rows[] = {
		{IPPROTO_TLS_1_0, "1.2", TLS_1_2}, {IPPROTO_TLS_1_1, "1.3", TLS_1_3},
		{IPPROTO_TLS_1_2, "1.2", TLS_1_2}, {IPPROTO_TLS_1_2, "1.3", TLS_1_3},
		{IPPROTO_TLS_1_3, "1.3", TLS_1_3}, {IPPROTO_TLS_1_3, "1.2", -1},
		{IPPROTO_TLS_1_0, "1.1", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct native_peer peer;
		int fd = tls_socket(AF_INET, rows[i].protocol, "localhost");

		peer_listen(&peer, "openssl-peer", AF_INET, "good", "--mode", "source", "--version",
			    rows[i].offered, "--connections", "1", NULL);
		if (rows[i].version < 0) {
			assert_fails(tls_connect(fd, AF_INET, peer.port), ECONNABORTED);
		} else {
			assert_ok(tls_connect(fd, AF_INET, peer.port));
			assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), rows[i].version);
		}
		close(fd);
		proc_finish(&peer.proc);
	}
}

static void bad_modes(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	int bad = 2;

	(void)state;
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE_MODE, &bad, sizeof(bad)), EINVAL);
	bad = -1;
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE_MODE, &bad, sizeof(bad)), EINVAL);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(one_thread),	CASE(one_thread_server_first),
		CASE(deferred_refusal), CASE(nobody_waits),
		CASE(inline_accept),	CASE(zephyr_numbers),
		CASE(minimum_version),	CASE(bad_modes),
	};

	return compare_main("modes", NULL, 0, tests, COUNT(tests));
}
