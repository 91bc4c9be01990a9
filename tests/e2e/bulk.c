/* SPDX-License-Identifier: MIT */
/* 200 connections in sequence and 50 at once, a megabyte each way, byte for byte. */
#include "peer.h"
#include "stream.h"
#include "trace.h"
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

#define BYTES	   1000000
#define BYTES_TEXT "1000000"

static char *data;

/* In threads nothing may assert: what is wrong is returned, NULL if nothing is. */
static const char *send_all(int fd)
{
	size_t sent = 0;

	while (sent < BYTES) {
		ssize_t n = send(fd, data + sent, BYTES - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return "send";
		sent += (size_t)n;
	}
	return NULL;
}

static const char *receive_all(int fd)
{
	char buf[16384];
	size_t at = 0;

	while (at < BYTES) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n <= 0)
			return n < 0 ? "recv" : "recv: an early end";
		if (at + (size_t)n > BYTES || memcmp(buf, data + at, (size_t)n) != 0)
			return "recv: wrong bytes";
		at += (size_t)n;
	}
	return NULL;
}

static const char *talk(int fd, uint16_t port)
{
	const char *wrong = "connect";
	char c;

	if (tls_connect(fd, AF_INET, port) == 0)
		wrong = send_all(fd);
	if (!wrong)
		wrong = receive_all(fd);
	if (!wrong && recv(fd, &c, 1, 0) != 0)
		wrong = "recv: no end";
	return wrong;
}

static const char *answer(int fd)
{
	const char *wrong = receive_all(fd);

	return wrong ? wrong : send_all(fd);
}

static void in_sequence(void **state)
{
	const char *program = *state;
	struct native_peer peer;
	size_t early = 0;

	peer_listen(&peer, program, AF_INET, "good", "--mode", "answer", "--bytes", BYTES_TEXT,
		    NULL);
	for (int i = 0; i < 100; i++) {
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		const char *wrong = talk(fd, peer.port);

		if (wrong)
			fail_msg("connection %d: %s: %s", i, wrong, tls_get_text(fd, TLS_ERROR));
		assert_ok(close(fd));
		if (i == 20)
			early = mallinfo2().uordblks;
	}
	/* 79 connections more than then: 64 KB kept by each would be 5 MB. */
	if (early + 5000000 < mallinfo2().uordblks)
		fail_msg("%zu bytes of heap at the 20th connection, %zu at the last", early,
			 mallinfo2().uordblks);
	proc_kill(&peer.proc);
}

struct worker {
	pthread_t thread;
	int fd;
	uint16_t port;
	const char *wrong;
};

static void *run_client(void *arg)
{
	struct worker *w = arg;

	w->wrong = talk(w->fd, w->port);
	return NULL;
}

static void *run_server(void *arg)
{
	struct worker *w = arg;

	w->wrong = answer(w->fd);
	close(w->fd);
	return NULL;
}

#define CROWD 50

static void start_clients(struct worker *workers, uint16_t port)
{
	for (int i = 0; i < CROWD; i++) {
		workers[i].fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		workers[i].port = port;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, run_client, &workers[i]),
				 0);
	}
}

static void finish_clients(struct worker *workers)
{
	for (int i = 0; i < CROWD; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 0; i < CROWD; i++) {
		if (workers[i].wrong)
			fail_msg("client %d: %s: %s", i, workers[i].wrong,
				 tls_get_text(workers[i].fd, TLS_ERROR));
		assert_ok(close(workers[i].fd));
	}
}

static void at_once(void **state)
{
	static struct worker workers[CROWD];
	const char *program = *state;
	struct native_peer peer;

	peer_listen(&peer, program, AF_INET, "good", "--mode", "answer", "--bytes", BYTES_TEXT,
		    "--threads", "--connections", "50", NULL);
	start_clients(workers, peer.port);
	finish_clients(workers);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* The same with our own server, a thread a connection. */
static void at_once_ours(void **state)
{
	static struct worker clients[CROWD], servers[CROWD];
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

	(void)state;
	start_clients(clients, port);
	for (int i = 0; i < CROWD; i++) {
		servers[i].fd = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(pthread_create(&servers[i].thread, NULL, run_server, &servers[i]),
				 0);
	}
	for (int i = 0; i < CROWD; i++)
		pthread_join(servers[i].thread, NULL);
	finish_clients(clients);
	for (int i = 0; i < CROWD; i++) {
		if (servers[i].wrong)
			fail_msg("server %d: %s", i, servers[i].wrong);
	}
	assert_ok(close(listener));
}

static void in_sequence_ours(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct worker client = {.fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"),
					.port = port};
		const char *wrong;
		int server;

		assert_int_equal(pthread_create(&client.thread, NULL, run_client, &client), 0);
		server = (int)assert_ok(accept(listener, NULL, NULL));
		wrong = answer(server);
		assert_ok(close(server));
		pthread_join(client.thread, NULL);
		if (wrong || client.wrong)
			fail_msg("connection %d: %s", i, wrong ? wrong : client.wrong);
		assert_ok(close(client.fd));
	}
	assert_ok(close(listener));
}

int main(void)
{
	static char gnutls[] = "gnutls-peer", openssl[] = "openssl-peer";
	const struct CMUnitTest tests[] = {
		ROW_CASE("100 in sequence, gnutls", in_sequence, gnutls),
		ROW_CASE("100 in sequence, openssl", in_sequence, openssl),
		ROW_CASE("50 at once, gnutls", at_once, gnutls),
		ROW_CASE("50 at once, openssl", at_once, openssl),
		CASE(in_sequence_ours),
		CASE(at_once_ours),
	};
	int ret;

	data = malloc(BYTES);
	stream_fill(0, data, BYTES);
	ret = compare_main("bulk", NULL, 0, tests, COUNT(tests));
	free(data);
	return ret;
}
