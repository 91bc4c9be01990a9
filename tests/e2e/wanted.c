/* SPDX-License-Identifier: MIT */
/* Programs that run the handshake themselves, and wait for no more than what TLS_WANT says. */
#include "ends.h"
#include "net.h"
#include "proc.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, MOST_WAITS = 100 };

/* One end of a connection. */
struct end {
	int fd;
	short want; /* 0: its handshake is done */
};

static void step(struct end *e)
{
	if (!e->want)
		return;
	if (setsockopt(e->fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0) == 0) {
		e->want = 0;
		assert_int_equal(tls_get_int(e->fd, TLS_WANT), 0);
		return;
	}
	assert_int_equal(errno, EAGAIN);
	e->want = (short)tls_get_int(e->fd, TLS_WANT);
	assert_true(e->want == POLLIN || e->want == POLLOUT);
}

static int by_poll(int epfd, struct end *ends, int timeout_ms)
{
	struct pollfd fds[2];
	int r;

	(void)epfd;
	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){ends[i].want ? ends[i].fd : -1, ends[i].want, 0};
	r = poll(fds, 2, timeout_ms);
	/* Nothing else than was asked for. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(fds[i].revents & ~ends[i].want, 0);
	return r;
}

static int by_select(int epfd, struct end *ends, int timeout_ms)
{
	struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	fd_set r, w;

	(void)epfd;
	FD_ZERO(&r);
	FD_ZERO(&w);
	for (int i = 0; i < 2; i++)
		if (ends[i].want)
			FD_SET(ends[i].fd, ends[i].want == POLLIN ? &r : &w);
	return select(FD_SETSIZE, &r, &w, NULL, &timeout);
}

static void set_epoll(int epfd, int op, const struct end *e, uint32_t flags)
{
	net_epoll(epfd, op, e->fd, (uint32_t)e->want | flags, (uint32_t)e->fd);
}

static int wait_epoll(int epfd, struct end *ends, int timeout_ms, int op, uint32_t flags)
{
	struct epoll_event event;
	int r;

	for (int i = 0; op && i < 2; i++)
		if (ends[i].want)
			set_epoll(epfd, op, &ends[i], flags);
	r = epoll_wait(epfd, &event, 1, timeout_ms);
	for (int i = 0; r == 1 && i < 2; i++)
		if (event.data.fd == ends[i].fd)
			assert_int_equal(event.events & ~(uint32_t)ends[i].want, 0);
	for (int i = 0; op == EPOLL_CTL_ADD && i < 2; i++)
		if (ends[i].want)
			set_epoll(epfd, EPOLL_CTL_DEL, &ends[i], 0);
	return r;
}

static int by_epoll(int epfd, struct end *ends, int timeout_ms)
{
	return wait_epoll(epfd, ends, timeout_ms, EPOLL_CTL_ADD, 0);
}

static int by_edges(int epfd, struct end *ends, int timeout_ms)
{
	return wait_epoll(epfd, ends, timeout_ms, EPOLL_CTL_MOD, EPOLLET);
}

static int by_shots(int epfd, struct end *ends, int timeout_ms)
{
	return wait_epoll(epfd, ends, timeout_ms, EPOLL_CTL_MOD, EPOLLONESHOT);
}

static int by_exclusive(int epfd, struct end *ends, int timeout_ms)
{
	return wait_epoll(epfd, ends, timeout_ms, EPOLL_CTL_ADD, EPOLLEXCLUSIVE);
}

static const struct way {
	const char *title;
	int (*wait)(int epfd, struct end *ends, int timeout_ms);
	bool registered; /* from the beginning */
} ways[] = {
	{"poll", by_poll, false},
	{"select", by_select, false},
	{"epoll", by_epoll, false},
	{"epoll, edge-triggered", by_edges, true},
	{"epoll, one shot", by_shots, true},
	{"epoll, exclusive", by_exclusive, false},
};

/* Neither end waits in a call: the wait shows each that it is its turn. */
static void both(void **state)
{
	const struct way *way = *state;
	int epfd = (int)assert_ok(epoll_create1(0)), waits = 0;
	struct link link;
	char byte;

	link_half_open(&link, AF_INET);
	struct end ends[] = {{link.client, POLLIN}, {link.server, POLLIN}};

	for (int i = 0; way->registered && i < 2; i++)
		set_epoll(epfd, EPOLL_CTL_ADD, &ends[i], EPOLLET);
	for (;;) {
		step(&ends[0]);
		step(&ends[1]);
		if (!ends[0].want && !ends[1].want)
			break;
		assert_true(way->wait(epfd, ends, PATIENCE_MS) > 0);
		assert_true(++waits < MOST_WAITS);
	}
	/* Whoever knows that it is over is not told again. */
	for (int i = 0; i < 2; i++)
		ends[i].want = POLLIN;
	assert_int_equal(way->wait(epfd, ends, 0), 0);
	assert_int_equal(send(link.client, "x", 1, 0), 1);
	assert_int_equal(way->wait(epfd, ends, PATIENCE_MS), 1);
	assert_int_equal(recv(link.server, &byte, 1, 0), 1);
	link_close(&link);
	close(epfd);
}

/*
 * A call on the other end, which steps what waits, has finished the client's (in TLS 1.3;
 * in 1.2 the client has the last word to hear) before the client's program looks.
 */
static void finished_by_another(void **state)
{
	const struct way *way = *state;
	int epfd = (int)assert_ok(epoll_create1(0));
	struct link link;

	link_half_open(&link, AF_INET);
	struct end ends[] = {{link.client, POLLIN}, {link.server, 0}};

	step(&ends[0]);
	assert_int_equal(ends[0].want, POLLIN);
	if (way->registered)
		set_epoll(epfd, EPOLL_CTL_ADD, &ends[0], 0);
	assert_ok(fcntl(link.server, F_SETFL, 0));
	assert_ok(setsockopt(link.server, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0));
	assert_true(way->wait(epfd, ends, PATIENCE_MS) > 0);
	step(&ends[0]);
	assert_int_equal(ends[0].want, 0);
	ends[0].want = POLLIN;
	assert_int_equal(way->wait(epfd, ends, 0), 0);
	link_close(&link);
	close(epfd);
}

/* Who has not asked what it waits for waits for data. */
static void not_asked(void **state)
{
	struct pollfd fds[2];
	struct link link;

	(void)state;
	link_half_open(&link, AF_INET);
	fds[0] = (struct pollfd){link.client, POLLIN, 0};
	fds[1] = (struct pollfd){link.server, POLLIN, 0};
	for (int i = 0; i < 20; i++)
		assert_int_equal(poll(fds, 2, 1), 0);
	link_finish(&link);
	assert_int_equal(poll(fds, 2, 0), 0);
	link_close(&link);
}

static int ask(int fd)
{
	return setsockopt(fd, IPPROTO_TLS, TLS_REQUEST_PEER_AUTH, &(int){1}, sizeof(int));
}

static int shake(int fd)
{
	return setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0);
}

/* A server that has asked for a certificate behind the handshake waits for that alone. */
static void certificate(void **state)
{
	const struct way *way = *state;
	int epfd = (int)assert_ok(epoll_create1(0)), waits = 0;
	struct end ends[2];
	struct ends e;
	char byte;

	ends_open(&e, "good", "localhost");
	tls_set_text(e.listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	tls_set_int(e.listener, TLS_REQUEST_PEER_AUTH, 0);
	ends_show(e.client, "client");
	ends_meet(&e);
	assert_int_equal(e.error, 0);
	assert_ok(shake(e.server));
	assert_int_equal(send(e.client, "1", 1, 0), 1);
	assert_ok(ask(e.server));
	assert_int_equal(tls_get_int(e.server, TLS_WANT), POLLIN);
	assert_fails(shake(e.server), EBUSY);
	assert_int_equal(recv(e.server, &byte, 1, 0), 1);
	assert_ok(fcntl(e.server, F_SETFL, O_NONBLOCK));
	ends[0] = (struct end){e.server, POLLIN};
	ends[1] = (struct end){e.client, POLLIN};
	if (way->registered)
		for (int i = 0; i < 2; i++)
			set_epoll(epfd, EPOLL_CTL_ADD, &ends[i], EPOLLET);
	for (step(&ends[0]); ends[0].want; step(&ends[0])) {
		/* The client's answer is the wait's work, too. */
		assert_int_equal(way->wait(epfd, ends, PATIENCE_MS), 1);
		assert_true(++waits < MOST_WAITS);
	}
	assert_string_equal(tls_get_text(e.server, TLS_PEER_IDENTITY), "CN=Test Client");
	ends[0].want = POLLIN;
	assert_int_equal(way->wait(epfd, ends, 0), 0);
	ends_close(&e);
	close(epfd);
}

/* One that may wait does so in the call; nobody sends data. */
static void idle_client(void **state)
{
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
	char address[32];

	(void)state;
	tls_set_text(listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	tls_set_int(listener, TLS_REQUEST_PEER_AUTH, 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-servername", "localhost",
		   "-CAfile", zoo("ca.pem"), "-cert", zoo("client.pem"), "-key", zoo("client.key"),
		   "-enable_pha", "-quiet", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_ok(ask(fd));
	assert_ok(shake(fd));
	assert_string_equal(tls_get_text(fd, TLS_PEER_IDENTITY), "CN=Test Client");
	assert_ok(shake(fd));
	/* And again, from one that goes. */
	assert_ok(ask(fd));
	proc_kill(&proc);
	if (shake(fd) < 0)
		assert_true(errno == EPROTO || errno == ECONNRESET);
	close(fd);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest alone[] = {CASE(not_asked), CASE(idle_client)};
	struct CMUnitTest tests[3 * COUNT(ways) + COUNT(alone)];
	bool tls13 = test_version() == TLS_1_3;
	static const char *const what[] = {"both ends", "finished by another", "a certificate"};
	void (*const run[])(void **state) = {both, finished_by_another, certificate};
	static char titles[3 * COUNT(ways)][64];
	size_t n = 0;

	/* TLS 1.2 knows no request behind the handshake. */
	for (size_t i = 0; i < COUNT(ways); i++)
		for (size_t k = 0; k < COUNT(run) - !tls13; k++, n++) {
			snprintf(titles[n], sizeof(titles[n]), "%s: %s", ways[i].title, what[k]);
			tests[n] = ROW_CASE(titles[n], run[k], ROW(ways[i]));
		}
	for (size_t i = 0; i < COUNT(alone) - !tls13; i++)
		tests[n++] = alone[i];
	return compare_main("wanted", NULL, 0, tests, n);
}
