/* SPDX-License-Identifier: MIT */
/* Handshakes in event loops: a thread that only waits for readiness gets through. */
#include "trace.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

/* How a client's connect without waiting ends, and what the kernel is asked meanwhile. */
struct connect_way {
	const char *title;
	bool before; /* is it registered before connect() */
	uint32_t events;
};

static const struct connect_way connect_ways[] = {
	{"registered after connect", false, EPOLLOUT},
	{"registered before connect", true, EPOLLOUT | EPOLLIN},
	{"edge-triggered", false, EPOLLOUT | EPOLLIN | EPOLLET},
	{"edge-triggered, before connect", true, EPOLLOUT | EPOLLIN | EPOLLET},
	{"one shot", false, EPOLLOUT | EPOLLONESHOT},
	{"one shot, before connect", true, EPOLLOUT | EPOLLONESHOT},
	{"exclusive", true, EPOLLOUT | EPOLLEXCLUSIVE},
};

/* One thread, one set, both ends without waiting; every wait shows something, or nothing is. */
static void connects(void **state)
{
	const struct connect_way *way = *state;
	int epfd = (int)assert_ok(epoll_create1(0)), fd, server = -1, waits = 0, error;
	socklen_t len = sizeof(error);
	struct epoll_event event;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	bool open = false, echoed = false;
	char byte = 0;

	assert_ok(fcntl(listener, F_SETFL, O_NONBLOCK));
	net_epoll(epfd, EPOLL_CTL_ADD, listener, EPOLLIN, (uint32_t)listener);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	if (way->before)
		net_epoll(epfd, EPOLL_CTL_ADD, fd, way->events, (uint32_t)fd);
	assert_fails(tls_connect(fd, AF_INET, port), EINPROGRESS);
	assert_fails(tls_connect(fd, AF_INET, port), EALREADY);
	if (!way->before)
		net_epoll(epfd, EPOLL_CTL_ADD, fd, way->events, (uint32_t)fd);
	while (!echoed) {
		assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
		assert_true(++waits < 50);
		if (event.data.fd == listener) {
			server = (int)assert_ok(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
			net_epoll(epfd, EPOLL_CTL_ADD, server, EPOLLIN, (uint32_t)server);
		} else if (event.data.fd == server) {
			assert_int_equal(recv(server, &byte, 1, 0), 1);
			echoed = byte == 'x';
		} else if (!open) {
			assert_true(event.events & EPOLLOUT);
			assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
			assert_int_equal(error, 0);
			assert_fails(tls_connect(fd, AF_INET, port), EISCONN);
			open = true;
			assert_int_equal(send(fd, "x", 1, 0), 1);
		}
	}
	/* Its own mask, not ours, is in the kernel again. */
	if (way->events & (EPOLLET | EPOLLONESHOT))
		assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
	else
		assert_int_equal(syscall(SYS_epoll_wait, epfd, &event, 1, 0), 1);
	close(fd);
	close(server);
	close(listener);
	close(epfd);
}

/* A connection that is refused, and one to a certificate of another name. */
static void fails(void **state)
{
	bool by_select = *(const bool *)*state;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "wrong-name", &port), server;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), epfd, error = 0;
	struct epoll_event event = {0};
	socklen_t len = sizeof(error);
	fd_set r, w;

	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, port), EINPROGRESS);
	epfd = (int)assert_ok(epoll_create1(0));
	net_epoll(epfd, EPOLL_CTL_ADD, fd, EPOLLOUT, (uint32_t)fd);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_ok(fcntl(server, F_SETFL, O_NONBLOCK));
	net_epoll(epfd, EPOLL_CTL_ADD, server, EPOLLIN, (uint32_t)server);
	if (by_select) {
		do {
			FD_ZERO(&r);
			FD_ZERO(&w);
			FD_SET(server, &r);
			FD_SET(fd, &w);
			assert_true(select(FD_SETSIZE, &r, &w, NULL, NULL) > 0);
		} while (!FD_ISSET(fd, &w));
	} else {
		do
			assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
		while (event.data.fd != fd);
		assert_true(event.events & EPOLLERR);
		assert_true(event.events & EPOLLHUP);
	}
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, EPROTO);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, 0);
	close(fd);
	close(server);
	close(listener);
	close(epfd);
}

/* One step of a handshake that the program drives: waits for what the socket wants. */
static bool shake(int fd)
{
	int want = tls_get_int(fd, TLS_WANT);

	if (setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0) == 0)
		return true;
	assert_int_equal(errno, EAGAIN);
	assert_int_not_equal(want, 0);
	return false;
}

static void driven_by_hand(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), server, done;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), steps = 0;

	(void)state;
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0), ENOTCONN);
	assert_int_equal(tls_get_int(fd, TLS_WANT), 0);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, port), EINPROGRESS);
	server = (int)assert_ok(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	do {
		int want = tls_get_int(fd, TLS_WANT);

		/* Only what is asked for, and by the kernel alone. */
		if (want)
			syscall(SYS_poll, &(struct pollfd){.fd = fd, .events = (short)want}, 1, 10);
		done = shake(server) + shake(fd);
		assert_true(++steps < 1000);
	} while (done < 2);
	assert_int_equal(tls_get_int(fd, TLS_WANT), 0);
	assert_int_equal(tls_get_int(server, TLS_WANT), 0);
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	close(fd);
	close(server);
	close(listener);
}

static void refused(void **state)
{
	uint16_t port;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), error = 0;
	int epfd = (int)assert_ok(epoll_create1(0)), listener = net_listen(AF_INET, &port);
	struct epoll_event event = {0};
	socklen_t len = sizeof(error);

	(void)state;
	net_epoll(epfd, EPOLL_CTL_ADD, fd, EPOLLOUT | EPOLLIN, (uint32_t)fd);
	close(listener);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, port), EINPROGRESS);
	assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
	assert_true(event.events & EPOLLERR);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, ECONNREFUSED);
	close(fd);
	close(epfd);
}

/* A set that waits for a client that says nothing ends its handshake in time. */
static void silent_client(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), client, server, epfd;
	struct epoll_event event = {0};
	char byte = 0x16;

	(void)state;
	tls_set_int(listener, TLS_HANDSHAKE_TIMEOUT, 100);
	client = net_connect(AF_INET, port);
	assert_int_equal(send(client, &byte, 1, 0), 1);
	server = (int)assert_ok(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	epfd = (int)assert_ok(epoll_create1(0));
	net_epoll(epfd, EPOLL_CTL_ADD, server, EPOLLIN, (uint32_t)server);
	assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
	assert_true(event.events & EPOLLIN);
	assert_fails(recv(server, &byte, 1, 0), ETIMEDOUT);
	close(client);
	close(server);
	close(listener);
	close(epfd);
}

int main(void)
{
	static const bool ways[] = {false, true};
	struct CMUnitTest tests[COUNT(connect_ways) + 5] = {
		ROW_CASE("a refused certificate, by epoll", fails, ROW(ways[0])),
		ROW_CASE("a refused certificate, by select", fails, ROW(ways[1])),
		CASE(refused),
		CASE(driven_by_hand),
		CASE(silent_client),
	};

	for (size_t i = 0; i < COUNT(connect_ways); i++)
		tests[5 + i] = ROW_CASE(connect_ways[i].title, connects, ROW(connect_ways[i]));
	return compare_main("eventconnect", NULL, 0, tests, COUNT(tests));
}
