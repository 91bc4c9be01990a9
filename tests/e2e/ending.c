/* SPDX-License-Identifier: MIT */
/* How a connection ends: shutdown, half-close, close, truncation, SIGPIPE. */
#include "child.h"
#include "peer.h"
#include "proc.h"
#include "trace.h"
#include "waiting.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static void end_of_stream(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "last", 4, 0));
	link_drop(&l->client);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, read(l->server, buf, sizeof(buf)));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT));
}

static void half_close(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "question", 8, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 8, MSG_WAITALL)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, send(l->server, "answer", 6, 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, sizeof(buf), 0)));
	CALL(t, send(l->client, "too late", 8, MSG_NOSIGNAL));
	CALL(t, shutdown(l->server, SHUT_WR));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
}

static void shut_read(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, shutdown(l->client, SHUT_RD));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	CALL(t, send(l->client, "still", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

static void shut_both(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "bye", 3, 0));
	CALL(t, shutdown(l->client, SHUT_RDWR));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

/* The last send that fails. What was sent before the peer's reset came is not counted. */
static void send_in_vain(struct link *l, struct trace *t)
{
	int64_t end = test_now_ms() + TEST_DEADLINE_MS;
	ssize_t n;

	do
		n = send(l->server, "x", 1, MSG_NOSIGNAL);
	while (n > 0 && test_now_ms() < end);
	trace_note(t, "send = %zd %s\n", n, strerrorname_np(errno));
	CALL(t, send(l->server, "x", 1, MSG_NOSIGNAL));
}

static void receive_in_vain(struct link *l, struct trace *t)
{
	CALL(t, recv(l->server, (char[4]){0}, 4, 0));
	CALL(t, recv(l->server, (char[4]){0}, 4, 0));
}

/* The peer has closed: what is sent and received then, in both orders. */
static void send_then_receive(struct link *l, struct trace *t)
{
	CALL(t, send(l->client, "last", 4, 0));
	link_drop(&l->client);
	send_in_vain(l, t);
	receive_in_vain(l, t);
	receive_in_vain(l, t);
}

static void receive_then_send(struct link *l, struct trace *t)
{
	CALL(t, send(l->client, "last", 4, 0));
	link_drop(&l->client);
	receive_in_vain(l, t);
	send_in_vain(l, t);
	receive_in_vain(l, t);
}

static void shut_wrongly(struct link *l, struct trace *t)
{
	int fresh = socket(l->family, SOCK_STREAM, l->protocol);

	CALL(t, shutdown(l->client, 3));
	CALL(t, shutdown(l->client, -1));
	CALL(t, shutdown(fresh, SHUT_WR));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, shutdown(l->client, SHUT_RDWR));
	close(fresh);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int signal_number)
{
	(void)signal_number;
	pipes++;
}

static void sigpipe(struct link *l, struct trace *t)
{
	struct sigaction old, action = {.sa_handler = on_pipe};
	struct iovec out = trace_text("x");
	struct msghdr message = {.msg_iov = &out, .msg_iovlen = 1};

	pipes = 0;
	sigaction(SIGPIPE, &action, &old);
	shutdown(l->client, SHUT_WR);
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	CALL(t, sendmsg(l->client, &message, MSG_NOSIGNAL));
	trace_note(t, "signals %d\n", (int)pipes);
	CALL(t, send(l->client, "x", 1, 0));
	trace_note(t, "signals %d\n", (int)pipes);
	CALL(t, write(l->client, "x", 1));
	CALL(t, writev(l->client, &out, 1));
	CALL(t, sendmsg(l->client, &message, 0));
	trace_note(t, "signals %d\n", (int)pipes);
	sigaction(SIGPIPE, &old, NULL);
}

enum { STUCK = 6 };

/* In the child: more than the peers take, which nobody reads; then _exit. */
static int leave_stuck(void *arg)
{
	const struct link *links = arg;

	for (int i = 0; i < STUCK; i++) {
		static const char block[1 << 16];

		while (send(links[i].client, block, sizeof(block), MSG_DONTWAIT) > 0)
			continue;
	}
	return 0;
}

/* A peer that takes nothing holds _exit up for ten seconds; many do for no longer. */
static void stuck_peers(void **state)
{
	struct link links[STUCK];
	struct pollfd gone = {.events = POLLIN};
	int pipe_fds[2];
	pid_t pid;

	(void)state;
	for (int i = 0; i < STUCK; i++)
		link_open(&links[i], IPPROTO_TLS, AF_INET);
	assert_ok(pipe(pipe_fds));
	pid = child_start(leave_stuck, links);
	for (int i = 0; i < STUCK; i++)
		link_drop(&links[i].client);
	assert_ok(close(pipe_fds[1]));
	gone.fd = pipe_fds[0];
	assert_int_equal(poll(&gone, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(child_finish(pid), 0);
	assert_ok(close(pipe_fds[0]));
	for (int i = 0; i < STUCK; i++)
		link_close(&links[i]);
}

static const struct compare_case cases[] = {
	{"the end is 0, and again 0", end_of_stream},
	{"half-close", half_close},
	{"SHUT_RD", shut_read},
	{"SHUT_RDWR", shut_both},
	{"shutdown in the wrong way or state", shut_wrongly},
	{"SIGPIPE and MSG_NOSIGNAL", sigpipe},
	{"the peer has closed: send, then recv", send_then_receive},
	{"the peer has closed: recv, then send", receive_then_send},
};

/* How a peer leaves, and what recv then says, by whether truncation is allowed. */
struct departure {
	const char *title, *program, *version, *mode, *extra;
	int allow, error; /* 0: an end of file */
};

static const struct departure departures[] = {
	{"gnutls 1.2, close_notify", "gnutls-peer", "1.2", "source", "--threads", 0, 0},
	{"openssl 1.2, close_notify", "openssl-peer", "1.2", "source", "--threads", 0, 0},
	{"gnutls 1.3, close_notify", "gnutls-peer", "1.3", "source", "--threads", 0, 0},
	{"openssl 1.3, close_notify", "openssl-peer", "1.3", "source", "--threads", 0, 0},
	{"gnutls 1.2, FIN alone", "gnutls-peer", "1.2", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"openssl 1.2, FIN alone", "openssl-peer", "1.2", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"gnutls 1.3, FIN alone", "gnutls-peer", "1.3", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"openssl 1.3, FIN alone", "openssl-peer", "1.3", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"1.2, FIN alone, allowed", "gnutls-peer", "1.2", "source", "--no-close-notify", 1, 0},
	{"1.3, FIN alone, allowed", "openssl-peer", "1.3", "source", "--no-close-notify", 1, 0},
	{"1.2, RST", "gnutls-peer", "1.2", "reset", "--threads", 0, ECONNRESET},
	{"1.3, RST", "gnutls-peer", "1.3", "reset", "--threads", 0, ECONNRESET},
	{"1.3, RST, truncation allowed", "gnutls-peer", "1.3", "reset", "--threads", 1, ECONNRESET},
};

static void departs(void **state)
{
	const struct departure *row = *state;
	struct native_peer peer;
	char buf[16];
	int fd, reset = strcmp(row->mode, "reset") == 0;

	peer_listen(&peer, row->program, AF_INET, "good", "--version", row->version, "--mode",
		    row->mode, "--bytes", "5", "--connections", "1", row->extra, NULL);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	tls_set_int(fd, TLS_ALLOW_TRUNCATION, row->allow);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	/* It waits for a byte: a reset on the heels of the handshake could overtake that. */
	if (reset)
		assert_int_equal(send(fd, "x", 1, 0), 1);
	else
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 5);
	for (int i = 0; i < 2 && !row->error; i++)
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 0);
	if (row->error)
		assert_fails(recv(fd, buf, sizeof(buf), 0), row->error);
	if (reset)
		assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	if (row->error && !reset)
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "close_notify"));
	assert_ok(close(fd));
	assert_int_equal(proc_finish(&peer.proc), 0);
}

/* Returns how many threads a close has made. (A sanitizer may have one of its own.) */
static int converse(void *arg)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	unsigned int before;

	assert_ok(tls_connect(fd, AF_INET, *(uint16_t *)arg));
	for (int i = 0; i < 2; i++) {
		assert_ok(send(fd, "x", 1, 0));
		assert_ok(recv(fd, (char[1]){0}, 1, 0));
	}
	before = waiting_threads();
	assert_ok(close(fd));
	return (int)(waiting_threads() - before);
}

/* close_notify alone is on its way, or even there: no thread is made for its sake. */
static void close_after_answer(void **state)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	struct native_peer peer;

	(void)state;
	for (size_t i = 0; i < COUNT(programs); i++) {
		peer_listen(&peer, programs[i], AF_INET, "good", "--connections", "1", NULL);
		assert_int_equal(child_finish(child_start(converse, &peer.port)), 0);
		free(proc_line(&peer.proc, "echo end=close_notify"));
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
}

/* What a close logs, while the kernel has an end without close_notify: how much. */
static long logged_by_close(int fd)
{
	char path[] = "/tmp/tlssock-ending-XXXXXX";
	int file = (int)assert_ok(mkstemp(path)), kept = (int)assert_ok(dup(STDERR_FILENO));
	long size;

	assert_ok(unlink(path));
	assert_ok(dup2(file, STDERR_FILENO));
	assert_ok(close(fd));
	assert_ok(dup2(kept, STDERR_FILENO));
	size = lseek(file, 0, SEEK_END);
	close(kept);
	close(file);
	return size;
}

/* Nobody asks how the peer has ended: many never say close_notify, and that is no error. */
static void close_says_nothing(void **state)
{
	struct native_peer peer;
	struct pollfd p = {.events = POLLRDHUP};
	char buf[5];

	(void)state;
	peer_listen(&peer, "openssl-peer", AF_INET, "good", "--mode", "source", "--bytes", "5",
		    "--connections", "1", "--no-close-notify", NULL);
	p.fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	assert_ok(tls_connect(p.fd, AF_INET, peer.port));
	assert_int_equal(recv(p.fd, buf, sizeof(buf), MSG_WAITALL), 5);
	assert_int_equal(poll(&p, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(logged_by_close(p.fd), 0);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

int main(void)
{
	const char *newest = test_version() == TLS_1_2 ? "1.2" : "1.3";
	struct CMUnitTest tests[COUNT(departures) + 3];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(departures); i++)
		if (strcmp(departures[i].version, newest) <= 0)
			tests[n++] = ROW_CASE(departures[i].title, departs, ROW(departures[i]));
	tests[n++] = (struct CMUnitTest)CASE(stuck_peers);
	tests[n++] = (struct CMUnitTest)CASE(close_after_answer);
	tests[n++] = (struct CMUnitTest)CASE(close_says_nothing);
	return compare_main("ending", cases, COUNT(cases), tests, n);
}
