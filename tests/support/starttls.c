/* SPDX-License-Identifier: MIT */
#include "starttls.h"
#include "raw.h"
#include "stream.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <tlssock.h>

void starttls_open(struct link *link, int family)
{
	char buf[16] = "";

	link_open(link, IPPROTO_TCP, family);
	assert_int_equal(send(link->client, "STARTTLS\n", 9, 0), 9);
	assert_int_equal(recv(link->server, buf, 9, MSG_WAITALL), 9);
	assert_int_equal(send(link->server, "go\n", 3, 0), 3);
	assert_int_equal(recv(link->client, buf, 3, MSG_WAITALL), 3);
}

int starttls_protocol(int fd, int protocol)
{
	return setsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(protocol));
}

void starttls_identify(int fd)
{
	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("good.pem"));
	tls_set_text(fd, TLS_PRIVATE_KEY, zoo("good.key"));
}

void starttls_expect(int fd, const char *name)
{
	tls_set_text(fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	if (name)
		tls_set_text(fd, TLS_HOSTNAME, name);
}

void starttls_both(const struct link *link)
{
	assert_ok(starttls_protocol(link->server, IPPROTO_TLS));
	starttls_identify(link->server);
	assert_ok(starttls_protocol(link->client, IPPROTO_TLS));
	starttls_expect(link->client, "localhost");
}

void starttls_exchange(int a, int b)
{
	char buf[16] = "";

	assert_int_equal(send(a, "sealed", 6, 0), 6);
	assert_int_equal(recv(b, buf, 6, MSG_WAITALL), 6);
	assert_string_equal(buf, "sealed");
	assert_int_equal(send(b, "opened", 6, 0), 6);
	assert_int_equal(recv(a, buf, 6, MSG_WAITALL), 6);
	assert_string_equal(buf, "opened");
}

int starttls_end(int fd)
{
	return starttls_protocol(fd, IPPROTO_TCP);
}

void starttls_nonblocking(int fd, bool on)
{
	assert_ok(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0));
}

void starttls_cork(int fd, int on)
{
	assert_ok(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
}

void starttls_open_tls(struct link *link)
{
	starttls_open(link, AF_INET);
	starttls_both(link);
	starttls_exchange(link->client, link->server);
}

/* By a call that no library sees. */
static void speak(int a, int b, const char *words)
{
	char buf[64] = "";
	long n = (long)strlen(words);

	assert_int_equal(send(a, words, (size_t)n, 0), n);
	assert_int_equal(raw_syscall(SYS_recvfrom, b, (long)buf, n, MSG_WAITALL, 0, 0), n);
	assert_string_equal(buf, words);
}

void starttls_check_plain(int a, int b)
{
	assert_fails(setsockopt(a, SOL_TLS, TLS_ROLE, &(int){0}, sizeof(int)), ENOPROTOOPT);
	assert_fails(starttls_end(a), ENOPROTOOPT);
	speak(a, b, "a word in the clear");
	speak(b, a, "and another");
	starttls_exchange(a, b);
}

void starttls_end_both(int first, int second)
{
	int flags = fcntl(first, F_GETFL);

	starttls_nonblocking(first, true);
	assert_fails(starttls_end(first), EAGAIN);
	assert_ok(starttls_end(second));
	assert_ok(fcntl(first, F_SETFL, flags & ~O_NONBLOCK));
	assert_ok(starttls_end(first));
}

void starttls_check_stream(int fd, size_t from, size_t n, size_t piece)
{
	char buf[65536];
	size_t got = 0;

	while (got < n) {
		ssize_t r = recv(fd, buf, piece < n - got ? piece : n - got, 0);

		assert_true(r > 0);
		assert_int_equal(stream_mismatch(from + got, buf, (size_t)r), r);
		got += (size_t)r;
	}
}
