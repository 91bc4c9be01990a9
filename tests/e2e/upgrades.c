/* SPDX-License-Identifier: MIT */
/*
 * A TCP socket that becomes a TLS socket after plain words, as STARTTLS has it: both roles,
 * both forms of the call, every number and every set that the socket has.
 */
#include "peer.h"
#include "starttls.h"
#include "trace.h"
#include "waiting.h"
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <tlssock.h>
#include <unistd.h>

static int family_of(void **state)
{
	return *(const int *)*state;
}

static void both_roles(void **state)
{
	struct link link;

	starttls_open(&link, family_of(state));
	starttls_both(&link);
	assert_int_equal(tls_get_int(link.client, TLS_ROLE), TLS_ROLE_CLIENT);
	assert_int_equal(tls_get_int(link.server, TLS_ROLE), TLS_ROLE_SERVER);
	starttls_exchange(link.client, link.server);
	assert_int_equal(tls_get_int(link.client, TLS_CHOSEN_VERSION), test_version());
	assert_string_equal(tls_get_text(link.server, TLS_HOSTNAME), "localhost");
	link_close(&link);
}

/* SSA's form: the name makes a client, nothing a server. */
static void as_ssa(void **state)
{
	struct link link;

	(void)state;
	starttls_open(&link, AF_INET);
	assert_ok(setsockopt(link.server, IPPROTO_TCP, TCP_UPGRADE_TLS, NULL, 0));
	starttls_identify(link.server);
	assert_ok(setsockopt(link.client, IPPROTO_TCP, TCP_UPGRADE_TLS, "localhost", 9));
	starttls_expect(link.client, NULL);
	assert_string_equal(tls_get_text(link.client, TLS_HOSTNAME), "localhost");
	starttls_exchange(link.client, link.server);
	link_close(&link);
}

/* Where nobody listens any more, and where the client is the one that was called. */
static void told_role(void **state)
{
	struct link link;

	(void)state;
	starttls_open(&link, AF_INET);
	assert_ok(starttls_protocol(link.client, IPPROTO_TLS));
	assert_ok(starttls_protocol(link.server, IPPROTO_TLS));
	tls_set_int(link.client, TLS_ROLE, TLS_ROLE_SERVER);
	tls_set_int(link.server, TLS_ROLE, TLS_ROLE_CLIENT);
	starttls_identify(link.client);
	starttls_expect(link.server, "localhost");
	starttls_exchange(link.server, link.client);
	assert_string_equal(tls_get_text(link.client, TLS_HOSTNAME), "localhost");
	assert_fails(setsockopt(link.client, SOL_TLS, TLS_ROLE, &(int){0}, sizeof(int)), EISCONN);
	link_close(&link);
}

/* What was not verified is not served: the name is the peer's address, if none is told. */
static void verified(void **state)
{
	static const char *const names[] = {"other.test", NULL};
	struct link link;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		starttls_open(&link, AF_INET6);
		starttls_both(&link);
		if (names[i])
			starttls_expect(link.client, names[i]);
		else
			tls_set_text(link.client, TLS_TRUSTED_PEER_CERTIFICATES,
				     zoo("other-ca.pem"));
		assert_fails(send(link.client, "secret", 6, MSG_NOSIGNAL), EPROTO);
		assert_fails(recv(link.server, (char[8]){0}, 8, 0), EPROTO);
		link_close(&link);
	}
}

/* Duplicates go with it, and keep their flag. */
static void numbers(void **state)
{
	struct link link;
	int twin, other;

	(void)state;
	starttls_open(&link, AF_INET);
	twin = (int)assert_ok(fcntl(link.client, F_DUPFD_CLOEXEC, 0));
	other = (int)assert_ok(dup(link.client));
	starttls_both(&link);
	assert_int_equal(fcntl(twin, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(other, F_GETFD), 0);
	assert_int_equal(fcntl(link.client, F_GETFD), 0);
	starttls_exchange(twin, link.server);
	close(link.client);
	link.client = other;
	starttls_exchange(other, link.server);
	close(twin);
	link_close(&link);
}

/* Sets that had the socket before show data, and nothing but data, after the handshake. */
static void sets(void **state)
{
	struct epoll_event event;
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct link link;
	char buf[8];

	(void)state;
	starttls_open(&link, AF_INET);
	net_epoll(epfd, EPOLL_CTL_ADD, link.client, EPOLLIN | EPOLLET, 77);
	starttls_both(&link);
	assert_ok(fcntl(link.client, F_SETFL, O_NONBLOCK));
	assert_ok(fcntl(link.server, F_SETFL, O_NONBLOCK));
	assert_fails(recv(link.server, buf, sizeof(buf), 0), EAGAIN);
	/* epoll_wait drives this end, each pass of the loop the other. */
	while (send(link.server, "data", 4, 0) < 0) {
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(epoll_wait(epfd, &event, 1, 10), 0);
	}
	assert_int_equal(epoll_wait(epfd, &event, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(event.data.u32, 77);
	assert_int_equal(event.events, EPOLLIN);
	assert_int_equal(recv(link.client, buf, sizeof(buf), 0), 4);
	assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
	close(epfd);
	link_close(&link);
}

/* poll waits for the handshake, as after a connect that does not wait. */
static void polled(void **state)
{
	struct pollfd p[2];
	struct link link;

	(void)state;
	starttls_open(&link, AF_INET);
	starttls_both(&link);
	assert_ok(fcntl(link.client, F_SETFL, O_NONBLOCK));
	assert_ok(fcntl(link.server, F_SETFL, O_NONBLOCK));
	p[0] = (struct pollfd){.fd = link.client, .events = POLLOUT};
	p[1] = (struct pollfd){.fd = link.server, .events = POLLOUT};
	while (!(p[0].revents && p[1].revents))
		assert_true(poll(p, 2, TEST_DEADLINE_MS) > 0);
	assert_int_equal(p[0].revents, POLLOUT);
	assert_int_equal(p[1].revents, POLLOUT);
	assert_ok(fcntl(link.client, F_SETFL, 0));
	assert_ok(fcntl(link.server, F_SETFL, 0));
	starttls_exchange(link.client, link.server);
	link_close(&link);
}

/* A listener: what it accepts from then on is TLS. */
static void listener(void **state)
{
	struct connecting connecting;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TCP, NULL, &port), fd;
	int client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	(void)state;
	assert_ok(starttls_protocol(listener, IPPROTO_TLS));
	starttls_identify(listener);
	connecting_start(&connecting, client, AF_INET, port);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_ok(connecting_finish(&connecting));
	close(fd);
	close(client);
	close(listener);
}

/* A socket that is nowhere yet. */
static void fresh(void **state)
{
	struct native_peer peer;
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, 0)), protocol;
	socklen_t len = sizeof(protocol);

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--connections", "1", NULL);
	assert_ok(starttls_protocol(fd, IPPROTO_TLS_1_2));
	starttls_expect(fd, "localhost");
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len));
	assert_int_equal(protocol, IPPROTO_TLS_1_2);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	close(fd);
	proc_finish(&peer.proc);
}

static void refused(void **state)
{
	char long_name[256];
	int udp = socket(AF_INET, SOCK_DGRAM, 0), ends[2], tcp, value = IPPROTO_TLS;
	struct link link;

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	assert_fails(starttls_protocol(udp, IPPROTO_TLS), EPROTOTYPE);
	assert_fails(starttls_protocol(ends[0], IPPROTO_TLS), EPROTOTYPE);
	assert_fails(starttls_protocol(-1, IPPROTO_TLS), EBADF);
	assert_fails(starttls_protocol(0, IPPROTO_TLS), ENOTSOCK);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	assert_fails(starttls_protocol(tcp, 272), EPROTOTYPE);
	/* The kernel's own answers. */
	assert_fails(starttls_protocol(tcp, IPPROTO_UDP), ENOPROTOOPT);
	assert_fails(setsockopt(tcp, SOL_SOCKET, SO_PROTOCOL, &value, 3), EINVAL);
	memset(long_name, 'x', sizeof(long_name));
	assert_fails(setsockopt(tcp, IPPROTO_TCP, TCP_UPGRADE_TLS, long_name, 256), EINVAL);
	assert_fails(setsockopt(tcp, IPPROTO_TCP, TCP_UPGRADE_TLS, NULL, 9), EFAULT);
	/* Nothing has happened. */
	assert_fails(setsockopt(tcp, SOL_TLS, TLS_ROLE, &value, sizeof(value)), ENOPROTOOPT);
	close(tcp);
	close(udp);
	close(ends[0]);
	close(ends[1]);
	starttls_open(&link, AF_INET);
	starttls_both(&link);
	starttls_exchange(link.client, link.server);
	assert_fails(starttls_protocol(link.client, IPPROTO_TLS), EOPNOTSUPP);
	starttls_exchange(link.client, link.server);
	link_close(&link);
}

/* A client of OpenSSL that speaks SMTP first. */
static void starttls(void **state)
{
	char address[32], buf[64];
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TCP, NULL, &port), fd;
	ssize_t n;

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-starttls", "smtp",
		   "-servername", "localhost", "-verify_hostname", "localhost", "-CAfile",
		   zoo("ca.pem"), "-verify_return_error", "-quiet", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(fd, "220 test ESMTP\r\n", 16, 0), 16);
	assert_true(recv(fd, buf, sizeof(buf), 0) > 4); /* EHLO */
	assert_int_equal(send(fd, "250 STARTTLS\r\n", 14, 0), 14);
	n = recv(fd, buf, sizeof(buf), 0);
	assert_true(n == 10 && strncmp(buf, "STARTTLS\r\n", 10) == 0);
	assert_int_equal(send(fd, "220 go\r\n", 8, 0), 8);
	assert_ok(starttls_protocol(fd, IPPROTO_TLS));
	starttls_identify(fd);
	assert_int_equal(send(fd, "250 sealed\r\n", 12, 0), 12);
	free(proc_line(&proc, "250 sealed"));
	close(fd);
	close(listener);
	proc_finish(&proc);
}

static const int families[] = {AF_INET, AF_INET6};

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW_CASE("both roles, IPv4", both_roles, ROW(families[0])),
		ROW_CASE("both roles, IPv6", both_roles, ROW(families[1])),
		CASE(as_ssa),
		CASE(told_role),
		CASE(verified),
		CASE(numbers),
		CASE(sets),
		CASE(polled),
		CASE(listener),
		CASE(fresh),
		CASE(refused),
		CASE(starttls),
	};

	return compare_main("upgrades", NULL, 0, tests, COUNT(tests));
}
