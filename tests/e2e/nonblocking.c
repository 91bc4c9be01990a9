/* SPDX-License-Identifier: MIT */
/* Calls that do not wait, and what readiness says before and after, ours and the kernel's. */
#include "gate.h"
#include "look.h"
#include "proc.h"
#include "stream.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static void accepts(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->listener, .events = POLLIN};
	int client, server;

	assert_ok(fcntl(l->listener, F_SETFL, O_NONBLOCK));
	look(t, l->listener);
	CALL(t, accept(l->listener, NULL, NULL));
	CALL(t, accept4(l->listener, NULL, NULL, SOCK_NONBLOCK));
	client = net_connect(l->family, l->port);
	assert_int_equal(send(client, "\x16", 1, 0), 1);
	CALL(t, poll(&p, 1, PATIENCE_MS));
	look(t, l->listener);
	server = (int)assert_ok(accept4(l->listener, NULL, NULL, SOCK_NONBLOCK));
	CALL(t, accept(l->listener, NULL, NULL));
	look(t, l->listener);
	close(client);
	close(server);
}

/* In each way of not waiting; 0 at the end, and again. */
static void receives(struct link *l, struct trace *t)
{
	char buf[8];

	for (int way = 0; way < 3; way++) {
		int flags = way == 0 ? MSG_DONTWAIT : 0, on = way == 2;

		assert_ok(fcntl(l->server, F_SETFL, way == 1 ? O_NONBLOCK : 0));
		if (way == 2)
			assert_ok(ioctl(l->server, FIONBIO, &on));
		CALL(t, recv(l->server, buf, 8, flags));
		CALL(t, recv(l->server, buf, 8, flags | MSG_WAITALL));
		CALL(t, recv(l->server, buf, 8, flags | MSG_PEEK));
		CALL(t, recv(l->server, buf, 0, flags));
		CALL(t, send(l->client, "abc", 3, 0));
		CALL(t, poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, PATIENCE_MS));
		CALL(t, recv(l->server, buf, 8, flags | MSG_PEEK | MSG_WAITALL));
		CALL(t, recv(l->server, buf, 8, flags | MSG_WAITALL));
		CALL(t, recv(l->server, buf, 8, flags));
	}
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, PATIENCE_MS));
	CALL(t, recv(l->server, buf, 8, 0));
	CALL(t, recv(l->server, buf, 8, 0));
	look(t, l->server);
}

/* Returns how much of the stream was taken. */
static uint64_t send_all(int fd, uint64_t at, int flags)
{
	static char block[50000];
	ssize_t n;

	do {
		stream_fill(at, block, sizeof(block));
		n = send(fd, block, sizeof(block), flags);
		at += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
	assert_fails(n, EAGAIN);
	return at;
}

/* Reads until all that was sent has come. */
static void receive_all(int fd, uint64_t *at, uint64_t end)
{
	static char block[50000];

	while (*at < end) {
		ssize_t n = recv(fd, block, sizeof(block), 0);

		assert_true(n > 0);
		assert_int_equal(stream_mismatch(*at, block, (size_t)n), n);
		*at += (uint64_t)n;
	}
}

/* EAGAIN, no POLLOUT; and on without a gap once there is room. */
static void sends(struct link *l, struct trace *t)
{
	uint64_t sent = 0, received = 0;

	for (int way = 0; way < 4; way++) {
		struct pollfd p = {.fd = l->client, .events = POLLOUT};

		assert_ok(fcntl(l->client, F_SETFL, way % 2 ? O_NONBLOCK : 0));
		sent = send_all(l->client, sent, way % 2 ? 0 : MSG_DONTWAIT);
		CALL(t, send(l->client, "", 0, MSG_DONTWAIT));
		look(t, l->client);
		receive_all(l->server, &received, sent);
		CALL(t, poll(&p, 1, PATIENCE_MS));
		CALL(t, syscall(SYS_poll, &p, 1, 0));
		look(t, l->client);
	}
}

static void connects(struct link *l, struct trace *t)
{
	int fd = tls_socket(l->family, l->protocol, "localhost"), server = -1, error = -1;
	struct pollfd fds[2] = {{.fd = fd, .events = POLLOUT}, {.events = POLLIN}};
	socklen_t len = sizeof(error);
	char byte = 0;

	look(t, fd);
	CALL(t, recv(fd, &byte, 1, 0));
	CALL(t, send(fd, "x", 1, MSG_NOSIGNAL));
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(t, tls_connect(fd, l->family, l->port));
	server = (int)assert_ok(accept(l->listener, NULL, NULL));
	assert_ok(fcntl(server, F_SETFL, O_NONBLOCK));
	fds[1].fd = server;
	do
		assert_true(poll(fds, 2, PATIENCE_MS) > 0);
	while (!(fds[0].revents & POLLOUT));
	trace_note(t, "%x\n", (unsigned int)fds[0].revents);
	CALL(t, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	trace_note(t, "%d\n", error);
	/* The first time Linux's TCP says 0, where others, and this library, say EISCONN. */
	(void)!tls_connect(fd, l->family, l->port);
	CALL(t, tls_connect(fd, l->family, l->port));
	look(t, fd);
	CALL(t, send(fd, "x", 1, 0));
	fds[0].fd = -1;
	CALL(t, poll(fds, 2, PATIENCE_MS));
	CALL(t, recv(server, &byte, 1, 0));
	look(t, server);
	close(fd);
	close(server);
}

/* Both halves closed, in each order; and one. */
static void hangs_up(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->server, .events = POLLIN};

	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, poll(&p, 1, PATIENCE_MS));
	look(t, l->server);
	CALL(t, recv(l->server, (char[1]){0}, 1, 0));
	look(t, l->server);
	CALL(t, shutdown(l->server, SHUT_WR));
	look(t, l->server);
	p.fd = l->client;
	CALL(t, poll(&p, 1, PATIENCE_MS));
	CALL(t, recv(l->client, (char[1]){0}, 1, 0));
	look(t, l->client);
}

/* What the peer has not read at its close is a reset: the error once, and then EPIPE. */
static void send_after_reset(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->client};

	CALL(t, send(l->client, "unread", 6, 0));
	assert_int_equal(poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, -1), 1);
	link_drop(&l->server);
	assert_int_equal(syscall(SYS_poll, &p, 1, -1), 1);
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* An error that nobody was told of comes first there, too. */
static void send_after_shutdown_and_reset(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->client};

	CALL(t, send(l->client, "unread", 6, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	assert_int_equal(poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, -1), 1);
	link_drop(&l->server);
	assert_int_equal(syscall(SYS_poll, &p, 1, -1), 1);
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
}

/* The kernel raises the event of the end again with each shutdown that comes too late. */
static void shutdown_after_reset(struct link *l, struct trace *t)
{
	static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {0};

	CALL(t, send(l->client, "unread", 6, 0));
	assert_int_equal(poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, -1), 1);
	assert_ok(look_ctl(false, epfd, EPOLL_CTL_ADD, l->client, EPOLLET));
	link_drop(&l->server);
	CALL(t, look_wait(false, epfd, &event, 1, -1));
	CALL(t, recv(l->client, (char[1]){0}, 1, 0));
	CALL(t, look_wait(false, epfd, &event, 1, 0));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		CALL(t, shutdown(l->client, ways[i]));
		CALL(t, look_wait(false, epfd, &event, 1, 0));
		CALL(t, look_wait(false, epfd, &event, 1, 0));
	}
	close(epfd);
}

static const struct compare_case cases[] = {
	{"shutdown after a reset", shutdown_after_reset},
	{"send after SHUT_WR and a reset", send_after_shutdown_and_reset},
	{"send after a reset", send_after_reset},
	{"accept", accepts},
	{"recv", receives},
	{"send into a full window", sends},
	{"connect", connects},
	{"POLLHUP", hangs_up},
};

/* What is told of a session that failed with this error: once by SO_ERROR, kept for calls. */
static void assert_failed(int fd, int expected)
{
	struct pollfd p = {.fd = fd, .events = POLLIN}, raw = p;
	struct epoll_event event = {0};
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC)), error = 0;
	socklen_t len = sizeof(error);

	assert_ok(look_ctl(false, epfd, EPOLL_CTL_ADD, fd, EPOLLIN));
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(p.revents, POLLIN | POLLERR | POLLHUP);
	assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
	assert_int_equal(event.events, EPOLLIN | EPOLLERR | EPOLLHUP);
	assert_int_equal(syscall(SYS_poll, &raw, 1, 0), 1);
	assert_true(raw.revents & POLLIN);
	assert_true(raw.revents & POLLHUP);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, expected);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, 0);
	assert_fails(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), expected);
	assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	close(epfd);
}

/* A record that was tampered with; the other end is told by an alert. */
static void fatal(void **state)
{
	struct gate gate;
	struct link link;

	(void)state;
	gate_link(&gate, &link, IPPROTO_TLS, AF_INET);
	assert_int_equal(send(link.server, "true", 4, 0), 4);
	gate_collect(&gate.down, link.server);
	gate.down.bytes[gate.down.length - 1] ^= 1;
	gate_pass(&gate.down, gate.down.length, link.client);
	assert_failed(link.client, EBADMSG);
	gate_collect(&gate.up, link.client);
	gate_pass(&gate.up, gate.up.length, link.server);
	assert_failed(link.server, EPROTO);
	gate_close(&gate);
	link_close(&link);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(fatal)};

	return compare_main("nonblocking", cases, COUNT(cases), tests, COUNT(tests));
}
