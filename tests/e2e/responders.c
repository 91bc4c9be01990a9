/* SPDX-License-Identifier: MIT */
/* Clients that ask OCSP responders: what comes of it, and who must not notice. */
#include "peer.h"
#include "trace.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

/* Every certificate's responder is reached through this proxy, which is one itself. */
static void start_responder(struct proc *responder, const char *mode)
{
	const char *program = getenv("TLSSOCK_TEST_RESPONDER");
	char *line, proxy[64];

	assert_non_null(program);
	proc_start(responder, "python3", program, zoo("."), mode, NULL);
	line = proc_line(responder, "listening ");
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%s", strrchr(line, ' ') + 1);
	*strchrnul(proxy, '\n') = '\0';
	free(line);
	assert_ok(setenv("http_proxy", proxy, 1));
}

static unsigned int times_asked(struct proc *responder)
{
	static unsigned int times;
	char question[16], needle[32], *line;
	unsigned int n;

	snprintf(question, sizeof(question), "%u\n", ++times);
	snprintf(needle, sizeof(needle), "total %u ", times);
	proc_write(responder, question);
	line = proc_line(responder, needle);
	n = (unsigned int)atoi(strrchr(line, ' ') + 1);
	free(line);
	return n;
}

static int asking_socket(int checks)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	tls_set_int(fd, TLS_OCSP_CHECKS, 1);
	tls_set_int(fd, TLS_CACHED_REV_CHECKS, 0);
	tls_set_int(fd, TLS_REVOCATION_CHECKS, checks);
	return fd;
}

static void start_server(struct native_peer *peer, const char *identity)
{
	peer_listen(peer, "openssl-peer", AF_INET, identity, "--version",
		    test_version() == TLS_1_2 ? "1.2" : "1.3", "--mode", "source", "--bytes", "1",
		    NULL);
}

struct row {
	const char *title, *mode, *identity;
	int checks;
	unsigned int timeout_ms;
	const char *refused; /* NULL: taken */
};

#define SAYS "the OCSP responder http://ocsp.example.test/ gave no answer: "

/* The first are tried in each way to wait; what is said of the answer is the same in all. */
enum { EACH_WAY = 5 };

static const struct row rows[] = {
	{"good", "answer", "revocable", TLS_REVOCATION_HARD, 0, NULL},
	{"revoked", "answer", "revoked", TLS_REVOCATION_SOFT, 0,
	 "it was revoked on 2026-01-02 03:04 UTC (key compromise), says the OCSP responder"},
	{"unreachable, hard", NULL, "revocable", TLS_REVOCATION_HARD, 0, SAYS "Failed to connect"},
	{"silent, soft", "slow", "revocable", TLS_REVOCATION_SOFT, 1000, NULL},
	{"silent, hard", "slow", "revocable", TLS_REVOCATION_HARD, 1000, SAYS},
	{"unreachable, soft", NULL, "revocable", TLS_REVOCATION_SOFT, 0, NULL},
	{"one that names none, soft", "answer", "good", TLS_REVOCATION_SOFT, 0, NULL},
	{"one that names none, hard", "answer", "good", TLS_REVOCATION_HARD, 0,
	 "may have been revoked: no CRL and no OCSP response tells"},
	{"wrong, soft", "wrong", "revocable", TLS_REVOCATION_SOFT, 0, NULL},
	{"wrong, hard", "wrong", "revocable", TLS_REVOCATION_HARD, 0,
	 "the answer of the OCSP responder http://ocsp.example.test/ is no use: it is not valid"},
	{"an error, hard", "error", "revocable", TLS_REVOCATION_HARD, 0,
	 SAYS "it answered with HTTP status 500"},
	{"too long, hard", "long", "revocable", TLS_REVOCATION_HARD, 0,
	 SAYS "its answer is too long"},
};

static void check(int fd, const struct row *row, int ret)
{
	const char *text = tls_get_text(fd, TLS_ERROR);
	char c;

	if (!row->refused) {
		if (ret)
			fail_msg("refused: %s", text);
		assert_int_equal(recv(fd, &c, 1, MSG_WAITALL), 1);
	} else if (ret != -1 || errno != EPROTO || !strstr(text, row->refused)) {
		fail_msg("%d, TLS_ERROR: %s", ret, text);
	}
}

static void begin(const struct row *row, struct proc *responder, struct native_peer *peer)
{
	if (row->mode)
		start_responder(responder, row->mode);
	else
		assert_ok(setenv("http_proxy", "http://127.0.0.1:1", 1));
	start_server(peer, row->identity);
}

static void end(const struct row *row, struct proc *responder, struct native_peer *peer)
{
	proc_kill(&peer->proc);
	if (row->mode)
		proc_finish(responder);
}

static int row_socket(const struct row *row)
{
	int fd = asking_socket(row->checks);

	if (row->timeout_ms)
		tls_set_int(fd, TLS_HANDSHAKE_TIMEOUT, (int)row->timeout_ms);
	return fd;
}

static void blocking(void **state)
{
	const struct row *row = *state;
	struct native_peer peer;
	struct proc responder;
	int fd = row_socket(row);

	begin(row, &responder, &peer);
	check(fd, row, tls_connect(fd, AF_INET, peer.port));
	assert_ok(close(fd));
	end(row, &responder, &peer);
}

/* connect's outcome, as an event loop learns it. */
static int outcome(int fd)
{
	socklen_t length = sizeof(errno);
	int error = 0;

	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	errno = error;
	return error ? -1 : 0;
}

static void nonblocking(void **state)
{
	const struct row *row = *state;
	struct native_peer peer;
	struct proc responder;
	int fd = row_socket(row);
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	begin(row, &responder, &peer);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, peer.port), EINPROGRESS);
	assert_int_equal(poll(&p, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(p.revents & ~(POLLERR | POLLHUP), POLLOUT);
	assert_ok(fcntl(fd, F_SETFL, 0));
	check(fd, row, outcome(fd));
	assert_ok(close(fd));
	end(row, &responder, &peer);
}

static void with_epoll(const struct row *row, uint32_t how)
{
	struct native_peer peer;
	struct proc responder;
	int fd = row_socket(row), epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event;

	begin(row, &responder, &peer);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	net_epoll(epfd, EPOLL_CTL_ADD, fd, EPOLLOUT | how, 7);
	assert_fails(tls_connect(fd, AF_INET, peer.port), EINPROGRESS);
	assert_int_equal(epoll_wait(epfd, &event, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(event.data.u32, 7);
	assert_ok(fcntl(fd, F_SETFL, 0));
	check(fd, row, outcome(fd));
	assert_ok(close(fd));
	assert_ok(close(epfd));
	end(row, &responder, &peer);
}

static void by_epoll(void **state)
{
	with_epoll(*state, EPOLLET);
}

static void by_epoll_once(void **state)
{
	with_epoll(*state, EPOLLONESHOT);
}

static void by_select(void **state)
{
	const struct row *row = *state;
	struct native_peer peer;
	struct proc responder;
	int fd = row_socket(row);
	fd_set set;

	begin(row, &responder, &peer);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, peer.port), EINPROGRESS);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	assert_int_equal(select(fd + 1, NULL, &set, NULL, NULL), 1);
	assert_ok(fcntl(fd, F_SETFL, 0));
	check(fd, row, outcome(fd));
	assert_ok(close(fd));
	end(row, &responder, &peer);
}

/* A server asks about its client; both ends are in this process. */
static void of_a_client(void **state)
{
	static const struct row asked = {"", "answer", NULL, TLS_REVOCATION_SOFT, 0, NULL};
	struct proc responder;
	struct connecting connecting;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), server;
	int client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	char c;

	(void)state;
	start_responder(&responder, asked.mode);
	tls_set_text(listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	tls_set_int(listener, TLS_OCSP_CHECKS, 1);
	tls_set_text(client, TLS_CERTIFICATE_CHAIN, zoo("asked-client.pem"));
	tls_set_text(client, TLS_PRIVATE_KEY, zoo("asked-client.key"));
	connecting_start(&connecting, client, AF_INET, port);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(server, &c, 1, 0), EPROTO);
	assert_non_null(strstr(tls_get_text(server, TLS_ERROR), "says the OCSP responder"));
	if (connecting_finish(&connecting) == 0)
		assert_fails(recv(client, &c, 1, 0), EPROTO);
	assert_non_null(strstr(tls_get_text(client, TLS_ERROR), "revoked"));
	assert_int_equal(times_asked(&responder), 1);
	assert_ok(close(client));
	assert_ok(close(server));
	assert_ok(close(listener));
	proc_finish(&responder);
}

static volatile sig_atomic_t children;

static void on_child(int number)
{
	(void)number;
	children++;
}

/* No SIGCHLD, nothing to wait for: while it is asked, after it, and when it is left. */
static void unseen(void **state)
{
	static const struct row slow = {"", "slow", "revocable", TLS_REVOCATION_SOFT, 0, NULL};
	struct sigaction old, action = {.sa_handler = on_child};
	struct native_peer peer;
	struct proc responder;
	pid_t child;
	int fd = row_socket(&slow);
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	(void)state;
	begin(&slow, &responder, &peer);
	assert_ok(sigaction(SIGCHLD, &action, &old));
	children = 0;
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(fd, AF_INET, peer.port), EINPROGRESS);
	while (times_asked(&responder) == 0)
		assert_int_equal(poll(&p, 1, 10), 0);
	/* Of the test's own two none has ended; a third would be found. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	assert_ok(close(fd));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	assert_int_equal(children, 0);
	/* The control: this is how a child is seen. */
	child = fork();
	if (child == 0)
		_exit(3);
	assert_int_equal(waitpid(-1, NULL, 0), child);
	assert_int_equal(children, 1);
	assert_ok(sigaction(SIGCHLD, &old, NULL));
	end(&slow, &responder, &peer);
}

/* One query for two connections, and two without the cache. */
static void cached(void **state)
{
	struct native_peer peer;
	struct proc responder;
	char c;

	(void)state;
	start_responder(&responder, "answer");
	start_server(&peer, "revocable");
	for (int i = 0; i < 4; i++) {
		int fd = asking_socket(TLS_REVOCATION_HARD);

		tls_set_int(fd, TLS_CACHED_REV_CHECKS, i < 3);
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		assert_int_equal(recv(fd, &c, 1, 0), 1);
		assert_ok(close(fd));
	}
	proc_kill(&peer.proc);
	assert_int_equal(times_asked(&responder), 2);
	assert_int_equal(proc_finish(&responder), 0);
}

static int take_all(void *heard, const struct tls_cert *crt, int depth, uint32_t *flags)
{
	(void)crt;
	*(uint32_t *)heard |= *flags | (uint32_t)(depth == 0);
	*flags = 0;
	return 0;
}

/* The responder is asked first, and the program hears of it. */
static void the_program_decides(void **state)
{
	enum { LEAF = 1, REVOKED = 2 };
	uint32_t heard = 0;
	const struct tls_cert_verify_cb cb = {(void *)(uintptr_t)take_all, &heard};
	struct native_peer peer;
	struct proc responder;
	int fd;
	char c;

	(void)state;
	start_responder(&responder, "answer");
	start_server(&peer, "revoked");
	fd = asking_socket(TLS_REVOCATION_SOFT);
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_CERT_VERIFY_CALLBACK, &cb, sizeof(cb)));
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_int_equal(heard, LEAF | REVOKED);
	assert_int_equal(tls_get_int(fd, TLS_CERT_VERIFY_RESULT), 0);
	assert_ok(close(fd));
	proc_kill(&peer.proc);
	assert_int_equal(times_asked(&responder), 1);
	assert_int_equal(proc_finish(&responder), 0);
}

static const struct CMUnitTest others[] = {CASE(of_a_client), CASE(unseen), CASE(cached),
					   CASE(the_program_decides)};

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction run;
		size_t rows;
	} ways[] = {{"connect", blocking, COUNT(rows)},
		    {"poll", nonblocking, EACH_WAY},
		    {"epoll", by_epoll, EACH_WAY},
		    {"epoll once", by_epoll_once, EACH_WAY},
		    {"select", by_select, EACH_WAY}};
	static char titles[COUNT(ways) * COUNT(rows)][80];
	struct CMUnitTest tests[COUNT(titles) + COUNT(others)];
	size_t n = 0;

	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	for (size_t w = 0; w < COUNT(ways); w++)
		for (size_t i = 0; i < ways[w].rows; i++, n++) {
			snprintf(titles[n], sizeof(titles[n]), "%s: %s", ways[w].name,
				 rows[i].title);
			tests[n] = ROW_CASE(titles[n], ways[w].run, ROW(rows[i]));
		}
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return compare_main("responders", NULL, 0, tests, n);
}
