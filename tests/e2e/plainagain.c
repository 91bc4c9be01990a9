/* SPDX-License-Identifier: MIT */
/*
 * What is with a socket when it is TCP's again, and when it is not to be: its numbers and
 * options, streams, threads, processes; and peers that others have written.
 */
#include "child.h"
#include "peer.h"
#include "raw.h"
#include "starttls.h"
#include "trace.h"
#include "waiting.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static int kernels(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_ok(raw_syscall(SYS_getsockopt, fd, level, name, (long)&value, (long)&len, 0));
	return value;
}

static void set_options(int fd, int low)
{
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){0}, sizeof(int)));
	assert_ok(setsockopt(fd, IPPROTO_TCP, TCP_INQ, &(int){1}, sizeof(int)));
}

/* Up and down again and again; every number goes with it, and the kernel has what was set. */
static void again(void **state)
{
	struct link link;
	int twin, other;

	(void)state;
	starttls_open(&link, AF_INET);
	assert_ok(setsockopt(link.client, IPPROTO_TCP, TCP_NODELAY, &(int){0}, sizeof(int)));
	twin = (int)assert_ok(fcntl(link.client, F_DUPFD_CLOEXEC, 0));
	for (int i = 0; i < 3; i++) {
		starttls_both(&link);
		starttls_exchange(link.client, link.server);
		other = (int)assert_ok(dup(link.client));
		set_options(link.client, 1 + i);
		if (i % 2)
			starttls_end_both(twin, link.server);
		else
			starttls_end_both(link.server, other);
		if (i % 2 == 0)
			assert_int_equal(fcntl(other, F_GETFD), 0);
		assert_int_equal(raw_syscall(SYS_fcntl, other, F_GETFD, 0, 0, 0, 0), 0);
		assert_int_equal(raw_syscall(SYS_fcntl, twin, F_GETFD, 0, 0, 0, 0), FD_CLOEXEC);
		assert_int_equal(kernels(twin, SOL_SOCKET, SO_RCVLOWAT), 1 + i);
		assert_int_equal(kernels(twin, SOL_SOCKET, SO_OOBINLINE), 0);
		assert_int_equal(kernels(twin, IPPROTO_TCP, TCP_INQ), 1);
		assert_int_equal(kernels(twin, IPPROTO_TCP, TCP_NODELAY), 0);
		starttls_check_plain(other, link.server);
		starttls_check_plain(link.server, twin);
		close(other);
	}
	close(twin);
	link_close(&link);
}

static void refused(void **state)
{
	int value = IPPROTO_TCP;
	struct link link;
	char buf[8];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(starttls_end(link.client), EOPNOTSUPP);
	assert_fails(starttls_end(link.server), EOPNOTSUPP);
	assert_fails(starttls_end(link.listener), EOPNOTSUPP);
	starttls_exchange(link.client, link.server);
	link_close(&link);
	starttls_open_tls(&link);
	assert_fails(starttls_protocol(link.client, IPPROTO_UDP), EOPNOTSUPP);
	assert_fails(setsockopt(link.client, SOL_SOCKET, SO_PROTOCOL, &value, 3), EINVAL);
	assert_fails(setsockopt(link.client, SOL_SOCKET, SO_PROTOCOL, NULL, 4), EFAULT);
	starttls_exchange(link.client, link.server);
	assert_ok(shutdown(link.client, SHUT_WR));
	assert_fails(starttls_end(link.client), EPIPE);
	/* The peer's half is open, and stays so when it has asked in vain. */
	starttls_nonblocking(link.client, true);
	assert_ok(starttls_end(link.server));
	assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 0);
	link_close(&link);
}

/* FIN without close_notify: nobody knows whether that is all. A failed one stays failed. */
static void cut(void **state)
{
	struct link link;

	(void)state;
	starttls_open_tls(&link);
	assert_ok(raw_syscall(SYS_shutdown, link.server, SHUT_WR, 0, 0, 0, 0));
	assert_fails(starttls_end(link.client), ECONNRESET);
	assert_fails(send(link.client, "x", 1, MSG_NOSIGNAL), EPIPE);
	link_close(&link);
	starttls_open_tls(&link);
	assert_int_equal(raw_syscall(SYS_write, link.server, (long)"in the clear", 12, 0, 0, 0),
			 12);
	assert_fails(starttls_end(link.client), EPROTO);
	assert_fails(starttls_end(link.client), EPROTO);
	link_close(&link);
}

/* A peer that does not wait: behind its close_notify is the program's, whatever was looked at. */
static void in_one_go(void **state)
{
	struct link link;
	struct pollfd p = {.events = POLLIN};
	char buf[64];

	(void)state;
	starttls_open_tls(&link);
	p.fd = link.client;
	assert_int_equal(send(link.server, "one", 3, 0), 3);
	assert_int_equal(poll(&p, 1, -1), 1);
	starttls_nonblocking(link.server, true);
	assert_fails(starttls_end(link.server), EAGAIN);
	assert_int_equal(raw_syscall(SYS_write, link.server, (long)"plain", 5, 0, 0, 0), 5);
	assert_int_equal(recv(link.client, buf, sizeof(buf), 0), 3);
	assert_int_equal(recv(link.client, buf, sizeof(buf), 0), 0);
	assert_ok(starttls_end(link.client));
	assert_int_equal(recv(link.client, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "plain", 5);
	link_close(&link);
}

/* What such a peer says to one that has closed does not cost it what was on its way. */
static void closed_meanwhile(void **state)
{
	static char block[1 << 16];
	size_t sent = 0, came = 0;
	struct link link;
	ssize_t n;

	(void)state;
	starttls_open_tls(&link);
	starttls_nonblocking(link.server, true);
	assert_fails(starttls_end(link.server), EAGAIN);
	starttls_nonblocking(link.server, false);
	assert_int_equal(recv(link.client, block, sizeof(block), 0), 0);
	while ((n = send(link.client, block, sizeof(block), MSG_DONTWAIT)) > 0)
		sent += (size_t)n;
	link_drop(&link.client);
	assert_int_equal(raw_syscall(SYS_write, link.server, (long)"plain", 5, 0, 0, 0), 5);
	while ((n = recv(link.server, block, sizeof(block), 0)) > 0)
		came += (size_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(came, sent);
	link_close(&link);
}

/* Without a connection nothing has to be said. */
static void nowhere(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TCP, NULL, &port), fd, client;

	(void)state;
	assert_ok(starttls_protocol(listener, IPPROTO_TLS));
	assert_ok(starttls_end(listener));
	assert_fails(starttls_end(listener), ENOPROTOOPT);
	client = socket(AF_INET, SOCK_STREAM, 0);
	assert_ok(starttls_protocol(client, IPPROTO_TLS));
	assert_ok(starttls_end(client));
	assert_ok(tls_connect(client, AF_INET, port));
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	starttls_check_plain(client, fd);
	close(fd);
	close(client);
	close(listener);
}

/* What was written for TLS is not flushed into the clear. */
static void streams(void **state)
{
	struct link link;
	char buf[16] = "";
	FILE *f;

	(void)state;
	starttls_open_tls(&link);
	f = fdopen(dup(link.client), "w");
	assert_non_null(f);
	assert_true(fputs("secret", f) >= 0);
	starttls_nonblocking(link.client, true);
	assert_fails(starttls_end(link.client), EBUSY);
	starttls_nonblocking(link.client, false);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 6);
	starttls_end_both(link.server, link.client);
	assert_true(fputs("public", f) >= 0);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(raw_syscall(SYS_recvfrom, link.server, (long)buf, 16, 0, 0, 0), 6);
	assert_string_equal(buf, "public");
	assert_int_equal(fclose(f), 0);
	starttls_check_plain(link.client, link.server);
	link_close(&link);
}

static ssize_t poll_there(struct waiting *w)
{
	struct pollfd p = {.fd = w->fd, .events = POLLRDHUP};
	int r = poll(&p, 1, TEST_DEADLINE_MS);

	return r == 1 ? p.revents : -1;
}

/* Threads beside it: one in poll goes on, and one in recv ends with TLS. */
static void threads(void **state)
{
	struct waiting polls, receives;
	struct link link;

	(void)state;
	starttls_open_tls(&link);
	waiting_start_in(&polls, link.client, poll_there);
	waiting_start(&receives, link.client);
	starttls_nonblocking(link.server, true);
	assert_fails(starttls_end(link.server), EAGAIN);
	waiting_finish(&receives);
	assert_int_equal(receives.result, 0);
	assert_ok(starttls_end(link.client));
	starttls_nonblocking(link.server, false);
	assert_ok(starttls_end(link.server));
	starttls_check_plain(link.client, link.server);
	assert_ok(shutdown(link.server, SHUT_WR));
	waiting_finish(&polls);
	assert_int_equal(polls.result, POLLRDHUP);
	link_close(&link);
}

/* The process that has the session, and no other. */
static void owner(void **state)
{
	struct link link;
	char c;
	pid_t pid;

	(void)state;
	starttls_open_tls(&link);
	pid = fork();
	if (pid == 0) {
		test_failure_exits = 1;
		assert_int_equal(send(link.client, "x", 1, 0), 1);
		_exit(0);
	}
	assert_int_equal(recv(link.server, &c, 1, 0), 1);
	assert_int_equal(proc_reap(pid), 0);
	assert_fails(starttls_end(link.client), EBADFD);
	assert_fails(send(link.client, "x", 1, MSG_NOSIGNAL), EBADFD);
	link_close(&link);
}

struct other {
	const char *name, *program, *mode;
	bool we_serve;
};

static const struct other others[] = {
	{"OpenSSL answers, we are the client", "openssl-peer", "left", false},
	{"OpenSSL answers, we are the server", "openssl-peer", "left", true},
	{"OpenSSL begins, we are the client", "openssl-peer", "leave", false},
	{"OpenSSL begins, we are the server", "openssl-peer", "leave", true},
	{"GnuTLS answers, we are the client", "gnutls-peer", "left", false},
	{"GnuTLS answers, we are the server", "gnutls-peer", "left", true},
	{"GnuTLS begins, we are the client", "gnutls-peer", "leave", false},
	{"GnuTLS begins, we are the server", "gnutls-peer", "leave", true},
};

static int meet(const struct other *other, struct native_peer *peer)
{
	const char *version = test_version() == TLS_1_2 ? "1.2" : "1.3";
	uint16_t port;
	int listener, fd;

	if (other->we_serve) {
		listener = tls_listen(AF_INET, IPPROTO_TCP, NULL, &port);
		peer_connect(peer, other->program, AF_INET, port, "--mode", other->mode,
			     "--version", version, "--bytes", "40000", NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		assert_ok(starttls_protocol(fd, IPPROTO_TLS));
		starttls_identify(fd);
		close(listener);
		return fd;
	}
	peer_listen(peer, other->program, AF_INET, "good", "--connections", "1", "--mode",
		    other->mode, "--version", version, "--bytes", "40000", NULL);
	fd = net_connect(AF_INET, peer->port);
	assert_ok(starttls_protocol(fd, IPPROTO_TLS));
	starttls_expect(fd, "localhost");
	return fd;
}

static void with_others(void **state)
{
	const struct other *other = *state;
	struct native_peer peer;
	int fd = meet(other, &peer);
	char buf[64] = "";

	if (strcmp(other->mode, "leave") == 0) {
		starttls_check_stream(fd, 0, 40000, 65536);
		assert_int_equal(recv(fd, buf, 1, 0), 0);
	} else {
		assert_int_equal(send(fd, "sealed", 6, 0), 6);
		assert_int_equal(recv(fd, buf, 6, MSG_WAITALL), 6);
		assert_string_equal(buf, "sealed");
	}
	/* Where the peer's close_notify is there, ours goes in one segment with what follows. */
	starttls_cork(fd, strcmp(other->mode, "leave") == 0);
	assert_ok(starttls_end(fd));
	assert_int_equal(send(fd, "echo\n", 5, 0), 5);
	starttls_cork(fd, 0);
	assert_int_equal(recv(fd, buf, 13 + 5, MSG_WAITALL), 13 + 5);
	buf[18] = '\0';
	assert_string_equal(buf, "in the clear\necho\n");
	assert_ok(shutdown(fd, SHUT_WR));
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 0);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

#define ROWS(function, table) ROW_CASE(table.name, function, ROW(table))

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(again),
		CASE(refused),
		CASE(cut),
		CASE(in_one_go),
		CASE(closed_meanwhile),
		CASE(nowhere),
		CASE(streams),
		CASE(threads),
		CASE(owner),
		ROWS(with_others, others[0]),
		ROWS(with_others, others[1]),
		ROWS(with_others, others[2]),
		ROWS(with_others, others[3]),
		ROWS(with_others, others[4]),
		ROWS(with_others, others[5]),
		ROWS(with_others, others[6]),
		ROWS(with_others, others[7]),
	};

	return compare_main("plainagain", NULL, 0, tests, COUNT(tests));
}
