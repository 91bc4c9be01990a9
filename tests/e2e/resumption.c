/* SPDX-License-Identifier: MIT */
/* Sessions that are resumed, and those that must not be. */
#include "child.h"
#include "peer.h"
#include "relay.h"
#include "stream.h"
#include "trace.h"
#include "visit.h"
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { BULK = 60000 };

static void set_long(int fd, int option, long value)
{
	assert_ok(setsockopt(fd, IPPROTO_TLS, option, &value, sizeof(value)));
}

static unsigned long get_id(int fd, int option)
{
	unsigned long id = 0;
	socklen_t len = sizeof(id);

	assert_ok(getsockopt(fd, IPPROTO_TLS, option, &id, &len));
	return id;
}

static int client_of(const char *name)
{
	return tls_socket(AF_INET, IPPROTO_TLS, name);
}

static int server_of(const char *identity, uint16_t *port)
{
	visit_purge();
	return tls_listen(AF_INET, IPPROTO_TLS, identity, port);
}

static void again_and_again(void **state)
{
	uint16_t port;
	int listener = server_of("good", &port);

	(void)state;
	assert_int_equal(visit_again(listener, port), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(visit_again(listener, port), 1);
	visit_purge();
	assert_int_equal(visit_again(listener, port), 0);
	close(listener);
}

/* What is known of a peer is known again. */
static void stays_verified(void **state)
{
	struct link link = {IPPROTO_TLS, AF_INET, 0, -1, -1, -1};
	struct connecting connecting;
	struct tls_info info;

	(void)state;
	link.listener = server_of("good", &link.port);
	assert_int_equal(visit_again(link.listener, link.port), 0);
	link.client = client_of("localhost");
	connecting_start(&connecting, link.client, AF_INET, link.port);
	link.server = (int)assert_ok(accept(link.listener, NULL, NULL));
	assert_int_equal(tls_get_int(link.server, TLS_RESUMED_SESSION), 1);
	assert_ok(connecting_finish(&connecting));
	assert_ok(
		getsockopt(link.client, IPPROTO_TLS, TLS_INFO, &info, &(socklen_t){sizeof(info)}));
	assert_int_equal(info.resumed, 1);
	assert_int_equal(info.verified, 1);
	assert_int_equal(info.early_data, 0);
	assert_string_equal(tls_get_text(link.client, TLS_PEER_IDENTITY), "CN=Test good");
	assert_string_equal(tls_get_text(link.server, TLS_HOSTNAME), "localhost");
	link_close(&link);
}

/* Only the ClientHello that goes to the name that the ticket is of shows one. */
static void another_name_on_the_wire(void **state)
{
	struct relay relay;
	uint16_t port;
	int listener = server_of("multi-san", &port), fd;
	char hellos[8];

	(void)state;
	relay_start(&relay, AF_INET, port);
	assert_int_equal(visit(listener, relay.port, client_of("localhost")), 0);
	assert_int_equal(visit(listener, relay.port, client_of("a.example.test")), 0);
	fd = client_of("b.example.test");
	tls_set_int(fd, TLS_PEER_VERIFY, TLS_PEER_VERIFY_NONE);
	assert_int_equal(visit(listener, relay.port, fd), 0);
	assert_int_equal(visit(listener, relay.port, client_of("b.example.test")), 0);
	assert_int_equal(visit(listener, relay.port, client_of("localhost")), 1);
	relay_stop(&relay);
	assert_string_equal(visit_hellos(relay.bytes, relay.length, hellos, sizeof(hellos)),
			    "----+");
	relay_free(&relay);
	close(listener);
}

/* Each end can do without. */
static void switched_off(void **state)
{
	uint16_t port;
	int listener = server_of("good", &port), fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fd = client_of("localhost");
		tls_set_int(fd, TLS_SESSION_REUSE, 0);
		assert_int_equal(visit(listener, port, fd), 0);
		fd = client_of("localhost");
		set_long(fd, TLS_SESSION_TTL, 0);
		assert_int_equal(visit(listener, port, fd), 0);
	}
	tls_set_int(listener, TLS_SESSION_REUSE, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(visit_again(listener, port), 0);
	close(listener);
}

/* However often it is resumed, a session ends its time after its first handshake. */
static void expiry(void **state)
{
	int64_t deadline = test_now_ms() + TEST_DEADLINE_MS;
	uint16_t port;
	int listener = server_of("good", &port), fd, resumed;

	(void)state;
	for (int which = 0; which < 2; which++) {
		set_long(listener, TLS_SESSION_TTL, which ? 1 : 3600);
		visit_purge();
		do {
			fd = client_of("localhost");
			set_long(fd, TLS_SESSION_TTL, which ? 3600 : 1);
			resumed = visit(listener, port, fd);
			fd = client_of("localhost");
			set_long(fd, TLS_SESSION_TTL, which ? 3600 : 1);
			resumed = visit(listener, port, fd) || resumed;
			assert_true(test_now_ms() < deadline);
		} while (!resumed);
		do {
			fd = client_of("localhost");
			set_long(fd, TLS_SESSION_TTL, which ? 3600 : 1);
			resumed = visit(listener, port, fd);
			assert_true(test_now_ms() < deadline);
		} while (resumed);
	}
	close(listener);
}

static void zephyr(void **state)
{
	uint16_t port;
	int listener = server_of("good", &port), fd;

	(void)state;
	fd = tls_socket(AF_INET, IPPROTO_TLS_1_2, "localhost");
	assert_int_equal(tls_get_int(fd, TLS_SESSION_CACHE), 0);
	assert_int_equal(visit(listener, port, fd), 0);
	for (int i = 0; i < 3; i++) {
		fd = tls_socket(AF_INET, IPPROTO_TLS_1_2, "localhost");
		tls_set_int(fd, TLS_SESSION_CACHE, 1);
		assert_int_equal(tls_get_int(fd, TLS_SESSION_REUSE), 1);
		assert_int_equal(visit(listener, port, fd), i > 0);
	}
	close(listener);
}

/* Sockets of a context were told the same, and have the same sessions. */
static void contexts(void **state)
{
	unsigned long id, none = 1ul << 40;
	uint16_t port;
	int listener = server_of("good", &port), first = client_of("localhost");
	int second, third, protocol = 0;

	(void)state;
	id = get_id(first, TLS_ID);
	second = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	third = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS_1_2));
	assert_true(get_id(second, TLS_ID) != id);
	assert_int_equal(get_id(second, TLS_CONTEXT), get_id(second, TLS_ID));
	assert_fails(setsockopt(second, SOL_TLS, TLS_CONTEXT, &none, sizeof(none)), EINVAL);
	assert_fails(setsockopt(second, SOL_TLS, TLS_CONTEXT, &id, sizeof(int)), EINVAL);
	assert_ok(setsockopt(second, SOL_TLS, TLS_CONTEXT, &id, sizeof(id)));
	assert_ok(setsockopt(third, SOL_TLS, TLS_CONTEXT, &id, sizeof(id)));
	assert_int_equal(get_id(second, TLS_CONTEXT), id);
	assert_string_equal(tls_get_text(second, TLS_HOSTNAME), "localhost");
	assert_string_equal(tls_get_text(third, TLS_HOSTNAME), "localhost");
	assert_ok(getsockopt(third, SOL_SOCKET, SO_PROTOCOL, &protocol, &(socklen_t){4}));
	assert_int_equal(protocol, IPPROTO_TLS_1_2);
	tls_set_text(third, TLS_HOSTNAME, "b");
	assert_string_equal(tls_get_text(first, TLS_HOSTNAME), "localhost");
	assert_int_equal(visit(listener, port, first), 0);
	assert_int_equal(visit(listener, port, second), 1);
	for (int i = 0; i < 10; i++) {
		id = get_id(third, TLS_ID);
		first = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
		assert_ok(setsockopt(first, SOL_TLS, TLS_CONTEXT, &id, sizeof(id)));
		tls_set_int(first, TLS_PEER_VERIFY, TLS_PEER_VERIFY_NONE);
		assert_int_equal(visit(listener, port, first), i > 0);
	}
	close(third);
	close(listener);
}

/* Ten in the context of one, all open at once. */
static void ten_sockets(void **state)
{
	enum { SOCKETS = 11 };
	int clients[SOCKETS], servers[SOCKETS], listener;
	unsigned long id;
	uint16_t port;
	char c;

	(void)state;
	listener = server_of("good", &port);
	clients[0] = client_of("localhost");
	id = get_id(clients[0], TLS_ID);
	for (int i = 1; i < SOCKETS; i++) {
		clients[i] = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
		assert_ok(setsockopt(clients[i], SOL_TLS, TLS_CONTEXT, &id, sizeof(id)));
	}
	for (int i = 0; i < SOCKETS; i++)
		assert_int_equal(visit_stay(listener, port, clients[i], &servers[i]), i > 0);
	for (int i = 0; i < SOCKETS; i++) {
		assert_int_equal(get_id(clients[i], TLS_CONTEXT), id);
		assert_int_equal(send(clients[i], &(char){(char)i}, 1, 0), 1);
		assert_int_equal(recv(servers[i], &c, 1, 0), 1);
		assert_int_equal(c, i);
		close(clients[i]);
		close(servers[i]);
	}
	close(listener);
}

static void errors(void **state)
{
	int fd = client_of("localhost"), one = 1;
	long ttl = 0;
	socklen_t len = sizeof(ttl);
	struct link link;

	(void)state;
	assert_int_equal(tls_get_int(fd, TLS_SESSION_REUSE), 1);
	assert_ok(getsockopt(fd, SOL_TLS, TLS_SESSION_TTL, &ttl, &len));
	assert_int_equal(ttl, 3600);
	assert_int_equal(len, sizeof(ttl));
	ttl = -1;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_SESSION_TTL, &ttl, sizeof(ttl)), EINVAL);
	ttl = 604801;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_SESSION_TTL, &ttl, sizeof(ttl)), EINVAL);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_SESSION_TTL, &one, sizeof(one)), EINVAL);
	one = 2;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_SESSION_REUSE, &one, sizeof(one)), EINVAL);
	assert_fails(getsockopt(fd, SOL_TLS, TLS_RESUMED_SESSION, &one, &(socklen_t){4}), ENOTCONN);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_RESUMED_SESSION, &one, sizeof(one)), ENOPROTOOPT);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_TICKET_KEY_FILE, "/nowhere", 8), ENOENT);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "/nowhere"));
	close(fd);
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(setsockopt(link.client, SOL_TLS, TLS_SESSION_REUSE, &one, sizeof(one)),
		     EISCONN);
	link_close(&link);
}

static int raw_revents(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

	return syscall(SYS_poll, &p, 1, 0) < 0 ? -1 : p.revents;
}

/* No ticket comes before data: nothing is there, and so nothing to lose. */
static void tickets_wait_for_data(void **state)
{
	static char data[BULK], got[BULK];
	struct link link;
	char c;

	(void)state;
	visit_purge();
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_int_equal(send(link.client, "u", 1, 0), 1);
	assert_int_equal(recv(link.server, &c, 1, 0), 1);
	assert_int_equal(raw_revents(link.client), 0);
	assert_int_equal(send(link.server, "d", 1, 0), 1);
	assert_int_equal(recv(link.client, &c, 1, 0), 1);
	assert_int_equal(raw_revents(link.client), 0);
	link_close(&link);
	/* All arrives, though the server closes at once, and the client had sent nothing. */
	link_open(&link, IPPROTO_TLS, AF_INET);
	stream_fill(0, data, sizeof(data));
	assert_int_equal(send(link.server, data, sizeof(data), 0), sizeof(data));
	link_drop(&link.server);
	assert_int_equal(recv(link.client, got, sizeof(got), MSG_WAITALL), sizeof(data));
	assert_int_equal(stream_mismatch(0, got, sizeof(data)), sizeof(data));
	assert_int_equal(recv(link.client, &c, 1, 0), 0);
	link_close(&link);
	/* Nor does a client lose what it sent, that closes without having read. */
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_int_equal(send(link.client, data, sizeof(data), 0), sizeof(data));
	link_drop(&link.client);
	assert_int_equal(recv(link.server, got, sizeof(got), MSG_WAITALL), sizeof(data));
	assert_int_equal(recv(link.server, &c, 1, 0), 0);
	link_close(&link);
}

static int connect_in_child(void *arg)
{
	const struct link *link = arg;
	int fd = client_of("localhost"), resumed = 0;
	char c;

	assert_ok(tls_connect(fd, AF_INET, link->port));
	assert_ok(getsockopt(fd, SOL_TLS, TLS_RESUMED_SESSION, &resumed, &(socklen_t){4}));
	return recv(fd, &c, 1, 0) == 1 && close(fd) == 0 ? resumed : 2;
}

/* A child begins with what its parent had, and what it gets is its own. */
static void in_a_child(void **state)
{
	struct link link = {.protocol = IPPROTO_TLS};
	pid_t pid;
	int fd;

	(void)state;
	link.listener = server_of("good", &link.port);
	assert_int_equal(visit_again(link.listener, link.port), 0);
	pid = child_start(connect_in_child, &link);
	fd = (int)assert_ok(accept(link.listener, NULL, NULL));
	assert_int_equal(tls_get_int(fd, TLS_RESUMED_SESSION), 1);
	assert_int_equal(send(fd, "d", 1, 0), 1);
	close(fd);
	assert_int_equal(child_finish(pid), 1);
	assert_int_equal(visit_again(link.listener, link.port), 1);
	close(link.listener);
}

/* A connection that was there before has tickets to come: they are forgotten, too. */
static void purged_while_open(void **state)
{
	struct link link = {IPPROTO_TLS, AF_INET, 0, -1, -1, -1};
	struct connecting connecting;
	char c;

	(void)state;
	link.listener = server_of("good", &link.port);
	link.client = client_of("localhost");
	connecting_start(&connecting, link.client, AF_INET, link.port);
	link.server = (int)assert_ok(accept(link.listener, NULL, NULL));
	assert_int_equal(tls_get_int(link.server, TLS_RESUMED_SESSION), 0);
	assert_ok(connecting_finish(&connecting));
	visit_purge();
	assert_int_equal(send(link.server, "d", 1, 0), 1);
	assert_int_equal(recv(link.client, &c, 1, 0), 1);
	assert_int_equal(visit_again(link.listener, link.port), 0);
	assert_int_equal(visit_again(link.listener, link.port), 1);
	link_close(&link);
}

static const struct CMUnitTest tests[] = {
	CASE(again_and_again), CASE(stays_verified), CASE(another_name_on_the_wire),
	CASE(switched_off),    CASE(expiry),	     CASE(zephyr),
	CASE(contexts),	       CASE(errors),	     CASE(tickets_wait_for_data),
	CASE(in_a_child),      CASE(ten_sockets),    CASE(purged_while_open),
};

int main(void)
{
	return compare_main("resumption", NULL, 0, tests, COUNT(tests));
}
