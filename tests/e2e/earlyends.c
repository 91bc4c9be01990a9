/* SPDX-License-Identifier: MIT */
/*
 * Early data, and when it begins and ends: a ticket that grows old, a program that waits
 * before it sends, or ends right after it. All arrives, early or not.
 */
#include "child.h"
#include "net.h"
#include "proc.h"
#include "raw.h"
#include "stream.h"
#include "trace.h"
#include "visit.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tlssock.h>
#include <unistd.h>

enum { MOST = 1 << 20, SHORT_MS = 200, SMALL_BUFFER = 8192 };

static char data[MOST], got[MOST];

static int client_of(void)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	tls_set_int(fd, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	tls_set_int(fd, TLS_EARLY_DATA, MOST);
	return fd;
}

static int listen_early(uint16_t *port)
{
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", port);

	tls_set_int(listener, TLS_EARLY_DATA, MOST);
	return listener;
}

/* A listener; and clients of this process have a session of it. */
static int server_of(uint16_t *port)
{
	int listener = listen_early(port);

	visit_purge();
	assert_int_equal(visit(listener, *port, client_of()), 0);
	return listener;
}

static void wait_ms(int64_t ms)
{
	int64_t end = test_now_ms() + ms;

	while (test_now_ms() < end)
		poll(NULL, 0, (int)(end - test_now_ms()));
}

/* The server gets the byte that was sent, and answers. */
static void answer(int fd, int server)
{
	char c = 0;

	assert_int_equal(recv(server, &c, 1, 0), 1);
	assert_int_equal(c, 'x');
	assert_int_equal(send(server, "y", 1, 0), 1);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_int_equal(c, 'y');
}

/* By a connected client. Where what it sends is not early that needs the server. */
static void assert_works(int listener, int fd, bool early)
{
	int server = early ? -1 : (int)assert_ok(accept(listener, NULL, NULL));

	assert_int_equal(send(fd, "x", 1, 0), 1);
	if (early)
		server = (int)assert_ok(accept(listener, NULL, NULL));
	answer(fd, server);
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), early);
	close(fd);
	close(server);
}

/* A server says how long its tickets are good: less than clients keep sessions, as a rule. */
static void old_ticket(void **state)
{
	const long one = 1;
	uint16_t port;
	int listener = listen_early(&port), fd = -1;

	(void)state;
	assert_ok(setsockopt(listener, IPPROTO_TLS, TLS_SESSION_TTL, &one, sizeof(one)));
	for (int between = 0; between < 2; between++) {
		visit_purge();
		visit(listener, port, client_of());
		if (between) {
			fd = client_of();
			assert_ok(tls_connect(fd, AF_INET, port));
		}
		/* It is too old when its second second is over. */
		wait_ms(2100);
		if (!between) {
			fd = client_of();
			assert_ok(tls_connect(fd, AF_INET, port));
		}
		assert_works(listener, fd, false);
	}
	close(listener);
}

/* The handshake's time is that of the handshake, which begins with the first send. */
static void thinks_first(void **state)
{
	uint16_t port;
	int listener = server_of(&port), fd = client_of();

	(void)state;
	tls_set_int(fd, TLS_HANDSHAKE_TIMEOUT, SHORT_MS);
	assert_ok(tls_connect(fd, AF_INET, port));
	assert_int_equal(tls_get_int(fd, TLS_WANT), POLLOUT);
	wait_ms(2 * SHORT_MS);
	assert_works(listener, fd, true);
	close(listener);
}

/* accept waits for the first bytes of a client that its own thread has connected. */
static void one_thread(void **state)
{
	uint16_t port;
	int listener = server_of(&port);

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = client_of(), server;

		assert_ok(tls_connect(fd, AF_INET, port));
		server = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(send(fd, "x", 1, 0), 1);
		answer(fd, server);
		assert_int_equal(tls_get_int(server, TLS_RESUMED_SESSION), 1);
		close(fd);
		close(server);
	}
	close(listener);
}

static int send_and_exec(int fd)
{
	(void)fd;
	execlp("true", "true", NULL);
	return 1;
}

static int send_and_shut(int fd)
{
	assert_ok(shutdown(fd, SHUT_RD));
	return 0;
}

static int send_and_linger(int fd)
{
	const struct linger linger = {1, TEST_DEADLINE_MS / 1000};

	assert_ok(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	return close(fd);
}

static int send_and_dup(int fd)
{
	assert_ok(dup2(STDERR_FILENO, fd));
	return 0;
}

/* Its own _exit() follows. */
static int send_and_return(int fd)
{
	(void)fd;
	return 0;
}

static void end_at_once(int number)
{
	(void)number;
	_exit(0);
}

/* It may have come upon anything: what is early is lost, but nothing hangs. */
static int exit_in_handler(void *arg)
{
	const uint16_t *port = arg;
	int fd = client_of();

	assert_ok(tls_connect(fd, AF_INET, *port));
	assert_true(signal(SIGUSR1, end_at_once) != SIG_ERR);
	if (send(fd, data, 5, 0) != 5)
		return 1;
	raise(SIGUSR1);
	return 2;
}

static int send_and_exit(int fd)
{
	(void)fd;
	exit(0);
}

struct leave {
	uint16_t port;
	int (*leave)(int fd);
};

static int send_and_leave(void *arg)
{
	const struct leave *l = arg;
	int fd = client_of();

	assert_ok(tls_connect(fd, AF_INET, l->port));
	if (send(fd, data, 5, 0) != 5)
		return 2;
	return l->leave(fd);
}

/*
 * What send has reported the server gets, though it was not there yet. With a sanitizer's
 * handler of faults it is not known at _exit whether that is what runs.
 */
static void leaves(void **state)
{
	static int (*const ways[])(int fd) = {send_and_exec, send_and_shut, send_and_linger,
					      send_and_dup,  send_and_exit, send_and_return};
	struct sigaction fault;

	(void)state;
	stream_fill(0, data, sizeof(data));
	assert_ok(sigaction(SIGSEGV, NULL, &fault));
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct leave l = {.leave = ways[i]};
		int listener, server;
		pid_t pid;

		if (ways[i] == send_and_return && fault.sa_handler != SIG_DFL)
			continue;
		listener = server_of(&l.port);
		pid = child_start(send_and_leave, &l);
		/* For a while it hears nothing of the server. */
		wait_ms(SHORT_MS);
		server = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(recv(server, got, 5, MSG_WAITALL), 5);
		assert_memory_equal(got, data, 5);
		assert_int_equal(tls_get_int(server, TLS_EARLY_DATA), 5);
		close(server);
		assert_int_equal(child_finish(pid), 0);
		close(listener);
	}
}

static void leaves_in_handler(void **state)
{
	uint16_t port;
	int listener = server_of(&port), server;
	pid_t pid = child_start(exit_in_handler, &port);
	char c;

	(void)state;
	assert_int_equal(child_finish(pid), 0);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_true(recv(server, &c, 1, 0) < 0);
	close(server);
	close(listener);
}

static int send_and_die(void *arg)
{
	const uint16_t *port = arg;
	int fd = client_of();

	assert_ok(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SMALL_BUFFER}, sizeof(int)));
	assert_ok(tls_connect(fd, AF_INET, *port));
	if (send(fd, data, sizeof(data), 0) != (ssize_t)sizeof(data))
		return 1;
	raise(SIGKILL);
	return 2;
}

static size_t read_to_end(int fd)
{
	size_t n = 0;
	long r;

	do {
		r = raw_syscall(SYS_read, fd, (long)got, sizeof(got), 0, 0, 0);
		n += r > 0 ? (size_t)r : 0;
	} while (r > 0);
	return n;
}

/* A send that may wait has given all to the kernel when it returns. */
static void waits_for_room(void **state)
{
	uint16_t port;
	int listener = server_of(&port), fd;
	pid_t pid;

	(void)state;
	stream_fill(0, data, sizeof(data));
	pid = child_start(send_and_die, &port);
	fd = (int)assert_ok(raw_syscall(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC, 0, 0));
	assert_true(read_to_end(fd) > sizeof(data));
	assert_int_equal(child_finish(pid), 128 + SIGKILL);
	raw_close(fd);
	close(listener);
}

/* One that may not has said how much, and the rest is sent when there is room again. */
static void takes_what_fits(void **state)
{
	size_t sent, all = 0;
	uint16_t port;
	int listener = server_of(&port), fd = client_of(), server;
	ssize_t n;

	(void)state;
	stream_fill(0, data, sizeof(data));
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){64 * 1024}, sizeof(int)));
	assert_ok(tls_connect(fd, AF_INET, port));
	sent = (size_t)assert_ok(send(fd, data, sizeof(data), MSG_DONTWAIT));
	assert_in_range(sent, 1, 2 * 64 * 1024);
	assert_fails(send(fd, data + sent, sizeof(data) - sent, MSG_DONTWAIT), EAGAIN);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	while (all < sizeof(data)) {
		n = send(fd, data + sent, sizeof(data) - sent, MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		n = recv(server, got + all, sizeof(got) - all, MSG_DONTWAIT);
		all += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(stream_mismatch(0, got, all), all);
	assert_in_range(tls_get_int(server, TLS_EARLY_DATA), 1, 2 * 64 * 1024);
	close(fd);
	close(server);
	close(listener);
}

static int serve_end(void *arg)
{
	const int *listener = arg;
	int fd = (int)assert_ok(accept(*listener, NULL, NULL));
	char c;

	return recv(fd, &c, 1, 0) > 0;
}

/* As on TCP, what was shut before connect is shut after it. */
static void shut_before(void **state)
{
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_TLS};

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		bool tls = protocols[i] == IPPROTO_TLS;
		uint16_t port;
		int listener = tls ? server_of(&port) : net_listen(AF_INET, &port);
		pid_t pid = child_start(serve_end, &listener);
		int fd = tls ? client_of() : tls_socket(AF_INET, IPPROTO_TCP, NULL);

		assert_fails(shutdown(fd, SHUT_WR), ENOTCONN);
		assert_ok(tls_connect(fd, AF_INET, port));
		assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
		close(fd);
		assert_int_equal(child_finish(pid), 0);
		close(listener);
	}
}

static const struct CMUnitTest tests[] = {
	CASE(old_ticket),	 CASE(thinks_first),   CASE(one_thread),      CASE(leaves),
	CASE(leaves_in_handler), CASE(waits_for_room), CASE(takes_what_fits), CASE(shut_before),
};

int main(void)
{
	return compare_main("earlyends", NULL, 0, tests, COUNT(tests));
}
