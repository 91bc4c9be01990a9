/* SPDX-License-Identifier: MIT */
/* Readiness by epoll, select and ppoll, with the hooked calls and the kernel's own. */
#include "trace.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

#define READ_MASK (EPOLLIN | EPOLLRDHUP)

/* A set with one descriptor. */
static int set_of(int fd, uint32_t events)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	net_epoll(epfd, EPOLL_CTL_ADD, fd, events, 0);
	return epfd;
}

static int raw_epoll_wait(int epfd, struct epoll_event *events, int max)
{
	return (int)syscall(SYS_epoll_wait, epfd, events, max, 0);
}

/* What comes in time. */
static void note_wait(struct trace *t, int epfd, int timeout_ms)
{
	struct epoll_event event = {0};
	int n = epoll_wait(epfd, &event, 1, timeout_ms);

	trace_note(t, "wait %d: %x\n", n, event.events);
}

/* What is there now; the kernel's own answer first, since it may be taken up. */
static void note_events(struct trace *t, int epfd, bool level)
{
	struct epoll_event event = {0};

	if (level)
		trace_note(t, "kernel %d\n", raw_epoll_wait(epfd, &event, 1));
	note_wait(t, epfd, 0);
}

static void send_and_arrive(int from, int to, const char *text)
{
	struct pollfd p = {.fd = to, .events = POLLIN};

	assert_int_equal(send(from, text, strlen(text), 0), strlen(text));
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static void level_triggered(struct link *l, struct trace *t)
{
	char byte;
	int epfd = set_of(l->server, EPOLLIN);

	note_events(t, epfd, true);
	send_and_arrive(l->client, l->server, "abc");
	for (int i = 0; i < 3; i++) {
		note_events(t, epfd, true);
		CALL(t, recv(l->server, &byte, 1, 0));
	}
	note_events(t, epfd, true);
	net_epoll(epfd, EPOLL_CTL_MOD, l->server, EPOLLIN | EPOLLOUT, 0);
	note_events(t, epfd, true);
	CALL(t, shutdown(l->client, SHUT_WR));
	net_epoll(epfd, EPOLL_CTL_MOD, l->server, READ_MASK, 0);
	note_wait(t, epfd, PATIENCE_MS);
	CALL(t, recv(l->server, &byte, 1, 0));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, l->server, NULL));
	note_events(t, epfd, true);
	close(epfd);
}

static void edge_triggered(struct link *l, struct trace *t)
{
	char bytes[8];
	int epfd = set_of(l->server, EPOLLIN | EPOLLOUT | EPOLLET);

	note_events(t, epfd, false);
	note_events(t, epfd, false);
	send_and_arrive(l->client, l->server, "abc");
	note_wait(t, epfd, PATIENCE_MS);
	note_events(t, epfd, false);
	/* What was not read makes no new edge; more does. */
	CALL(t, recv(l->server, bytes, 1, 0));
	note_events(t, epfd, false);
	CALL(t, send(l->client, "def", 3, 0));
	note_wait(t, epfd, PATIENCE_MS);
	CALL(t, recv(l->server, bytes, 5, MSG_WAITALL));
	CALL(t, recv(l->server, bytes, 5, MSG_DONTWAIT));
	net_epoll(epfd, EPOLL_CTL_MOD, l->server, EPOLLIN | EPOLLOUT | EPOLLET, 0);
	note_events(t, epfd, false);
	close(epfd);
}

static void one_shot(struct link *l, struct trace *t)
{
	char bytes[8];
	int epfd = set_of(l->server, EPOLLIN | EPOLLONESHOT);

	send_and_arrive(l->client, l->server, "abc");
	note_wait(t, epfd, PATIENCE_MS);
	note_events(t, epfd, false);
	net_epoll(epfd, EPOLL_CTL_MOD, l->server, EPOLLIN | EPOLLONESHOT, 0);
	note_wait(t, epfd, PATIENCE_MS);
	CALL(t, recv(l->server, bytes, 8, 0));
	net_epoll(epfd, EPOLL_CTL_MOD, l->server, EPOLLIN | EPOLLONESHOT, 0);
	note_events(t, epfd, false);
	CALL(t, send(l->client, "def", 3, 0));
	note_wait(t, epfd, PATIENCE_MS);
	close(epfd);
}

/* Until TCP, and TLS, are through; the server has to be waited for too. */
static void finish_connect(int fd, int server)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLOUT}, {.fd = server, .events = POLLIN}};

	do
		assert_true(poll(p, 2, PATIENCE_MS) > 0);
	while (!p[0].revents);
}

/* Before connect a socket is hung up: that uses the registration up. */
static void one_shot_before_connect(struct link *l, struct trace *t)
{
	int fd = tls_socket(l->family, l->protocol, "localhost"), server;
	int epfd = set_of(fd, EPOLLOUT | EPOLLONESHOT);

	note_wait(t, epfd, PATIENCE_MS);
	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(t, tls_connect(fd, l->family, l->port));
	server = (int)assert_ok(accept(l->listener, NULL, NULL));
	finish_connect(fd, server);
	note_events(t, epfd, false);
	net_epoll(epfd, EPOLL_CTL_MOD, fd, EPOLLOUT | EPOLLONESHOT, 0);
	note_wait(t, epfd, PATIENCE_MS);
	note_events(t, epfd, false);
	close(server);
	close(fd);
	close(epfd);
}

static void exclusive_and_nested(struct link *l, struct trace *t)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
	int epfd = set_of(l->server, EPOLLIN | EPOLLEXCLUSIVE), outer = set_of(epfd, EPOLLIN);
	char bytes[8];

	CALL(t, epoll_ctl(epfd, EPOLL_CTL_MOD, l->server, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, l->server, &event));
	event.events |= EPOLLONESHOT;
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, l->client, &event));
	note_events(t, outer, true);
	send_and_arrive(l->client, l->server, "abc");
	note_wait(t, outer, PATIENCE_MS);
	CALL(t, poll(&(struct pollfd){.fd = epfd, .events = POLLIN}, 1, PATIENCE_MS));
	note_wait(t, epfd, PATIENCE_MS);
	CALL(t, recv(l->server, bytes, 8, 0));
	note_events(t, outer, true);
	close(outer);
	close(epfd);
}

static void bad_calls(struct link *l, struct trace *t)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epfd = (int)assert_ok(epoll_create(1));

	CALL(t, epoll_ctl(epfd, EPOLL_CTL_MOD, l->server, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, l->server, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, l->server, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, l->server, &event));
	CALL(t, epoll_ctl(epfd, 77, l->server, &event));
	CALL(t, epoll_ctl(-1, EPOLL_CTL_ADD, l->server, &event));
	CALL(t, epoll_ctl(l->client, EPOLL_CTL_ADD, l->server, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, l->server, NULL));
	CALL(t, epoll_wait(epfd, &event, 0, 0));
	CALL(t, epoll_wait(-1, &event, 1, 0));
	CALL(t, epoll_wait(l->server, &event, 1, 0));
	close(epfd);
}

/* A number that is closed leaves the set, though what it sent may still be on its way. */
static void closed_leaves(struct link *l, struct trace *t)
{
	int epfd = set_of(l->client, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	struct epoll_event event = {.events = EPOLLIN};

	note_events(t, epfd, true);
	CALL(t, send(l->client, "abc", 3, 0));
	link_drop(&l->client);
	note_events(t, epfd, true);
	link_drop(&l->server);
	CALL(t, epoll_wait(epfd, &event, 1, 50));
	close(epfd);
}

static void in_select(struct link *l, struct trace *t)
{
	struct timeval none = {0, 0}, long_time = {10, 0};
	fd_set r, w;
	char bytes[8];

	FD_ZERO(&r);
	FD_SET(l->server, &r);
	CALL(t, select(FD_SETSIZE, &r, NULL, NULL, &none));
	trace_note(t, "readable %d\n", FD_ISSET(l->server, &r));
	CALL(t, send(l->client, "abc", 3, 0));
	FD_SET(l->server, &r);
	CALL(t, select(l->server + 1, &r, NULL, NULL, &long_time));
	trace_note(t, "readable %d, time left %d\n", FD_ISSET(l->server, &r), long_time.tv_sec > 5);
	w = r;
	CALL(t, select(l->server + 1, &r, &w, NULL, NULL));
	CALL(t, pselect(l->server + 1, &r, &w, NULL, &(struct timespec){0, 0}, NULL));
	CALL(t, recv(l->server, bytes, 8, 0));
	CALL(t, select(l->server + 1, &r, &w, NULL, &none));
	trace_note(t, "readable %d writable %d\n", FD_ISSET(l->server, &r),
		   FD_ISSET(l->server, &w));
	CALL(t, select(0, NULL, NULL, NULL, &none));
	CALL(t, select(-1, &r, NULL, NULL, &none));
	CALL(t, select(l->server + 1, &r, NULL, NULL, &(struct timeval){-1, 0}));
}

/* One of the numbers is closed. */
static void select_bad(struct link *l, struct trace *t)
{
	struct timeval none = {0, 0};
	int gone = dup(l->server);
	fd_set r;

	close(gone);
	FD_ZERO(&r);
	FD_SET(l->server, &r);
	FD_SET(gone, &r);
	CALL(t, select(FD_SETSIZE, &r, NULL, NULL, &none));
}

/* Sets that are longer than FD_SETSIZE are allowed if they are there. */
static void select_high(struct link *l, struct trace *t)
{
	unsigned long bits[64] = {0};
	const int high = 2000, width = 8 * (int)sizeof(bits[0]);
	struct timeval long_time = {10, 0};

	CALL(t, dup2(l->server, high));
	bits[high / width] |= 1UL << high % width;
	CALL(t, send(l->client, "abc", 3, 0));
	CALL(t, select(high + 1, (fd_set *)(void *)bits, NULL, NULL, &long_time));
	trace_note(t, "set %d\n", (bits[high / width] >> high % width & 1) != 0);
	close(high);
}

static atomic_int caught;

static void catch (int sig)
{
	(void)sig;
	caught++;
}

/* A signal that waits for its mask to be lifted by the very call. */
static void signal_masks(struct link *l, struct trace *t)
{
	struct sigaction sa = {.sa_handler = catch, .sa_flags = SA_RESTART}, old;
	struct pollfd p = {.fd = l->server, .events = POLLIN};
	int epfd = set_of(l->server, EPOLLIN);
	struct epoll_event event;
	sigset_t one, none;
	fd_set r;

	caught = 0;
	FD_ZERO(&r);
	FD_SET(l->server, &r);
	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigaction(SIGUSR1, &sa, &old);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	raise(SIGUSR1);
	CALL(t, poll(&p, 1, 0));
	trace_note(t, "caught %d\n", caught);
	p.revents = POLLIN;
	CALL(t, ppoll(&p, 1, NULL, &none));
	trace_note(t, "caught %d, events %x\n", caught, p.revents);
	raise(SIGUSR1);
	CALL(t, pselect(l->server + 1, &r, NULL, NULL, NULL, &none));
	raise(SIGUSR1);
	CALL(t, epoll_pwait(epfd, &event, 1, -1, &none));
	raise(SIGUSR1);
	CALL(t, epoll_pwait2(epfd, &event, 1, NULL, &none));
	trace_note(t, "caught %d\n", caught);
	CALL(t, ppoll(&p, 1, &(struct timespec){0, 1000000}, &none));
	CALL(t, ppoll(&p, 1, &(struct timespec){0, -1}, &none));
	CALL(t, epoll_pwait2(epfd, &event, 1, &(struct timespec){0, 1000000}, NULL));
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	sigaction(SIGUSR1, &old, NULL);
	close(epfd);
}

static const struct compare_case cases[] = {
	{"level-triggered", level_triggered},
	{"edge-triggered", edge_triggered},
	{"one shot", one_shot},
	{"one shot, used up before connect", one_shot_before_connect},
	{"exclusive, nested, in poll", exclusive_and_nested},
	{"epoll calls that fail", bad_calls},
	{"a closed number leaves the set", closed_leaves},
	{"select and pselect", in_select},
	{"select with a closed number", select_bad},
	{"select beyond FD_SETSIZE", select_high},
	{"signal masks", signal_masks},
};

int main(void)
{
	return compare_main("events", cases, COUNT(cases), NULL, 0);
}
