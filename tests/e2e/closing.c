/* SPDX-License-Identifier: MIT */
/* What was accepted by send() arrives, however soon the program closes or ends. */
#include "child.h"
#include "peer.h"
#include "stream.h"
#include "trace.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

#define BYTES 1000000

static char *data;

enum way { CLOSE_AND_EXIT, CLOSE_AND_EXIT_NOW, EXIT, EXIT_NOW, SHUTDOWN_AND_EXIT };

struct departure {
	const char *program, *version, *tickets;
	enum way way;
	int server; /* our role */
	char title[128];
};

static int send_all(int fd)
{
	size_t sent = 0;

	while (sent < BYTES) {
		ssize_t n = send(fd, data + sent, BYTES - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		sent += (size_t)n;
	}
	return 0;
}

/* In the child: send all, and leave. */
static int leave(int fd, enum way way)
{
	if (send_all(fd) < 0)
		return 3;
	if (way == SHUTDOWN_AND_EXIT && shutdown(fd, SHUT_WR) < 0)
		return 4;
	if (way <= CLOSE_AND_EXIT_NOW && close(fd) < 0)
		return 5;
	if (way == CLOSE_AND_EXIT || way == EXIT || way == SHUTDOWN_AND_EXIT)
		exit(0);
	return 0; /* to _exit() */
}

/*
 * _exit may be called in a signal handler, where nothing can be sealed: all that
 * was sent arrives, and the end is a cut, as it is true that nobody closed.
 */
static const char *end_after(enum way way)
{
	return way == EXIT_NOW ? "eof" : "close_notify";
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
	peer_received(&peer, BYTES, end_after(row->way));
	assert_int_equal(child_finish(pid), 0);
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
	peer_received(&peer, BYTES, end_after(row->way));
	assert_int_equal(child_finish(pid), 0);
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

static const struct compare_case cases[] = {
	{"the peer sends on behind a close", peer_goes_on},
	{"close with data never looked at", never_looked_at},
	{"close with data peeked at", peeked},
	{"close with data half read", half_read},
};

static void name_row(struct departure *row)
{
	static const char *const ways[] = {"close, then exit", "close, then _exit", "exit", "_exit",
					   "shutdown, then exit"};

	snprintf(row->title, sizeof(row->title), "1 MB, %s: our %s, %s, TLS %s, tickets %s",
		 ways[row->way], row->server ? "server" : "client", row->program, row->version,
		 row->tickets);
}

int main(void)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	static const char *const tickets[] = {"early", "late", "never"};
	static const enum way ways[] = {CLOSE_AND_EXIT, CLOSE_AND_EXIT_NOW, EXIT, EXIT_NOW,
					SHUTDOWN_AND_EXIT};
	static struct departure rows[2 * 2 * COUNT(tickets) * COUNT(ways) + 4 * COUNT(ways)];
	struct CMUnitTest tests[COUNT(rows) + 1];
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < COUNT(rows) - 4 * COUNT(ways); i++)
		rows[n++] = (struct departure){programs[i % 2],
					       i / 2 % 2 ? "1.3" : "1.2",
					       tickets[i / 4 % 3],
					       ways[i / 12],
					       0,
					       ""};
	for (size_t i = 0; i < 4 * COUNT(ways); i++)
		rows[n++] = (struct departure){
			programs[i % 2], i / 2 % 2 ? "1.3" : "1.2", "early", ways[i / 4], 1, ""};
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
