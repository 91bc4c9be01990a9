/* SPDX-License-Identifier: MIT */
/* ioctl: what is there to be read, what is not acknowledged yet, and the rest. */
#include "gate.h"
#include "proc.h"
#include "settle.h"
#include "stream.h"
#include "trace.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <tlssock.h>
#include <unistd.h>

static int ask(struct trace *t, int fd, unsigned long request)
{
	int n = -7;

	NAMED(t, "ioctl", ioctl(fd, request, &n));
	trace_note(t, "\t%lx: %d\n", request, n);
	return n;
}

static void send_and_settle(struct link *l, const void *data, size_t n)
{
	assert_int_equal(send(l->client, data, n, 0), n);
	settle(l->client, l->server);
}

/* All records, not the first; the same after a part was read, peeked at or thrown away. */
static void counts(struct link *l, struct trace *t)
{
	static char bytes[50000];

	ask(t, l->server, FIONREAD);
	for (size_t n = 1; n < sizeof(bytes); n = n * 3 + 1) {
		send_and_settle(l, bytes, n);
		ask(t, l->server, FIONREAD);
		CALL(t, recv(l->server, bytes, n / 2, MSG_DONTWAIT));
		ask(t, l->server, FIONREAD);
		CALL(t, recv(l->server, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT));
		ask(t, l->server, SIOCINQ);
		CALL(t, recv(l->server, NULL, 1, MSG_TRUNC | MSG_DONTWAIT));
		ask(t, l->server, FIONREAD);
	}
	CALL(t, recv(l->server, bytes, sizeof(bytes), MSG_DONTWAIT));
	ask(t, l->server, FIONREAD);
	CALL(t, poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, 0));
}

static void counts_many_records(struct link *l, struct trace *t)
{
	char bytes[8000];

	for (int i = 0; i < 2000; i++)
		assert_int_equal(send(l->client, "four", 4, 0), 4);
	settle(l->client, l->server);
	ask(t, l->server, FIONREAD);
	CALL(t, poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, 0));
	CALL(t, recv(l->server, bytes, 5000, 0));
	ask(t, l->server, FIONREAD);
	CALL(t, recv(l->server, bytes, 5000, 0));
	ask(t, l->server, FIONREAD);
}

static void at_the_end(struct link *l, struct trace *t)
{
	char bytes[16];

	CALL(t, send(l->client, "last", 4, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	settle(l->client, l->server);
	ask(t, l->server, FIONREAD);
	ask(t, l->server, FIONREAD);
	CALL(t, recv(l->server, bytes, 3, 0));
	ask(t, l->server, FIONREAD);
	CALL(t, recv(l->server, bytes, 3, 0));
	ask(t, l->server, FIONREAD);
	CALL(t, recv(l->server, bytes, 3, 0));
	ask(t, l->server, FIONREAD);
	CALL(t, shutdown(l->server, SHUT_RDWR));
	ask(t, l->server, FIONREAD);
}

static void sockets_without_data(struct link *l, struct trace *t)
{
	int fd = tls_socket(l->family, l->protocol, "localhost");

	ask(t, l->listener, FIONREAD);
	ask(t, l->listener, SIOCOUTQ);
	ask(t, l->listener, SIOCOUTQNSD);
	ask(t, l->listener, SIOCATMARK);
	ask(t, fd, FIONREAD);
	ask(t, fd, SIOCOUTQ);
	CALL(t, close(fd));
	ask(t, fd, FIONREAD);
	CALL(t, ioctl(l->server, FIONREAD, NULL));
	CALL(t, ioctl(l->server, SIOCOUTQ, NULL));
	CALL(t, ioctl(l->server, 0x12345678, NULL));
}

static void others(struct link *l, struct trace *t)
{
	int on = 1, off = 0, owner = getpid(), got = -7;

	ask(t, l->server, SIOCATMARK);
	CALL(t, ioctl(l->server, FIOSETOWN, &owner));
	CALL(t, ioctl(l->server, FIOGETOWN, &got));
	trace_note(t, "\t%d\n", got == owner);
	CALL(t, ioctl(l->server, SIOCGPGRP, &got));
	trace_note(t, "\t%d\n", got == owner);
	signal(SIGIO, SIG_IGN);
	CALL(t, ioctl(l->server, FIOASYNC, &on));
	trace_note(t, "\t%x\n", (unsigned int)fcntl(l->server, F_GETFL));
	CALL(t, ioctl(l->server, FIOASYNC, &off));
	CALL(t, ioctl(l->server, FIONBIO, &on));
	trace_note(t, "\t%x\n", (unsigned int)fcntl(l->server, F_GETFL));
	CALL(t, recv(l->server, &got, 1, 0));
}

/* Nothing is left once the peer has acknowledged it. */
static void output(struct link *l, struct trace *t)
{
	int64_t end = test_now_ms() + TEST_DEADLINE_MS;
	int n;

	CALL(t, send(l->client, "abc", 3, 0));
	do {
		assert_true(test_now_ms() < end);
		sched_yield();
		assert_ok(ioctl(l->client, SIOCOUTQ, &n));
	} while (n > 0);
	ask(t, l->client, SIOCOUTQNSD);
}

static const struct compare_case cases[] = {
	{"FIONREAD", counts},
	{"FIONREAD of many records", counts_many_records},
	{"FIONREAD at the end", at_the_end},
	{"sockets without data", sockets_without_data},
	{"other requests", others},
	{"SIOCOUTQ", output},
};

/* The window is full on both sides: a part of it is ciphertext that the kernel does not take. */
static void output_of_a_full_window(void **state)
{
	static char block[1 << 20];
	int n = 0, unsent = 0;
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	while (send(link.client, block, sizeof(block), MSG_DONTWAIT) > 0)
		continue;
	assert_ok(ioctl(link.client, SIOCOUTQ, &n));
	assert_ok(ioctl(link.client, SIOCOUTQNSD, &unsent));
	assert_in_range(n, 10000, INT32_MAX);
	assert_in_range(unsent, 1, n);
	link_close(&link);
}

/*
 * As libevent reads: asked before each, while the peer sends all it can. What is opened
 * ahead is bounded, and nothing of it is lost.
 */
static void asked_before_each_read(void **state)
{
	enum { TOTAL = 16 << 20, READ = 4096, BUFFER = 100000, MOST_UNREAD = 2 << 20 };
	static char block[1 << 16];
	uint64_t sent = 0, got = 0;
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_ok(setsockopt(link.client, SOL_SOCKET, SO_SNDBUF, &(int){BUFFER}, sizeof(int)));
	assert_ok(setsockopt(link.server, SOL_SOCKET, SO_RCVBUF, &(int){BUFFER}, sizeof(int)));
	while (got < TOTAL) {
		int n = -1;
		ssize_t r;

		if (sent < TOTAL) {
			stream_fill(sent, block, sizeof(block));
			r = send(link.client, block, sizeof(block), MSG_DONTWAIT);
			sent += r > 0 ? (uint64_t)r : 0;
		}
		assert_ok(ioctl(link.server, FIONREAD, &n));
		r = recv(link.server, block, READ, n > 0 ? 0 : MSG_DONTWAIT);
		if (n == 0 && r < 0)
			continue;
		assert_true(r > 0 && r >= (n < READ ? n : READ));
		assert_int_equal(stream_mismatch(got, block, (size_t)r), r);
		got += (uint64_t)r;
		assert_true(sent - got < MOST_UNREAD);
	}
	link_close(&link);
}

/* Before the handshake is done there is nothing; asking alone gets it done. */
static void drives_the_handshake(void **state)
{
	int64_t end = test_now_ms() + TEST_DEADLINE_MS;
	struct connecting connecting;
	struct link link;
	int server, client, n;
	char c;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	connecting_start(&connecting, client, AF_INET, link.port);
	server = (int)assert_ok(accept(link.listener, NULL, NULL));
	assert_ok(ioctl(server, FIONREAD, &n));
	assert_int_equal(n, 0);
	/* In TLS 1.2 the client waits for the server's last flight. */
	while (tls_get_int(client, TLS_WANT) != 0 || tls_get_int(server, TLS_WANT) != 0) {
		assert_true(test_now_ms() < end);
		assert_ok(ioctl(server, FIONREAD, &n));
		assert_int_equal(n, 0);
		sched_yield();
	}
	assert_ok(connecting_finish(&connecting));
	assert_int_equal(send(client, "x", 1, 0), 1);
	while (assert_ok(ioctl(server, FIONREAD, &n)) == 0 && n == 0)
		assert_true(test_now_ms() < end);
	assert_int_equal(n, 1);
	assert_int_equal(recv(server, &c, 1, MSG_DONTWAIT), 1);
	close(client);
	close(server);
	link_close(&link);
}

/* What came before a record that cannot be opened is given first, then the error. */
static void good_before_bad(void **state)
{
	const int how = *(const int *)*state;
	struct gate gate;
	struct link link;
	size_t first;
	char buf[64];
	int n = -1;

	gate_link(&gate, &link, IPPROTO_TLS, AF_INET);
	assert_int_equal(send(link.client, "good", 4, 0), 4);
	gate_collect(&gate.up, link.client);
	first = gate.up.length;
	assert_int_equal(send(link.client, "spoilt", 6, 0), 6);
	gate_collect(&gate.up, link.client);
	gate.up.bytes[gate.up.length - 1] ^= 1;
	assert_true(gate.up.length > first);
	gate_pass(&gate.up, gate.up.length, link.server);
	if (how == 0)
		assert_ok(ioctl(link.server, FIONREAD, &n));
	else
		n = (int)assert_ok(recv(link.server, buf, sizeof(buf), MSG_PEEK));
	assert_int_equal(n, 4);
	assert_ok(ioctl(link.server, FIONREAD, &n));
	assert_int_equal(n, 4);
	assert_int_equal(recv(link.server, buf, sizeof(buf), MSG_PEEK), 4);
	assert_int_equal(recv(link.server, buf, 3, 0), 3);
	assert_int_equal(recv(link.server, buf + 3, 8, MSG_WAITALL), 1);
	assert_memory_equal(buf, "good", 4);
	assert_fails(recv(link.server, buf, sizeof(buf), 0), EBADMSG);
	assert_ok(ioctl(link.server, FIONREAD, &n));
	assert_int_equal(n, 0);
	link_close(&link);
	gate_close(&gate);
}

static const int ways[] = {0, 1};

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(output_of_a_full_window),
		CASE(asked_before_each_read),
		CASE(drives_the_handshake),
		ROW_CASE("good before bad, FIONREAD", good_before_bad, ROW(ways[0])),
		ROW_CASE("good before bad, MSG_PEEK", good_before_bad, ROW(ways[1])),
	};

	return compare_main("queries", cases, COUNT(cases), tests, COUNT(tests));
}
