/* SPDX-License-Identifier: MIT */
/* Early data: with the ClientHello where both ends were told to, and once and in order always. */
#include "child.h"
#include "proc.h"
#include "raw.h"
#include "relay.h"
#include "stream.h"
#include "trace.h"
#include "visit.h"
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum {
	MOST = 4096,
	BULK = 60000,
	RECORD_HEADER = 5,
	HELLO_HEADER = 11,
	DATA_RECORD = 23,
	SERVER_HELLO = 2
};

/* Early data is TLS 1.3's. */
static int early(int bytes)
{
	return test_version() == TLS_1_3 ? bytes : 0;
}

static int client_of(int most)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	tls_set_int(fd, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	if (most)
		tls_set_int(fd, TLS_EARLY_DATA, most);
	return fd;
}

/* A listener; and clients of this process have a session of it. */
static int server_of(int most, int client, uint16_t *port)
{
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", port);

	visit_purge();
	if (most)
		tls_set_int(listener, TLS_EARLY_DATA, most);
	assert_int_equal(visit(listener, *port, client_of(client)), 0);
	return listener;
}

static void expect_text(int fd, const char *text)
{
	char buf[256] = "";
	size_t n = strlen(text);

	assert_int_equal(recv(fd, buf, n, MSG_WAITALL), n);
	assert_string_equal(buf, text);
}

static bool was_early(int fd)
{
	struct tls_info info;

	assert_ok(getsockopt(fd, SOL_TLS, TLS_INFO, &info, &(socklen_t){sizeof(info)}));
	assert_int_equal(info.early_data, tls_get_int(fd, TLS_EARLY_DATA) > 0);
	return info.early_data;
}

/*
 * One connection, whose client sends twice before it hears anything. Returns how much was
 * early, on which both ends agree.
 */
static int talk(int listener, uint16_t port, int fd)
{
	int server, bytes;

	assert_ok(tls_connect(fd, AF_INET, port));
	if (test_version() == TLS_1_3)
		assert_int_equal(send(fd, "first ", 6, 0), 6);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	if (test_version() != TLS_1_3)
		assert_int_equal(send(fd, "first ", 6, 0), 6);
	expect_text(server, "first ");
	bytes = tls_get_int(server, TLS_EARLY_DATA);
	assert_int_equal(send(fd, "second", 6, 0), 6);
	expect_text(server, "second");
	assert_int_equal(send(server, "answer", 6, 0), 6);
	expect_text(fd, "answer");
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), bytes);
	assert_int_equal(was_early(server), bytes > 0);
	assert_int_equal(was_early(fd), bytes > 0);
	assert_ok(shutdown(fd, SHUT_WR));
	assert_int_equal(recv(server, &(char){0}, 1, 0), 0);
	close(fd);
	close(server);
	return bytes;
}

static void accepted(void **state)
{
	uint16_t port;
	int listener = server_of(MOST, MOST, &port);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(talk(listener, port, client_of(MOST)), early(6));
	close(listener);
}

/* Unless both ends were told to; and the server cannot but refuse what it does not know. */
static void not_asked_for(void **state)
{
	static const int rows[][2] = {{0, 0}, {MOST, 0}, {0, MOST}};
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int listener = server_of(rows[i][0], rows[i][1], &port);
		int fd = client_of(rows[i][1]), server;

		assert_ok(tls_connect(fd, AF_INET, port));
		server = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(send(fd, "x", 1, 0), 1);
		expect_text(server, "x");
		assert_int_equal(tls_get_int(server, TLS_RESUMED_SESSION), 1);
		assert_false(was_early(fd));
		assert_false(was_early(server));
		close(fd);
		close(server);
		close(listener);
	}
}

/* Sent again: what the server cannot open the client's ticket for, it has all the same. */
static void refused(void **state)
{
	uint16_t port;
	int listener = server_of(MOST, MOST, &port);

	(void)state;
	tls_set_text(listener, TLS_ALPN, "h2");
	assert_int_equal(talk(listener, port, client_of(MOST)), 0);
	assert_int_equal(talk(listener, port, client_of(MOST)), early(6));
	close(listener);
}

static size_t number(const uint8_t *p, size_t bytes)
{
	return bytes ? number(p, bytes - 1) << 8 | p[bytes - 1] : 0;
}

/* The last ClientHello that passed. */
static size_t last_hello(const struct relay *relay)
{
	const uint8_t *bytes = (const uint8_t *)relay->bytes;

	for (size_t at = relay->length - HELLO_HEADER; at > 0; at--)
		if (bytes[at] == 22 && bytes[at + 1] == 3 && bytes[at + 5] == 1 &&
		    number(bytes + at + 3, 2) == number(bytes + at + 6, 3) + 4)
			return at;
	fail_msg("no ClientHello");
	return 0;
}

/* A first flight whose early data was accepted, to be freed. */
static char *record_flight(int listener, uint16_t port, size_t *length)
{
	bool data = false;
	struct relay relay;
	const uint8_t *bytes;
	size_t begin, at;
	char *flight;

	relay_start(&relay, AF_INET, port);
	assert_int_equal(visit(listener, relay.port, client_of(MOST)), 0);
	assert_int_equal(talk(listener, relay.port, client_of(MOST)), early(6));
	relay_stop(&relay);
	bytes = (const uint8_t *)relay.bytes;
	at = begin = last_hello(&relay);
	while (bytes[at + RECORD_HEADER] != SERVER_HELLO) {
		data = data || bytes[at] == DATA_RECORD;
		at += RECORD_HEADER + number(bytes + at + 3, 2);
		assert_in_range(at, 0, relay.length - HELLO_HEADER);
	}
	assert_int_equal(data, early(1));
	*length = at - begin;
	flight = malloc(*length);
	assert_non_null(flight);
	memcpy(flight, bytes + begin, *length);
	relay_free(&relay);
	return flight;
}

struct replay {
	int listener;
	uint16_t port;
	char *flight;
	size_t length;
};

/* A server that gets it again gets an error, and no byte. */
static int serve_replay(void *arg)
{
	const struct replay *r = arg;
	int raw = net_connect(AF_INET, r->port), fd;
	char c = 0;

	assert_ok(write(raw, r->flight, r->length));
	assert_ok(shutdown(raw, SHUT_WR));
	fd = (int)assert_ok(accept(r->listener, NULL, NULL));
	assert_fails(recv(fd, &c, 1, 0), EPROTO);
	assert_fails(recv(fd, &c, 1, 0), EPROTO);
	close(fd);
	close(raw);
	return c;
}

static void replayed(void **state)
{
	struct replay r = {0};

	(void)state;
	r.listener = server_of(MOST, MOST, &r.port);
	r.flight = record_flight(r.listener, r.port, &r.length);
	assert_int_equal(serve_replay(&r), 0);
	assert_int_equal(child_finish(child_start(serve_replay, &r)), 0);
	assert_int_equal(serve_replay(&r), 0);
	assert_int_equal(talk(r.listener, r.port, client_of(MOST)), early(6));
	free(r.flight);
	close(r.listener);
}

struct bulk {
	uint16_t port;
	size_t length;
	bool nonblocking, leaves_open;
};

/* The program says all, and does not wait for an answer before it goes. */
static int send_and_go(void *arg)
{
	static char data[BULK];
	const struct bulk *b = arg;
	int fd = client_of(MOST);

	stream_fill(0, data, sizeof(data));
	assert_ok(tls_connect(fd, AF_INET, b->port));
	if (b->nonblocking)
		assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	if (send(fd, data, b->length, 0) != (ssize_t)b->length)
		return 1;
	if (b->leaves_open)
		exit(0);
	return close(fd) < 0 ? 2 : 0;
}

/* All of it arrives, and so does the end. */
static void whole(void **state)
{
	static const struct bulk rows[] = {
		{0, 1, false, false},	 {0, MOST, false, false}, {0, MOST + 1, false, false},
		{0, BULK, false, false}, {0, 100, true, false},	  {0, MOST, true, false},
		{0, 100, false, true},
	};
	static char got[BULK];

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		struct bulk b = rows[i / 2];
		int listener = server_of(MOST, MOST, &b.port), fd;
		pid_t pid;

		/* In 1.2 such a send has to wait. */
		if (b.nonblocking && test_version() != TLS_1_3) {
			close(listener);
			continue;
		}
		if (i % 2)
			tls_set_text(listener, TLS_ALPN, "h2");
		pid = child_start(send_and_go, &b);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(recv(fd, got, b.length, MSG_WAITALL), b.length);
		assert_int_equal(stream_mismatch(0, got, b.length), b.length);
		assert_int_equal(recv(fd, got, 1, 0), 0);
		assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), i % 2 ? 0
								  : b.length < MOST
									  ? early((int)b.length)
									  : early(MOST));
		assert_int_equal(child_finish(pid), 0);
		close(fd);
		close(listener);
	}
}

/* It is there for whoever waits for readiness, with the kernel's own calls too. */
static void readiness(void **state)
{
	uint16_t port;
	int listener = server_of(MOST, MOST, &port);
	int fd = client_of(MOST), server;
	struct pollfd p = {.events = POLLIN};

	(void)state;
	assert_ok(tls_connect(fd, AF_INET, port));
	if (test_version() == TLS_1_3)
		assert_int_equal(send(fd, "x", 1, 0), 1);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(tls_get_int(server, TLS_EARLY_DATA), early(1));
	if (test_version() != TLS_1_3)
		assert_int_equal(send(fd, "x", 1, 0), 1);
	p.fd = server;
	assert_int_equal(poll(&p, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(p.revents, POLLIN);
	assert_int_equal(raw_syscall(SYS_poll, (long)&p, 1, 0, 0, 0, 0), 1);
	expect_text(server, "x");
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(raw_syscall(SYS_poll, (long)&p, 1, 0, 0, 0, 0), 0);
	close(fd);
	close(server);
	close(listener);
}

/* A program that only waits, or asks, before it sends has it go as ever. */
static void too_late(void **state)
{
	uint16_t port;
	int listener = server_of(MOST, MOST, &port);
	int fd = client_of(MOST), server;
	char c;

	(void)state;
	assert_ok(tls_connect(fd, AF_INET, port));
	assert_fails(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	expect_text(server, "x");
	assert_false(was_early(server));
	close(fd);
	close(server);
	close(listener);
}

static void settings(void **state)
{
	static const char path[] = "/nowhere";
	int fd = tls_socket(AF_INET, IPPROTO_TLS, NULL), n;

	(void)state;
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), 0);
	for (n = 0; n <= 1 << 20; n += 1 << 20) {
		tls_set_int(fd, TLS_EARLY_DATA, n);
		assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), n);
	}
	n = (1 << 20) + 1;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_EARLY_DATA, &n, sizeof(n)), EINVAL);
	n = -1;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_EARLY_DATA, &n, sizeof(n)), EINVAL);
	/* Machines that share their keys do not know what the others accepted. */
	assert_fails(setsockopt(fd, SOL_TLS, TLS_TICKET_KEY_FILE, path, sizeof(path)), EOPNOTSUPP);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "TLS_TICKET_KEY_FILE"));
	tls_set_int(fd, TLS_EARLY_DATA, 0);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_TICKET_KEY_FILE, path, sizeof(path)), ENOENT);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	CASE(accepted), CASE(not_asked_for), CASE(refused),  CASE(replayed),
	CASE(whole),	CASE(readiness),     CASE(too_late), CASE(settings),
};

int main(void)
{
	return compare_main("earlydata", NULL, 0, tests, COUNT(tests));
}
