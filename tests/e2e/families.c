/* SPDX-License-Identifier: MIT */
/*
 * SSA's protocol number beside Zephyr's: what a socket begins with, which error is told of
 * what goes wrong, and the options that take and give lists.
 */
#include "ends.h"
#include "gate.h"
#include "peer.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

/* Weak: the preloaded program is not linked with the library, and finds them all the same. */
#pragma weak tls_credential_add
#pragma weak tls_credential_delete

enum { PATIENCE_MS = 10000 };

/* A number, and what it makes of the errors that are told in two ways. */
static const struct family {
	const char *title;
	int protocol;
	int refused;   /* a handshake */
	int damaged;   /* recv of a record that is no record */
	int gone;      /* send after a failure, or the peer's end and reset */
	int signals;   /* SIGPIPE with it */
	int truncated; /* recv of a FIN without close_notify; 0: the end */
	int reuse, accept_mode;
} families[] = {
	{"IPPROTO_TLS", IPPROTO_TLS, EPROTO, EBADMSG, EPIPE, 1, ECONNRESET, 1,
	 TLS_HANDSHAKE_DEFERRED},
	{"IPPROTO_TLS_1_0", IPPROTO_TLS_1_0, ECONNABORTED, ECONNABORTED, ECONNABORTED, 0, 0, 0,
	 TLS_HANDSHAKE_INLINE},
	{"IPPROTO_TLS_1_2", IPPROTO_TLS_1_2, ECONNABORTED, ECONNABORTED, ECONNABORTED, 0, 0, 0,
	 TLS_HANDSHAKE_INLINE},
};

static void defaults(void **state)
{
	const struct family *f = *state;
	uint16_t port;
	int fd = tls_socket(AF_INET, f->protocol, NULL);
	int listener = tls_listen(AF_INET, f->protocol, "good", &port);

	assert_int_equal(tls_get_int(fd, TLS_PEER_VERIFY), TLS_PEER_VERIFY_REQUIRED);
	assert_int_equal(tls_get_int(listener, TLS_PEER_VERIFY), TLS_PEER_VERIFY_NONE);
	tls_set_text(listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	assert_int_equal(tls_get_int(listener, TLS_PEER_VERIFY), TLS_PEER_VERIFY_REQUIRED);
	assert_int_equal(tls_get_int(fd, TLS_ROLE), TLS_ROLE_CLIENT);
	assert_int_equal(tls_get_int(listener, TLS_DTLS_ROLE), TLS_DTLS_ROLE_SERVER);
	assert_int_equal(tls_get_int(fd, TLS_HANDSHAKE_MODE), TLS_HANDSHAKE_INLINE);
	assert_int_equal(tls_get_int(listener, TLS_HANDSHAKE_MODE), f->accept_mode);
	assert_int_equal(tls_get_int(fd, TLS_SESSION_REUSE), f->reuse);
	assert_int_equal(tls_get_int(fd, TLS_SESSION_CACHE), f->reuse);
	assert_int_equal(tls_get_int(fd, TLS_ALLOW_TRUNCATION), f->truncated == 0);
	assert_int_equal(tls_get_int(fd, TLS_DTLS_HANDSHAKE_TIMEOUT_MIN), 1000);
	assert_int_equal(tls_get_int(fd, TLS_DTLS_HANDSHAKE_TIMEOUT_MAX), 60000);
	assert_int_equal(tls_get_int(fd, TLS_DTLS_HANDSHAKE_ON_CONNECT), 1);
	close(fd);
	close(listener);
}

/* Each value that an option has is taken, and read back where it can be; the next is not. */
static void values(void **state)
{
	static const struct {
		int option, least, most;
		int read; /* can it be */
	} rows[] = {
		{TLS_DTLS_ROLE, 0, 1, 1},
		{TLS_ROLE, 0, 1, 1},
		{TLS_CERT_NOCOPY, 0, 1, 0},
		{TLS_NATIVE, 0, 1, 0},
		{TLS_DTLS_HANDSHAKE_ON_CONNECT, 0, 1, 1},
		{TLS_MAX_FRAGMENT_LENGTH, 0, 4, 1},
		{TLS_PEER_VERIFY, 0, 2, 1},
		{TLS_SESSION_CACHE, 0, 1, 1},
		{TLS_HANDSHAKE_MODE, 0, 1, 1},
		{TLS_ALLOW_TRUNCATION, 0, 1, 1},
		{TLS_INSECURE_NO_VERIFY, 0, 1, 0},
		{TLS_REQUEST_PEER_AUTH, 0, 1, 1},
	};
	const struct family *f = *state;
	int fd = tls_socket(AF_INET, f->protocol, NULL);

	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int value = rows[i].most; value >= rows[i].least; value--) {
			tls_set_int(fd, rows[i].option, value);
			if (rows[i].read)
				assert_int_equal(tls_get_int(fd, rows[i].option), value);
		}
		assert_fails(setsockopt(fd, SOL_TLS, rows[i].option, &(int){rows[i].least - 1},
					sizeof(int)),
			     EINVAL);
		assert_fails(setsockopt(fd, SOL_TLS, rows[i].option, &(int){rows[i].most + 1},
					sizeof(int)),
			     EINVAL);
	}
	for (int option = TLS_DTLS_HANDSHAKE_TIMEOUT_MIN; option <= TLS_DTLS_HANDSHAKE_TIMEOUT_MAX;
	     option++) {
		tls_set_int(fd, option, -1); /* the most that a uint32_t has */
		assert_int_equal(tls_get_int(fd, option), -1);
		tls_set_int(fd, option, 1);
		assert_fails(setsockopt(fd, SOL_TLS, option, &(int){0}, sizeof(int)), EINVAL);
		assert_int_equal(tls_get_int(fd, option), 1);
	}
	/* INSECURE_NO_VERIFY is PEER_VERIFY by another name. */
	tls_set_int(fd, TLS_INSECURE_NO_VERIFY, 1);
	assert_int_equal(tls_get_int(fd, TLS_PEER_VERIFY), TLS_PEER_VERIFY_NONE);
	tls_set_int(fd, TLS_INSECURE_NO_VERIFY, 0);
	assert_int_equal(tls_get_int(fd, TLS_PEER_VERIFY), TLS_PEER_VERIFY_REQUIRED);
	close(fd);
}

/* The same server, and a socket that does not wait. */
static void silent_and_polled(const struct family *f)
{
	int fd = tls_socket(AF_INET, f->protocol, "localhost"), error = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(error);
	struct native_peer peer;

	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--mode", "silent", "--connections", "1",
		    NULL);
	tls_set_int(fd, TLS_HANDSHAKE_TIMEOUT, 100);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, peer.port), EINPROGRESS);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(p.revents & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, ETIMEDOUT);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, 0);
	assert_fails(recv(fd, (char[1]){0}, 1, 0), ETIMEDOUT);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static void handshakes(void **state)
{
	const struct family *f = *state;
	struct native_peer peer;
	uint16_t port;
	int fd = tls_socket(AF_INET, f->protocol, "localhost"), listener, stranger, error = 0;
	socklen_t len = sizeof(error);
	char c;

	/* A refused certificate; SO_ERROR tells of it once. */
	peer_listen(&peer, "openssl-peer", AF_INET, "expired", "--connections", "1", NULL);
	assert_fails(tls_connect(fd, AF_INET, peer.port), f->refused);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, 0);
	assert_fails(recv(fd, &c, 1, 0), f->refused);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
	/* A server that says nothing. */
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--mode", "silent", "--connections", "1",
		    NULL);
	fd = tls_socket(AF_INET, f->protocol, "localhost");
	tls_set_int(fd, TLS_HANDSHAKE_TIMEOUT, 100);
	assert_fails(tls_connect(fd, AF_INET, peer.port), ETIMEDOUT);
	close(fd);
	assert_int_equal(proc_finish(&peer.proc), 0);
	silent_and_polled(f);
	/* A client that speaks something else, to an accept that does not wait for it. */
	listener = tls_listen(AF_INET, f->protocol, "good", &port);
	tls_set_int(listener, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	stranger = net_connect(AF_INET, port);
	assert_int_equal(send(stranger, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(fd, &c, 1, 0), f->refused);
	close(fd);
	close(stranger);
	close(listener);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int number)
{
	(void)number;
	pipes++;
}

/* Sends in vain, with a signal where there is one, and none where the call forbids it. */
static void assert_gone(int fd, const struct family *f)
{
	struct sigaction old, action = {.sa_handler = on_pipe};

	pipes = 0;
	sigaction(SIGPIPE, &action, &old);
	assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), f->gone);
	assert_int_equal(pipes, 0);
	assert_fails(send(fd, "x", 1, 0), f->gone);
	assert_int_equal(pipes, f->signals);
	assert_fails(write(fd, "x", 1), f->gone);
	assert_int_equal(pipes, 2 * f->signals);
	sigaction(SIGPIPE, &old, NULL);
}

static void damaged(void **state)
{
	const struct family *f = *state;
	struct pollfd p;
	struct gate gate;
	struct link link;
	int error = 0;
	socklen_t len = sizeof(error);
	char buf[8];

	gate_link(&gate, &link, f->protocol, AF_INET);
	assert_int_equal(send(link.server, "true", 4, 0), 4);
	gate_collect(&gate.down, link.server);
	gate.down.bytes[gate.down.length - 1] ^= 1;
	gate_pass(&gate.down, gate.down.length, link.client);
	for (int i = 0; i < 2; i++)
		assert_fails(recv(link.client, buf, sizeof(buf), 0), f->damaged);
	p = (struct pollfd){.fd = link.client, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(p.revents & (POLLIN | POLLHUP), POLLIN | POLLHUP);
	assert_gone(link.client, f);
	assert_ok(getsockopt(link.client, SOL_SOCKET, SO_ERROR, &error, &len));
	assert_int_equal(error, 0);
	gate_close(&gate);
	link_close(&link);
}

static void truncated(void **state)
{
	const struct family *f = *state;

	for (int told = -1; told <= 1; told++) {
		int fd = tls_socket(AF_INET, f->protocol, "localhost");
		int error = told == 1 ? 0 : told == 0 ? ECONNRESET : f->truncated;
		struct native_peer peer;
		char buf[8];

		peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--mode", "source", "--bytes",
			    "5", "--no-close-notify", "--connections", "1", NULL);
		if (told >= 0)
			tls_set_int(fd, TLS_ALLOW_TRUNCATION, told);
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		assert_int_equal(recv(fd, buf, 5, MSG_WAITALL), 5);
		for (int i = 0; i < 2 && !error; i++)
			assert_int_equal(recv(fd, buf, sizeof(buf), 0), 0);
		if (error)
			assert_fails(recv(fd, buf, sizeof(buf), 0), error);
		close(fd);
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
}

/* The peer's close_notify ends one direction, its FIN and reset the other. */
static void gone(void **state)
{
	const struct family *f = *state;
	struct pollfd p = {.events = POLLIN};
	int64_t end = test_now_ms() + TEST_DEADLINE_MS;
	struct link link;
	ssize_t n;
	char c;

	link_open(&link, f->protocol, AF_INET);
	assert_ok(shutdown(link.server, SHUT_WR));
	assert_int_equal(recv(link.client, &c, 1, 0), 0);
	assert_int_equal(send(link.client, "half", 4, 0), 4);
	assert_int_equal(recv(link.server, (char[4]){0}, 4, MSG_WAITALL), 4);
	/* What it does not read makes its close a reset. */
	assert_int_equal(send(link.client, "unread", 6, 0), 6);
	p.fd = link.server;
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	link_drop(&link.server);
	do
		n = send(link.client, "x", 1, MSG_NOSIGNAL);
	while (n > 0 && test_now_ms() < end);
	assert_int_equal(n, -1);
	assert_int_equal(errno, f->gone);
	assert_gone(link.client, f);
	link_close(&link);
}

/* The program's own end is no matter of the peer's: as TCP. */
static void ended(void **state)
{
	const struct family *f = *state;
	struct link link;

	link_open(&link, f->protocol, AF_INET);
	assert_ok(shutdown(link.client, SHUT_WR));
	assert_fails(send(link.client, "x", 1, MSG_NOSIGNAL), EPIPE);
	link_close(&link);
}

/* Read back as they were set; sized by the option's length, or by the NULL in it. */
static void lists(void **state)
{
	static const char text[] = "identity";
	static const sec_tag_t tags[] = {71, 70};
	const struct family *f = *state;
	char first[] = "one", second[] = "two";
	const char *protocols[] = {first, second, NULL, "never"}, *back[4] = {NULL};
	sec_tag_t got[4] = {0};
	int fd = tls_socket(AF_INET, f->protocol, NULL);
	socklen_t len = sizeof(back);

	assert_ok(setsockopt(fd, SOL_TLS, TLS_ALPN_LIST, protocols, sizeof(*protocols)));
	assert_string_equal(tls_get_text(fd, TLS_ALPN), "one");
	assert_ok(setsockopt(fd, SOL_TLS, TLS_ALPN_LIST, protocols, sizeof(protocols)));
	memset(first, 'x', 3); /* it was copied */
	assert_string_equal(tls_get_text(fd, TLS_ALPN), "one,two");
	assert_ok(getsockopt(fd, SOL_TLS, TLS_ALPN_LIST, back, &len));
	assert_int_equal(len, 3 * sizeof(*back));
	assert_string_equal(back[0], "one");
	assert_string_equal(back[1], "two");
	assert_null(back[2]);
	len = sizeof(got);
	assert_ok(getsockopt(fd, SOL_TLS, TLS_SEC_TAG_LIST, got, &len));
	assert_int_equal(len, 0);
	for (size_t i = 0; i < COUNT(tags); i++) {
		assert_int_equal(tls_credential_add(tags[i], TLS_CREDENTIAL_PSK, text, 8), 0);
		assert_int_equal(tls_credential_add(tags[i], TLS_CREDENTIAL_PSK_ID, text, 8 - i),
				 0);
	}
	assert_ok(setsockopt(fd, SOL_TLS, TLS_SEC_TAG_LIST, tags, sizeof(tags)));
	len = sizeof(*got);
	assert_fails(getsockopt(fd, SOL_TLS, TLS_SEC_TAG_LIST, got, &len), ERANGE);
	assert_int_equal(len, sizeof(tags));
	assert_ok(getsockopt(fd, SOL_TLS, TLS_SEC_TAG_LIST, got, &len));
	assert_memory_equal(got, tags, sizeof(tags));
	for (size_t i = 0; i < COUNT(tags); i++)
		for (int type = TLS_CREDENTIAL_PSK; type <= TLS_CREDENTIAL_PSK_ID; type++)
			tls_credential_delete(tags[i], (enum tls_credential_type)type);
	close(fd);
}

static const struct {
	const char *what;
	CMUnitTestFunction run;
} each[] = {{"defaults", defaults},
	    {"values", values},
	    {"failed handshakes", handshakes},
	    {"a damaged record", damaged},
	    {"FIN without close_notify", truncated},
	    {"the peer is gone", gone},
	    {"send after one's own end", ended},
	    {"lists", lists}};

int main(void)
{
	static char titles[COUNT(each) * COUNT(families)][80];
	struct CMUnitTest tests[COUNT(titles)];

	for (size_t i = 0; i < COUNT(titles); i++) {
		const struct family *f = &families[i % COUNT(families)];

		snprintf(titles[i], sizeof(titles[i]), "%s, %s", each[i / COUNT(families)].what,
			 f->title);
		tests[i] = ROW_CASE(titles[i], each[i / COUNT(families)].run, ROW(*f));
	}
	return compare_main("families", NULL, 0, tests, COUNT(tests));
}
