/* SPDX-License-Identifier: MIT */
/*
 * A number that is closed, or becomes another file's (dup2), while a thread is in a call
 * on it. On TCP the call sleeps on, on the old socket; on TLS what would receive, send,
 * accept or shake hands returns with EINTR. What waits for readiness does as on TCP.
 */
#include "look.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <tlssock.h>
#include <unistd.h>

static int ends[2]; /* a pipe: what takes the number's place, or wakes who waits */

static void close_number(int fd)
{
	assert_ok(close(fd));
}

static void replace_number(int fd)
{
	assert_int_equal(dup2(ends[1], fd), fd);
}

typedef void take_away(int fd);
static take_away *const ways[] = {close_number, replace_number};

static void make_pipe(void)
{
	assert_ok(pipe2(ends, O_CLOEXEC));
}

/* The number, if it is the pipe's by now, is that and nothing else. */
static void close_pipe(take_away *way, int *fd)
{
	char buf[64];

	if (way == replace_number)
		link_drop(fd);
	*fd = -1;
	close(ends[1]);
	assert_int_equal(read(ends[0], buf, sizeof(buf)), 0);
	close(ends[0]);
}

static ssize_t receive(struct waiting *w)
{
	return recv(w->fd, w->buf, sizeof(w->buf), 0);
}

static ssize_t peek_all(struct waiting *w)
{
	return recv(w->fd, w->buf, sizeof(w->buf), MSG_PEEK | MSG_WAITALL);
}

static const char block[1 << 16];

static ssize_t send_block(struct waiting *w)
{
	return send(w->fd, block, sizeof(block), MSG_NOSIGNAL);
}

static ssize_t accept_one(struct waiting *w)
{
	return accept(w->fd, NULL, NULL);
}

static waiting_call *const data_calls[] = {receive, peek_all};

/* On TCP the peer's end is what wakes it, and does: the control. */
static void under_data(int protocol, waiting_call *call, take_away *way)
{
	struct waiting w;
	struct link link;

	link_open(&link, protocol, AF_INET);
	make_pipe();
	waiting_start_in(&w, link.client, call);
	way(link.client);
	if (protocol == IPPROTO_TCP)
		link_drop(&link.server);
	waiting_finish(&w);
	if (protocol == IPPROTO_TLS) {
		assert_int_equal(w.result, -1);
		assert_int_equal(w.error, EINTR);
	}
	close_pipe(way, &link.client);
	link_close(&link);
}

static void data_under_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(data_calls) * COUNT(ways); i++) {
		under_data(IPPROTO_TCP, data_calls[i / 2], ways[i % 2]);
		under_data(IPPROTO_TLS, data_calls[i / 2], ways[i % 2]);
	}
}

/* What it says to have sent arrives, and then the end. */
static void under_send(int protocol, take_away *way)
{
	static char got[1 << 16];
	ssize_t sent = 0, came = 0, n;
	struct waiting w;
	struct link link;

	link_open(&link, protocol, AF_INET);
	make_pipe();
	while ((n = send(link.client, block, sizeof(block), MSG_DONTWAIT)) > 0)
		sent += n;
	waiting_start_in(&w, link.client, send_block);
	way(link.client);
	while ((n = recv(link.server, got, sizeof(got), 0)) > 0)
		came += n;
	waiting_finish(&w);
	assert_int_equal(n, 0);
	assert_true(w.result > 0 || (w.result == -1 && w.error == EINTR));
	assert_int_equal(came, sent + (w.result > 0 ? w.result : 0));
	close_pipe(way, &link.client);
	link_close(&link);
}

static void send_under_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ways); i++) {
		under_send(IPPROTO_TCP, ways[i]);
		under_send(IPPROTO_TLS, ways[i]);
	}
}

/* TCP's accept takes one client more, of the socket that has no number. */
static void accept_under_way(void **state)
{
	struct waiting w;

	(void)state;
	for (size_t i = 0; i < COUNT(ways); i++) {
		uint16_t port;
		int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

		make_pipe();
		waiting_start_in(&w, listener, accept_one);
		ways[i](listener);
		waiting_finish(&w);
		assert_int_equal(w.result, -1);
		assert_int_equal(w.error, EINTR);
		close_pipe(ways[i], &listener);
	}
}

static uint16_t silent_port;

static ssize_t connect_silent(struct waiting *w)
{
	return tls_connect(w->fd, AF_INET, silent_port);
}

/* A connection whose client has said the first byte of a handshake. */
static int half_accepted(int listener, uint16_t port, int *client)
{
	*client = net_connect(AF_INET, port);
	assert_int_equal(send(*client, "\x16", 1, 0), 1);
	return (int)assert_ok(accept(listener, NULL, NULL));
}

static void handshake_under_way(void **state)
{
	static waiting_call *const calls[] = {connect_silent, receive, send_block};
	int silent = net_listen(AF_INET, &silent_port), client, fd;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	struct waiting w;

	(void)state;
	for (size_t i = 0; i < COUNT(calls) * COUNT(ways); i++) {
		take_away *way = ways[i % 2];

		fd = half_accepted(listener, port, &client);
		if (calls[i / 2] == connect_silent) {
			close(fd);
			fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		}
		make_pipe();
		waiting_start_in(&w, fd, calls[i / 2]);
		way(fd);
		waiting_finish(&w);
		assert_int_equal(w.result, -1);
		assert_int_equal(w.error, EINTR);
		close_pipe(way, &fd);
		close(client);
	}
	close(listener);
	close(silent);
}

static int set;

static ssize_t in_poll(struct waiting *w)
{
	struct pollfd p[2] = {{.fd = w->fd, .events = POLLIN}, {.fd = ends[0], .events = POLLIN}};
	int n = poll(p, 2, -1);

	w->buf[0] = p[1].revents == POLLIN;
	w->buf[1] = (char)p[0].revents;
	return n;
}

static ssize_t in_select(struct waiting *w)
{
	fd_set r;
	int n;

	FD_ZERO(&r);
	FD_SET(w->fd, &r);
	FD_SET(ends[0], &r);
	n = select((w->fd > ends[0] ? w->fd : ends[0]) + 1, &r, NULL, NULL, NULL);
	/* Nobody has said what becomes of a closed one (select(2)): the kernel shows it. */
	if (n < 0 && errno == EBADF)
		n = 2;
	w->buf[0] = FD_ISSET(ends[0], &r) != 0;
	w->buf[1] = FD_ISSET(w->fd, &r) != 0;
	return n;
}

static ssize_t in_epoll(struct waiting *w)
{
	struct epoll_event events[2] = {{0}};
	int n = epoll_wait(set, events, 2, -1);

	w->buf[0] = events[0].data.u32 == 2 && events[0].events == EPOLLIN;
	w->buf[1] = (char)events[1].events;
	return n;
}

static waiting_call *const readiness_calls[] = {in_poll, in_select, in_epoll};

/* The pipe wakes them, and nothing is said of the number's old file or its new one. */
static void readiness_under_way(struct link *l, struct trace *t)
{
	struct waiting w;

	for (size_t i = 0; i < COUNT(readiness_calls) * COUNT(ways); i++) {
		int fd = (int)assert_ok(dup(l->server)), spare;

		make_pipe();
		spare = (int)assert_ok(fcntl(ends[1], F_DUPFD_CLOEXEC, 0));
		set = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
		net_epoll(set, EPOLL_CTL_ADD, ends[0], EPOLLIN, 2);
		net_epoll(set, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
		waiting_start_in(&w, fd, readiness_calls[i / 2]);
		ways[i % 2](fd);
		assert_int_equal(write(spare, "w", 1), 1);
		waiting_finish(&w);
		trace_note(t, "%zu: %zd, the pipe %d, the number %d\n", i, w.result, w.buf[0],
			   w.buf[1]);
		assert_int_equal(read(ends[0], w.buf, 1), 1);
		close(set);
		close(spare);
		close_pipe(ways[i % 2], &fd);
	}
}

/* The last number of it. */
static void last_under_way(struct link *l, struct trace *t)
{
	int copy = (int)assert_ok(dup(l->client));
	struct link own = {l->protocol, l->family, l->port, -1, -1, copy};

	CALL(t, close(l->client));
	l->client = -1;
	readiness_under_way(&own, t);
	CALL(t, send(copy, "on", 2, 0));
	close(copy);
}

static void readiness_in_handshake(void **state)
{
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	struct waiting w;

	(void)state;
	for (size_t i = 0; i < COUNT(readiness_calls) * COUNT(ways); i++) {
		int client, fd = half_accepted(listener, port, &client), spare;

		make_pipe();
		spare = (int)assert_ok(fcntl(ends[1], F_DUPFD_CLOEXEC, 0));
		set = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
		net_epoll(set, EPOLL_CTL_ADD, ends[0], EPOLLIN, 2);
		net_epoll(set, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
		waiting_start_in(&w, fd, readiness_calls[i / 2]);
		ways[i % 2](fd);
		assert_int_equal(write(spare, "w", 1), 1);
		waiting_finish(&w);
		assert_true(w.result > 0);
		assert_int_equal(w.buf[0], 1);
		assert_int_equal(read(ends[0], w.buf, 1), 1);
		close(set);
		close(spare);
		close_pipe(ways[i % 2], &fd);
		close(client);
	}
	close(listener);
}

static const struct compare_case cases[] = {
	{"readiness, one number of several", readiness_under_way},
	{"readiness, of the one that is left", last_under_way},
};

static const struct CMUnitTest tests[] = {
	CASE(data_under_way),	   CASE(send_under_way),	 CASE(accept_under_way),
	CASE(handshake_under_way), CASE(readiness_in_handshake),
};

int main(void)
{
	return compare_main("underway", cases, COUNT(cases), tests, COUNT(tests));
}
