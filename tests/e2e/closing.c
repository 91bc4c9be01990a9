/* SPDX-License-Identifier: MIT */
/* What was accepted by send() arrives, however soon the program closes or ends. */
#include "child.h"
#include "peer.h"
#include "stream.h"
#include "trace.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { BYTES = 1000000, PIECE = 16384 };

static char *data;

enum way {
	CLOSE_AND_EXIT,
	CLOSE_AND_EXIT_NOW,
	EXIT,
	EXIT_NOW,
	SHUTDOWN_AND_EXIT,
	QUICK_EXIT,
	EXEC,
	SHUTDOWN_AND_EXEC,
	CLOSE_AND_EXEC,
	TERMINATE,
	KILL,
	KILL_NONBLOCKING,
	KILL_PIECES,
	ABORT,
	WAYS,
};

static const struct {
	const char *name, *end;
	int status, shut, close;
	enum { BY_ITSELF, HELD_BACK, NONBLOCKING, IN_PIECES } writes;
	enum { RETURN, CALL_EXIT, CALL_QUICK_EXIT, CALL_EXEC, SIGNAL } leaves;
} ways[WAYS] = {
	[CLOSE_AND_EXIT] = {"close, then exit", "close_notify", .close = 1, .leaves = CALL_EXIT},
	[CLOSE_AND_EXIT_NOW] = {"close, then _exit", "close_notify", .close = 1},
	[EXIT] = {"exit", "close_notify", .leaves = CALL_EXIT},
	/*
	 * _exit may be called in a signal handler, where nothing can be sealed: all that was
	 * sent arrives, and the end is a cut, as it is true that nobody closed.
	 */
	[EXIT_NOW] = {"_exit", "eof", .leaves = RETURN},
	[SHUTDOWN_AND_EXIT] = {"shutdown, then exit", "close_notify", .shut = 1,
			       .leaves = CALL_EXIT},
	[QUICK_EXIT] = {"quick_exit", "close_notify", .leaves = CALL_QUICK_EXIT},
	[EXEC] = {"exec", "eof", .leaves = CALL_EXEC},
	[SHUTDOWN_AND_EXEC] = {"shutdown, then exec", "close_notify", .shut = 1,
			       .leaves = CALL_EXEC},
	[CLOSE_AND_EXEC] = {"close, then exec", "close_notify", .close = 1, .leaves = CALL_EXEC},
	[TERMINATE] = {"SIGTERM", "eof", 128 + SIGTERM, .writes = HELD_BACK, .leaves = SIGNAL},
	[KILL] = {"SIGKILL", "eof", 128 + SIGKILL, .writes = HELD_BACK, .leaves = SIGNAL},
	[KILL_NONBLOCKING] = {"SIGKILL, non-blocking", "eof", 128 + SIGKILL, .writes = NONBLOCKING,
			      .leaves = SIGNAL},
	[KILL_PIECES] = {"SIGKILL, many sends", "eof", 128 + SIGKILL, .writes = IN_PIECES,
			 .leaves = SIGNAL},
	[ABORT] = {"abort", "eof", 128 + SIGABRT, .writes = HELD_BACK, .leaves = SIGNAL},
};

struct departure {
	const char *program, *version, *tickets;
	enum way way;
	int server; /* our role */
	char title[128];
};

/*
 * A signal leaves no time for what comes after the last send. With little room for it in the
 * kernel the peer has read some, and sent its tickets before, when the last was accepted.
 */
static void hold_back(int fd, enum way way)
{
	const int least = 1;

	if (ways[way].writes != BY_ITSELF)
		assert_ok(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	if (ways[way].writes == NONBLOCKING)
		assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
}

static void send_all(int fd, enum way way)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	size_t sent = 0, most = ways[way].writes == IN_PIECES ? PIECE : BYTES;

	hold_back(fd, way);
	while (sent < BYTES) {
		size_t left = BYTES - sent;
		ssize_t n = send(fd, data + sent, left < most ? left : most, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && ways[way].writes == NONBLOCKING)
			assert_ok(poll(&room, 1, -1));
		else
			sent += (size_t)assert_ok(n);
	}
}

static void leave_by_signal(int number)
{
	const struct rlimit no_core = {0, 0};

	assert_ok(setrlimit(RLIMIT_CORE, &no_core));
	if (number == SIGABRT)
		abort();
	raise(number);
}

/* In the child: send all, and leave. */
static int leave(int fd, enum way way)
{
	send_all(fd, way);
	if (ways[way].shut)
		assert_ok(shutdown(fd, SHUT_WR));
	if (ways[way].close)
		assert_ok(close(fd));
	if (ways[way].leaves == CALL_EXIT)
		exit(0);
	if (ways[way].leaves == CALL_QUICK_EXIT)
		quick_exit(0);
	if (ways[way].leaves == CALL_EXEC)
		assert_ok(execl("/bin/true", "true", (char *)NULL));
	if (ways[way].leaves == SIGNAL)
		leave_by_signal(ways[way].status - 128);
	return 0; /* to _exit() */
}

struct job {
	const struct departure *row;
	uint16_t port;
	int listener;
};

static int client_child(void *arg)
{
	const struct job *job = arg;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	assert_ok(tls_connect(fd, AF_INET, job->port));
	return leave(fd, job->row->way);
}

static int server_child(void *arg)
{
	const struct job *job = arg;

	return leave((int)assert_ok(accept(job->listener, NULL, NULL)), job->row->way);
}

static void as_client(const struct departure *row)
{
	struct native_peer peer;
	struct job job = {.row = row};
	pid_t pid;

	peer_listen(&peer, row->program, AF_INET, "good", "--mode", "sink", "--version",
		    row->version, "--tickets", row->tickets, "--connections", "1", NULL);
	job.port = peer.port;
	pid = child_start(client_child, &job);
	peer_received(&peer, BYTES, ways[row->way].end);
	assert_int_equal(child_finish(pid), ways[row->way].status);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static void as_server(const struct departure *row)
{
	struct native_peer peer;
	struct job job = {.row = row};
	pid_t pid;

	job.listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &job.port);
	pid = child_start(server_child, &job);
	assert_ok(close(job.listener));
	peer_connect(&peer, row->program, AF_INET, job.port, "--mode", "sink", "--version",
		     row->version, NULL);
	peer_received(&peer, BYTES, ways[row->way].end);
	assert_int_equal(child_finish(pid), ways[row->way].status);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static void departs(void **state)
{
	const struct departure *row = *state;

	if (row->server)
		as_server(row);
	else
		as_client(row);
}

/* The same while the program lives on: close returns at once and what was sent still arrives. */
static void close_does_not_wait(void **state)
{
	static char big[8 << 20];
	struct link link;
	int64_t before;
	size_t sent = 0, got = 0;
	ssize_t n;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	while ((n = send(link.client, big, sizeof(big) - sent, MSG_DONTWAIT)) > 0)
		sent += (size_t)n;
	assert_true(sent > 0);
	before = test_now_ms();
	link_drop(&link.client); /* nobody has read anything yet */
	assert_true(test_now_ms() - before < 1000);
	while ((n = recv(link.server, big, sizeof(big), 0)) > 0)
		got += (size_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(got, sent);
	link_close(&link);
}

/* What arrives behind a close is nobody's: a peer that goes on sending is told so. */
static void peer_goes_on(struct link *l, struct trace *t)
{
	static const char piece[1000];
	struct timeval patience = {.tv_sec = 10};
	int64_t end = test_now_ms() + 10000;
	ssize_t n = 1;

	assert_ok(setsockopt(l->server, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)));
	CALL(t, send(l->client, "going", 5, 0));
	link_drop(&l->client);
	while (n > 0 && test_now_ms() < end)
		n = send(l->server, piece, sizeof(piece), MSG_NOSIGNAL);
	trace_note(t, "send fails %d\n", n < 0);
}

/*
 * Unread data turns a close into a reset, as with TCP, wherever it waits: the
 * other end's next send finds out.
 */
static void note_reset(struct link *l, struct trace *t)
{
	struct pollfd reset = {.fd = l->client};

	link_drop(&l->server);
	CALL(t, syscall(SYS_poll, &reset, 1, 10000));
	trace_note(t, "POLLHUP %d\n", (reset.revents & POLLHUP) != 0);
	trace_note(t, "send fails %d\n", send(l->client, "x", 1, MSG_NOSIGNAL) < 0);
}

static void unread(struct link *l, struct trace *t, int peek)
{
	struct pollfd readable = {.fd = l->server, .events = POLLIN};
	char c;

	CALL(t, send(l->client, "never read", 10, 0));
	CALL(t, poll(&readable, 1, 10000));
	if (peek)
		CALL(t, recv(l->server, &c, 1, MSG_PEEK));
	note_reset(l, t);
}

static void never_looked_at(struct link *l, struct trace *t)
{
	unread(l, t, 0);
}

static void peeked(struct link *l, struct trace *t)
{
	unread(l, t, 1);
}

static void half_read(struct link *l, struct trace *t)
{
	char c;

	CALL(t, send(l->client, "half read", 9, 0));
	CALL(t, recv(l->server, &c, 1, 0));
	note_reset(l, t);
}

/* Data that came is for the program: a writer who looks for other records leaves it there. */
static void writer_leaves_data(struct link *l, struct trace *t)
{
	struct pollfd readable = {.fd = l->client, .events = POLLIN};
	char buf[16];

	CALL(t, send(l->server, "answer", 6, 0));
	CALL(t, syscall(SYS_poll, &readable, 1, 10000));
	for (int i = 0; i < 8; i++)
		CALL(t, send(l->client, "x", 1, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, syscall(SYS_poll, &readable, 1, 0));
	trace_note(t, "revents %d\n", readable.revents);
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, 3, 0)));
	CALL(t, syscall(SYS_poll, &readable, 1, 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, sizeof(buf), 0)));
	CALL(t, syscall(SYS_poll, &readable, 1, 0));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_WAITALL));
}

static const struct compare_case cases[] = {
	{"a writer leaves data", writer_leaves_data},
	{"the peer sends on behind a close", peer_goes_on},
	{"close with data never looked at", never_looked_at},
	{"close with data peeked at", peeked},
	{"close with data half read", half_read},
};

static void name_row(struct departure *row)
{
	snprintf(row->title, sizeof(row->title), "1 MB, %s: our %s, %s, TLS %s, tickets %s",
		 ways[row->way].name, row->server ? "server" : "client", row->program, row->version,
		 row->tickets);
}

int main(void)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	static const char *const tickets[] = {"early", "late", "never"};
	static struct departure rows[2 * 2 * COUNT(tickets) * WAYS + 4 * WAYS];
	struct CMUnitTest tests[COUNT(rows) + 1];
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < COUNT(rows) - 4 * WAYS; i++)
		rows[n++] = (struct departure){programs[i % 2],
					       i / 2 % 2 ? "1.3" : "1.2",
					       tickets[i / 4 % 3],
					       (enum way)(i / 12),
					       0,
					       ""};
	for (size_t i = 0; i < 4 * WAYS; i++)
		rows[n++] = (struct departure){programs[i % 2],
					       i / 2 % 2 ? "1.3" : "1.2",
					       "early",
					       (enum way)(i / 4),
					       1,
					       ""};
	for (size_t i = 0; i < n; i++) {
		name_row(&rows[i]);
		tests[i] = ROW_CASE(rows[i].title, departs, &rows[i]);
	}
	tests[n++] = (struct CMUnitTest)CASE(close_does_not_wait);
	data = malloc(BYTES);
	stream_fill(0, data, BYTES);
	ret = compare_main("closing", cases, COUNT(cases), tests, n);
	free(data);
	return ret;
}
