/* SPDX-License-Identifier: MIT */
/*
 * Certificates that change while a server runs: no handshake fails, each client sees the
 * old or the new one, what is open goes on, and nothing is left behind.
 *
 * TLSSOCK_TEST_HANDSHAKES is how many there are while files change (10000 takes a while);
 * they change once for every hundred.
 */
#include "child.h"
#include "peer.h"
#include "place.h"
#include "trace.h"
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

#pragma weak tlssock_reload

enum { HANDSHAKES = 600, A_CHANGE = 100, WARM_UP = 200, MAX_LEFT = 400000 };

static const char *const identities[] = {"good", "renewed"};

/* A listener whose chain and key are in a place, and a thread that serves each client. */
struct server {
	struct place place;
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_bool over;
	atomic_uint failures;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0 && !s->over) {
		if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
			s->failures++;
		close(fd);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int listen_at(const struct place *p, uint16_t *port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, p->chain);
	tls_set_text(fd, TLS_PRIVATE_KEY, p->key);
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 128));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

static void server_start(struct server *s)
{
	*s = (struct server){.over = false};
	place_open(&s->place, identities[0]);
	s->listener = listen_at(&s->place, &s->port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_finish(struct server *s)
{
	int fd;

	s->over = true;
	fd = net_connect(AF_INET, s->port);
	assert_ok(send(fd, "x", 1, 0)); /* or accept would not return it */
	pthread_join(s->thread, NULL);
	close(fd);
	close(s->listener);
	place_close(&s->place);
	assert_int_equal(s->failures, 0);
}

/* One handshake, verified; returns which identity was seen. */
static size_t visit(uint16_t port)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	const char *subject;
	size_t seen = 0;
	char c;

	/* A resumed session has the identity of its first connection. */
	tls_set_int(fd, TLS_SESSION_REUSE, 0);
	if (tls_connect(fd, AF_INET, port) < 0)
		fail_msg("%s", tls_get_text(fd, TLS_ERROR));
	subject = tls_get_text(fd, TLS_PEER_IDENTITY);
	while (seen < COUNT(identities) && strcmp(subject + strlen("CN=Test "), identities[seen]))
		seen++;
	assert_in_range(seen, 0, COUNT(identities) - 1);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	close(fd);
	return seen;
}

static int reload(int listener)
{
	return setsockopt(listener, IPPROTO_TLS, TLS_RELOAD, NULL, 0);
}

struct changing {
	struct server *server;
	atomic_uint visits;
	atomic_bool over;
	unsigned int changes;
};

/* Each way in turn; after every other one the server is told. */
static void *change(void *arg)
{
	struct changing *c = arg;

	for (unsigned int i = 1; !c->over; i++) {
		while (!c->over && c->visits < i * A_CHANGE - A_CHANGE / 2)
			usleep(100);
		if (c->over)
			break;
		place_put(&c->server->place, identities[i % COUNT(identities)],
			  (enum place_way)(i / 2 % PLACE_WAYS));
		if (i % 4 < 2 && reload(c->server->listener) < 0)
			c->server->failures++;
		c->changes++;
	}
	return NULL;
}

static void under_load(void **state)
{
	const char *told = getenv("TLSSOCK_TEST_HANDSHAKES");
	unsigned int n = told ? (unsigned int)atoi(told) : HANDSHAKES;
	unsigned int seen[COUNT(identities)] = {0};
	struct server s;
	struct changing c = {.server = &s};
	size_t heap = 0;
	pthread_t thread;

	(void)state;
	server_start(&s);
	assert_int_equal(pthread_create(&thread, NULL, change, &c), 0);
	for (unsigned int i = 0; i < n; i++) {
		if (i == WARM_UP)
			heap = mallinfo2().uordblks;
		seen[visit(s.port)]++;
		c.visits++;
	}
	c.over = true;
	pthread_join(thread, NULL);
	if (mallinfo2().uordblks > heap + MAX_LEFT)
		fail_msg("the heap grew from %zu to %zu", heap, mallinfo2().uordblks);
	print_message("# %u handshakes, %u changes, seen %u and %u, heap %zu to %zu\n", n,
		      c.changes, seen[0], seen[1], heap, mallinfo2().uordblks);
	assert_true(c.changes >= n / A_CHANGE);
	assert_true(seen[0] > 0 && seen[1] > 0);
	server_finish(&s);
}

/* Without being told: within a second or so, in every way. */
static void by_itself(void **state)
{
	struct server s;

	(void)state;
	server_start(&s);
	for (int way = 0; way < PLACE_WAYS; way++) {
		size_t wanted = (size_t)(way + 1) % COUNT(identities);
		int64_t end = test_now_ms() + TEST_DEADLINE_MS;

		place_put(&s.place, identities[wanted], (enum place_way)way);
		while (visit(s.port) != wanted)
			assert_true(test_now_ms() < end);
	}
	server_finish(&s);
}

static void at_once(void **state)
{
	struct server s;

	(void)state;
	server_start(&s);
	for (int way = 0; way < 2 * PLACE_WAYS; way++) {
		size_t wanted = (size_t)(way + 1) % COUNT(identities);

		place_put(&s.place, identities[wanted], (enum place_way)(way / 2));
		if (way % 3 == 0)
			assert_int_equal(tlssock_reload(), 0);
		else
			assert_ok(reload(s.listener));
		assert_int_equal(visit(s.port), wanted);
	}
	server_finish(&s);
}

/* A broken one: told by TLS_RELOAD, and the old one stays. */
static void broken(void **state)
{
	static const struct {
		const char *file; /* NULL: none */
		size_t part;	  /* 0: all of it */
		int chain, error;
	} rows[] = {
		{"renewed.pem", 300, 1, EINVAL},
		{"renewed.key", 100, 0, EINVAL},
		{"renewed.key", 0, 0, EPROTO},
		{"renewed.pem", 0, 1, EPROTO},
		{"junk.pem", 0, 1, EINVAL},
		{"empty.pem", 0, 0, EINVAL},
		{"good.pbes2.key", 0, 0, EACCES},
		{NULL, 0, 1, ENOENT},
		{NULL, 0, 0, ENOENT},
	};
	struct server s;

	(void)state;
	server_start(&s);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = rows[i].chain ? s.place.chain : s.place.key;

		if (rows[i].file)
			place_write(path, rows[i].file, rows[i].part);
		else
			unlink(path);
		assert_fails(reload(s.listener), rows[i].error);
		assert_non_null(strstr(tls_get_text(s.listener, TLS_ERROR), s.place.dir));
		assert_int_equal(tlssock_reload(), -rows[i].error);
		assert_int_equal(visit(s.port), 0);
		place_put(&s.place, identities[0], PLACE_RENAME);
	}
	assert_ok(reload(s.listener));
	server_finish(&s);
}

/* A connection that is open keeps what it began with. */
static void open_ones(void **state)
{
	struct place place;
	struct connecting connecting;
	uint16_t port;
	int listener, client, server;
	char buf[4];

	(void)state;
	place_open(&place, identities[0]);
	listener = listen_at(&place, &port);
	client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	connecting_start(&connecting, client, AF_INET, port);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(tls_get_int(server, TLS_CHOSEN_VERSION), test_version());
	assert_ok(connecting_finish(&connecting));
	for (int i = 1; i <= 4; i++) {
		place_put(&place, identities[i % 2], PLACE_RENAME);
		assert_ok(reload(listener));
		assert_int_equal(send(client, "ping", 4, 0), 4);
		assert_int_equal(recv(server, buf, 4, MSG_WAITALL), 4);
		assert_int_equal(send(server, "pong", 4, 0), 4);
		assert_int_equal(recv(client, buf, 4, MSG_WAITALL), 4);
		assert_string_equal(tls_get_text(client, TLS_PEER_IDENTITY), "CN=Test good");
	}
	close(client);
	close(server);
	close(listener);
	place_close(&place);
}

static int serve_all(void *arg)
{
	struct server *s = arg;

	serve(s);
	return 0;
}

/* Each process of a pre-fork server sees for itself. */
static void in_a_child(void **state)
{
	int64_t end = test_now_ms() + TEST_DEADLINE_MS;
	struct server s = {.over = false};
	pid_t pid;

	(void)state;
	place_open(&s.place, identities[0]);
	s.listener = listen_at(&s.place, &s.port);
	pid = child_start(serve_all, &s);
	close(s.listener);
	assert_int_equal(visit(s.port), 0);
	place_put(&s.place, identities[1], PLACE_RENAME);
	while (visit(s.port) != 1)
		assert_true(test_now_ms() < end);
	kill(pid, SIGKILL);
	child_finish(pid);
	place_close(&s.place);
}

static void wrong_socket(void **state)
{
	struct link link;
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	assert_fails(reload(fd), EOPNOTSUPP);
	assert_fails(getsockopt(fd, IPPROTO_TLS, TLS_RELOAD, (int[1]){0}, &(socklen_t){4}),
		     ENOPROTOOPT);
	close(fd);
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(reload(link.client), EOPNOTSUPP);
	assert_fails(reload(link.server), EOPNOTSUPP);
	assert_ok(reload(link.listener));
	link_close(&link);
}

static const struct CMUnitTest tests[] = {
	CASE(under_load), CASE(by_itself),  CASE(at_once),	CASE(broken),
	CASE(open_ones),  CASE(in_a_child), CASE(wrong_socket),
};

int main(void)
{
	return compare_main("reload", NULL, 0, tests, COUNT(tests));
}
