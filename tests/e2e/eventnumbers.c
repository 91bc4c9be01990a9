/* SPDX-License-Identifier: MIT */
/* Readiness of numbers that are closed, duplicated, reused, and of data that is not alone. */
#include "child.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, A_WHILE_MS = 500, DATA = 7 };

static void note_all(struct trace *t, int epfd, int timeout)
{
	struct epoll_event events[4];
	uint32_t seen[256] = {0};
	long n = NAMED(t, "epoll_wait", epoll_wait(epfd, events, 4, timeout));

	for (long i = 0; i < n; i++)
		seen[events[i].data.u32 & 255] |= events[i].events;
	for (int i = 0; i < 256; i++)
		if (seen[i])
			trace_note(t, "\t%d: %x\n", i, seen[i]);
}

/* A pipe with a byte in it, of which one end has a number that was just given up. */
static void make_pipe(int ends[2])
{
	assert_ok(pipe2(ends, O_CLOEXEC));
	assert_int_equal(write(ends[1], "p", 1), 1);
}

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void shared_data(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(0)), ends[2];

	net_epoll(epfd, EPOLL_CTL_ADD, l->server, EPOLLIN, DATA);
	make_pipe(ends);
	net_epoll(epfd, EPOLL_CTL_ADD, ends[0], EPOLLIN, DATA);
	note_all(t, epfd, PATIENCE_MS);
	close_pipe(ends);
	close(epfd);
}

static void many_with_one_data(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(0)), copies[200];

	for (size_t i = 0; i < COUNT(copies); i++) {
		copies[i] = (int)assert_ok(dup(l->server));
		net_epoll(epfd, EPOLL_CTL_ADD, copies[i], EPOLLIN, DATA);
	}
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, poll(&(struct pollfd){.fd = epfd, .events = POLLIN}, 1, PATIENCE_MS));
	note_all(t, epfd, PATIENCE_MS);
	for (size_t i = 0; i < COUNT(copies); i++)
		close(copies[i]);
	close(epfd);
}

/* The number of a registration becomes a pipe's, whose own is not touched. */
static void duplicate_stays(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(0)), ends[2], copy;
	char byte;

	net_epoll(epfd, EPOLL_CTL_ADD, l->client, EPOLLOUT, 1);
	copy = (int)assert_ok(dup(l->client));
	link_drop(&l->client);
	make_pipe(ends);
	net_epoll(epfd, EPOLL_CTL_ADD, ends[0], EPOLLIN, 2);
	note_all(t, epfd, PATIENCE_MS);
	/* Of a socket that was read to its end: no lingerer keeps the registration. */
	link_drop(&l->server);
	CALL(t, recv(copy, &byte, 1, 0));
	CALL(t, close(copy));
	note_all(t, epfd, PATIENCE_MS);
	close_pipe(ends);
	close(epfd);
}

/* dup2 over a socket whose last bytes are on their way takes it out of the set. */
static void dup2_over(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(0)), ends[2];

	net_epoll(epfd, EPOLL_CTL_ADD, l->client, EPOLLOUT | EPOLLIN, 1);
	note_all(t, epfd, PATIENCE_MS);
	CALL(t, send(l->client, "abc", 3, 0));
	make_pipe(ends);
	NAMED(t, "dup2", dup2(ends[0], l->client) == l->client);
	link_drop(&l->server);
	note_all(t, epfd, 50);
	close_pipe(ends);
	close(epfd);
}

static int close_both(void *arg)
{
	const struct link *l = arg;

	assert_ok(close(l->server));
	assert_ok(close(l->listener));
	return 0;
}

/* The set is the parent's too: what a child closes stays registered. */
static void child_closes(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(0));

	net_epoll(epfd, EPOLL_CTL_ADD, l->server, EPOLLIN | EPOLLOUT, 1);
	net_epoll(epfd, EPOLL_CTL_ADD, l->listener, EPOLLIN, 2);
	CALL(t, child_finish(child_start(close_both, l)));
	note_all(t, epfd, PATIENCE_MS);
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, l->server, NULL));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, l->listener, NULL));
	close(epfd);
}

static int closed_port(int family)
{
	uint16_t port;

	close(net_listen(family, &port));
	return port;
}

/* What a refused connect leaves behind, when nothing but an event told of it. */
static void refused_unseen(struct link *l, struct trace *t)
{
	uint16_t port = (uint16_t)closed_port(l->family);
	struct pollfd p = {.events = POLLOUT};
	char byte;

	for (int way = 0; way < 3; way++) {
		int error = 0;
		socklen_t len = sizeof(error);

		p.fd = tls_socket(l->family, l->protocol, "localhost");
		assert_ok(fcntl(p.fd, F_SETFL, O_NONBLOCK));
		CALL(t, tls_connect(p.fd, l->family, port));
		CALL(t, poll(&p, 1, PATIENCE_MS));
		trace_note(t, "\t%x\n", p.revents);
		if (way == 0)
			CALL(t, send(p.fd, "x", 1, MSG_NOSIGNAL));
		else if (way == 1)
			CALL(t, recv(p.fd, &byte, 1, 0));
		else
			CALL(t, tls_connect(p.fd, l->family, port));
		CALL(t, getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len));
		trace_note(t, "\t%d\n", error);
		CALL(t, close(p.fd));
	}
}

/* SO_ERROR is often read into errno itself. */
static void error_into_errno(struct link *l, struct trace *t)
{
	socklen_t len = sizeof(int);

	errno = EINPROGRESS;
	assert_ok(getsockopt(l->client, SOL_SOCKET, SO_ERROR, &errno, &len));
	trace_note(t, "errno %d\n", errno);
}

/* Programs say getdtablesize() with a set of FD_SETSIZE. */
static void select_wide(struct link *l, struct trace *t)
{
	struct timeval long_time = {10, 0};
	fd_set r;

	FD_ZERO(&r);
	FD_SET(l->server, &r);
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, select(2000000000, &r, NULL, NULL, &long_time));
}

static const struct compare_case cases[] = {
	{"a pipe with a socket's data", shared_data},
	{"200 numbers with one data", many_with_one_data},
	{"a duplicate's registration", duplicate_stays},
	{"dup2 over a registered socket", dup2_over},
	{"a child closes what is registered", child_closes},
	{"a refused connect that nobody was told of", refused_unseen},
	{"SO_ERROR into errno", error_into_errno},
	{"select with more bits than there are", select_wide},
};

static ssize_t poll_a_while(struct waiting *waiting)
{
	return poll(&(struct pollfd){.fd = waiting->fd, .events = POLLIN}, 1, A_WHILE_MS);
}

/* A thread sleeps in poll; the number is closed, and another socket gets it. */
static void innocent_number(void **state)
{
	struct waiting waiting;
	char bytes[8];
	int pair[2], number;
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	number = link.server;
	waiting_start_in(&waiting, number, poll_a_while);
	link_drop(&link.server);
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	assert_true(pair[0] == number || pair[1] == number);
	assert_int_equal(write(pair[0], "hello", 5), 5);
	assert_int_equal(write(pair[1], "hello", 5), 5);
	link_drop(&link.client);
	waiting_finish(&waiting);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recv(pair[i], bytes, sizeof(bytes), MSG_DONTWAIT), 5);
		assert_memory_equal(bytes, "hello", 5);
	}
	assert_int_equal(write(pair[0], "x", 1), 1);
	assert_int_equal(write(pair[1], "x", 1), 1);
	close(pair[0]);
	close(pair[1]);
	link_close(&link);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(innocent_number)};

	return compare_main("eventnumbers", cases, COUNT(cases), tests, COUNT(tests));
}
