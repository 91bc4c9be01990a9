/* SPDX-License-Identifier: MIT */
/* connect() and accept(): what goes wrong before a byte of the program's is sent. */
#include "peer.h"
#include "raw.h"
#include "trace.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

static void wrong_state(struct link *l, struct trace *t)
{
	union net_address address;
	socklen_t length = net_loopback(&address, l->family, l->port);
	int fresh = tls_socket(l->family, l->protocol, "localhost");
	char c;

	CALL(t, send(fresh, "x", 1, MSG_NOSIGNAL));
	CALL(t, recv(fresh, &c, 1, 0));
	CALL(t, accept(fresh, NULL, NULL));
	CALL(t, connect(l->client, &address.any, length));
	CALL(t, bind(l->client, &address.any, length));
	CALL(t, accept(l->client, NULL, NULL));
	CALL(t, connect(l->listener, &address.any, length));
	CALL(t, send(l->listener, "x", 1, MSG_NOSIGNAL));
	CALL(t, recv(l->listener, &c, 1, 0));
	close(fresh);
}

static void bad_arguments(struct link *l, struct trace *t)
{
	union net_address address;
	socklen_t length = net_loopback(&address, l->family, l->port);
	int fresh = tls_socket(l->family, l->protocol, "localhost");

	CALL(t, connect(fresh, &address.any, 2));
	CALL(t, connect(fresh, &address.any, 0));
	address.any.sa_family = 99;
	CALL(t, connect(fresh, &address.any, length));
	CALL(t, bind(fresh, &address.any, 1));
	CALL(t, accept4(l->listener, NULL, NULL, 0x77));
	CALL(t, connect(0, &address.any, length) < 0);
	close(fresh);
}

static void accept_addresses(struct link *l, struct trace *t)
{
	int client = tls_socket(l->family, l->protocol, "localhost"), server;
	union net_address address;
	socklen_t length = sizeof(address);
	struct connecting connecting;

	connecting_start(&connecting, client, l->family, l->port);
	server = accept4(l->listener, &address.any, &length, SOCK_CLOEXEC);
	trace_note(t, "family %d length %u\n", address.any.sa_family, length);
	CALL(t, fcntl(server, F_GETFD));
	CALL(t, send(server, "hi", 2, 0));
	CALL(t, connecting_finish(&connecting));
	close(client);
	close(server);
}

/* A port that nobody listens on, known to be free a moment ago. */
static void refused(struct link *l, struct trace *t)
{
	int fresh = tls_socket(l->family, l->protocol, "localhost"), listener;
	uint16_t port;

	listener = net_listen(l->family, &port);
	close(listener);
	CALL(t, tls_connect(fresh, l->family, port));
	close(fresh);
}

/* What may be tried on a socket at a time when its connect has not been answered. */
static void unanswered(struct link *l, struct trace *t, int fd)
{
	const struct timeval timeout = {0, 50000};
	union net_address address;
	socklen_t length = net_loopback(&address, l->family, 0);

	CALL(t, setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	CALL(t, tls_connect(fd, l->family, l->port));
	CALL(t, fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(t, tls_connect(fd, l->family, l->port));
	CALL(t, send(fd, "x", 1, MSG_NOSIGNAL));
	CALL(t, recv(fd, (char[1]){0}, 1, 0));
	CALL(t, bind(fd, &address.any, length));
}

/* A listener whose queue is full throws SYNs away. */
static void black_hole(struct link *l, struct trace *t)
{
	int hole = net_listen(l->family, &l->port), filler, fd;
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	assert_ok(listen(hole, 0));
	filler = net_connect(l->family, l->port);
	while (info.tcpi_unacked == 0) { /* how many it has in its queue */
		assert_ok(getsockopt(hole, IPPROTO_TCP, TCP_INFO, &info, &length));
		sched_yield();
	}
	fd = tls_socket(l->family, l->protocol, "localhost");
	unanswered(l, t, fd);
	close(fd);
	fd = tls_socket(l->family, l->protocol, "localhost");
	/* At the first time that it asks again, a second later. */
	CALL(t, setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){1}, sizeof(int)));
	CALL(t, tls_connect(fd, l->family, l->port));
	CALL(t, send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
	close(filler);
	close(hole);
}

static void timed_accept(struct link *l, struct trace *t)
{
	const struct timeval timeout = {0, 50000};

	setsockopt(l->listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	CALL(t, accept(l->listener, NULL, NULL));
}

static const struct compare_case cases[] = {
	{"calls in the wrong state", wrong_state},     {"bad arguments", bad_arguments},
	{"accept4 and its address", accept_addresses}, {"a closed port", refused},
	{"accept with SO_RCVTIMEO", timed_accept},     {"a black hole", black_hole},
};

/* TCP says EINVAL; the Secure Socket API says this. */
static void listen_when_connected(void **state)
{
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(listen(link.client, 1), EOPNOTSUPP);
	assert_int_equal(send(link.client, "x", 1, 0), 1);
	link_close(&link);
}

static const struct {
	int domain, type, protocol, error;
} wrong_sockets[] = {
	{AF_UNIX, SOCK_STREAM, IPPROTO_TLS, EAFNOSUPPORT},
	{AF_UNSPEC, SOCK_STREAM, IPPROTO_TLS, EAFNOSUPPORT},
	{9999, SOCK_STREAM, IPPROTO_TLS, EAFNOSUPPORT},
	{AF_INET, SOCK_DGRAM, IPPROTO_TLS_1_2, EPROTOTYPE},
	{AF_INET, SOCK_DGRAM, IPPROTO_TLS_1_3, EPROTOTYPE},
	{AF_INET, SOCK_STREAM, 272, EPROTOTYPE}, /* Zephyr's DTLS numbers */
	{AF_INET6, SOCK_STREAM, 273, EPROTOTYPE},
	{AF_INET, SOCK_SEQPACKET, IPPROTO_TLS, ESOCKTNOSUPPORT},
	{AF_HOSTNAME, SOCK_DGRAM, IPPROTO_TLS_1_2, EPROTOTYPE},
	{AF_INET, SOCK_STREAM, 206, EPROTONOSUPPORT},
	{AF_INET, SOCK_STREAM, 256, 0}, /* IPPROTO_SMC is the kernel's, whatever it says */
};

static void wrong_socket(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_sockets); i++) {
		int fd = socket(wrong_sockets[i].domain, wrong_sockets[i].type,
				wrong_sockets[i].protocol);

		if (wrong_sockets[i].error)
			assert_fails(fd, wrong_sockets[i].error);
		else if (fd >= 0)
			close(fd);
	}
}

/* The kernel's, whatever its number: raw sockets, and options of its own kernel TLS. */
static void kernels_own(void **state)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_TLS), error = errno, plain;
	long raw = raw_syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_TLS, 0, 0, 0);

	(void)state;
	assert_int_equal(fd < 0 ? error : 0, raw < 0 ? errno : 0);
	if (fd >= 0)
		assert_true(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, "x", 1) < 0);
	if (fd >= 0)
		close(fd);
	if (raw >= 0)
		close((int)raw);
	plain = (int)assert_ok(socket(AF_INET, SOCK_STREAM, 0));
	for (int name = 1; name <= 4; name++) {
		int value = 0;

		errno = 0;
		raw = raw_syscall(SYS_setsockopt, plain, SOL_TLS, name, (long)&value, 4, 0);
		error = errno;
		errno = 0;
		assert_int_equal(setsockopt(plain, SOL_TLS, name, &value, 4), raw);
		assert_int_equal(errno, error);
	}
	close(plain);
}

static void socket_flags(void **state)
{
	static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};

	(void)state;
	for (size_t i = 0; i < COUNT(flags); i++) {
		int fd = (int)assert_ok(socket(AF_HOSTNAME, SOCK_STREAM | flags[i], IPPROTO_TLS));

		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK,
				 flags[i] & SOCK_NONBLOCK ? O_NONBLOCK : 0);
		assert_int_equal(fcntl(fd, F_GETFD), flags[i] & SOCK_CLOEXEC ? FD_CLOEXEC : 0);
		close(fd);
	}
}

/* What answers our ClientHello with something else. */
struct stranger {
	const char *title, *mode;
};

static const struct stranger strangers[] = {
	{"junk instead of a handshake", "junk"},
	{"a close instead of a handshake", "hangup"},
};

static void meets_stranger(void **state)
{
	const struct stranger *row = *state;
	struct native_peer peer;
	const char *text;
	int fd;
	char c;

	peer_listen(&peer, "openssl-peer", AF_INET, "good", "--mode", row->mode, "--connections",
		    "1", NULL);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	assert_fails(tls_connect(fd, AF_INET, peer.port), EPROTO);
	text = tls_get_text(fd, TLS_ERROR);
	assert_non_null(strstr(text, "127.0.0.1"));
	assert_non_null(strstr(text, "handshake"));
	assert_true(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	assert_ok(close(fd));
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* A server that accepts a stranger: the call that needs the handshake says EPROTO. */
static void stranger_comes(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), client, server;
	char c;

	(void)state;
	client = net_connect(AF_INET, port);
	assert_int_equal(send(client, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(server, &c, 1, 0), EPROTO);
	close(server);
	close(client);
	close(listener);
}

static void silent_server(void **state)
{
	struct native_peer peer;
	unsigned int limit = 150;
	int64_t before;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--mode", "silent", "--connections", "1",
		    NULL);
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE_TIMEOUT, &limit, sizeof(limit)));
	before = test_now_ms();
	assert_fails(tls_connect(fd, AF_INET, peer.port), ETIMEDOUT);
	assert_in_range(test_now_ms() - before, 140, 5000);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static socklen_t host_address(struct sockaddr_host *address, const char *name, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	address->sh_family = AF_HOSTNAME;
	address->sh_port = htons(port);
	memcpy(address->sh_addr.name, name, strlen(name) + 1);
	return (socklen_t)(offsetof(struct sockaddr_host, sh_addr) + strlen(name) + 1);
}

static const struct named {
	const char *title, *name, *sni;
	int family;
	int whole; /* the address has its full size, not only what holds the name */
} named[] = {
	{"AF_HOSTNAME, a name", "localhost", "sni=localhost ", AF_INET, 1},
	{"AF_HOSTNAME, a shorter address", "localhost", "sni=localhost ", AF_INET, 0},
	{"AF_HOSTNAME, an IPv4 literal", "127.0.0.1", "sni=- ", AF_INET, 1},
	{"AF_HOSTNAME, an IPv6 literal", "::1", "sni=- ", AF_INET6, 1},
};

/* No TLS_HOSTNAME here: the name of the address is the one to verify. */
static void by_name(void **state)
{
	const struct named *row = *state;
	struct sockaddr_host address;
	struct native_peer peer;
	int fd = tls_socket(AF_HOSTNAME, IPPROTO_TLS, NULL);
	socklen_t length;
	char *line, c;

	peer_listen(&peer, "gnutls-peer", row->family, "good", "--mode", "source", "--bytes", "1",
		    "--connections", "1", NULL);
	length = host_address(&address, row->name, peer.port);
	assert_ok(connect(fd, (struct sockaddr *)&address, row->whole ? sizeof(address) : length));
	line = proc_line(&peer.proc, "handshake ok");
	assert_non_null(strstr(line, row->sni));
	free(line);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_ok(close(fd));
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static void unknown_name(void **state)
{
	struct sockaddr_host address;
	socklen_t length = host_address(&address, "no-such-host.invalid", 443);
	int fd = tls_socket(AF_HOSTNAME, IPPROTO_TLS, NULL);

	(void)state;
	assert_fails(connect(fd, (struct sockaddr *)&address, length), EHOSTUNREACH);
	assert_fails(connect(fd, (struct sockaddr *)&address, 3), EINVAL);
	close(fd);
	assert_fails(socket(AF_HOSTNAME, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static const struct CMUnitTest others[] = {
	CASE(listen_when_connected), CASE(wrong_socket),  CASE(kernels_own),  CASE(socket_flags),
	CASE(stranger_comes),	     CASE(silent_server), CASE(unknown_name),
};

int main(void)
{
	struct CMUnitTest tests[COUNT(others) + COUNT(strangers) + COUNT(named)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	for (size_t i = 0; i < COUNT(strangers); i++)
		tests[n++] = ROW_CASE(strangers[i].title, meets_stranger, ROW(strangers[i]));
	for (size_t i = 0; i < COUNT(named); i++)
		tests[n++] = ROW_CASE(named[i].title, by_name, ROW(named[i]));
	return compare_main("connecting", cases, COUNT(cases), tests, n);
}
