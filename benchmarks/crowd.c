/* SPDX-License-Identifier: MIT */
/*
 * A crowd: thousands of connections in one epoll server that never waits for one of
 * them. How it fares while they are silent, while a few at a time are busy, and while
 * slow clients give away their ClientHello a byte a second. Socket calls alone.
 */
#include "crowd.h"
#include "calls.h"
#include "common.h"
#include "measure.h"
#include "statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, BATCH = 64, ACTIVE = 50, AT_ONCE = 32, ALTERNATIONS = 5, COUNTED_EACH = 4 };
enum { MAX_LATENCIES = 1 << 20 };

struct client {
	int *fds;
	double *asked; /* when */
	unsigned int count, next;
	int set;
	struct slow slow;
};

static double latencies[MAX_LATENCIES];

static int wait_some(int set, struct epoll_event *events)
{
	int n;

	do
		n = epoll_wait(set, events, BATCH, -1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		die_errno("epoll_wait");
	return n;
}

static void watch(int set, int op, int fd, uint32_t events, uint32_t which)
{
	struct epoll_event event = {.events = events, .data.u32 = which};

	if (epoll_ctl(set, op, fd, &event) < 0)
		die_errno("epoll_ctl");
}

/* Keeps some handshakes on their way at a time until all are done. */
static void connect_all(struct client *c, in_port_t port)
{
	struct epoll_event events[BATCH];
	unsigned int begun = 0, done = 0;

	while (done < c->count) {
		int n;

		for (; begun < c->count && begun - done < AT_ONCE; begun++) {
			c->fds[begun] = crowd_connect(contender.socket(ROLE_CLIENT), port);
			watch(c->set, EPOLL_CTL_ADD, c->fds[begun], EPOLLOUT, begun);
		}
		n = wait_some(c->set, events);
		for (int i = 0; i < n; i++) {
			uint32_t which = events[i].data.u32;
			int error = 0;
			socklen_t length = sizeof(error);

			getsockopt(c->fds[which], SOL_SOCKET, SO_ERROR, &error, &length);
			errno = error;
			if (error)
				die_errno("connect");
			watch(c->set, EPOLL_CTL_MOD, c->fds[which], EPOLLIN, which);
			done++;
		}
	}
}

/* The connections take turns, so that all of them are used. */
static void ask_next(struct client *c)
{
	static const char message[MESSAGE];
	unsigned int which = c->next++ % c->count;

	c->asked[which] = now_seconds();
	if (send(c->fds[which], message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		die_errno("send");
}

/* Answers that came, each followed by another request unless it is enough. */
static size_t take_answers(struct client *c, size_t at, bool enough)
{
	struct epoll_event events[BATCH];
	int n = wait_some(c->set, events);

	for (int i = 0; i < n; i++) {
		unsigned int which = events[i].data.u32;
		char message[MESSAGE];

		if (recv(c->fds[which], message, sizeof(message), MSG_WAITALL) != sizeof(message))
			die_errno("recv");
		if (at < MAX_LATENCIES)
			latencies[at++] = (now_seconds() - c->asked[which]) * 1e6;
		if (!enough)
			ask_next(c);
	}
	return at;
}

/* Some requests on their way at a time, until the time or number: how many. */
static size_t converse(struct client *c, double seconds, size_t most)
{
	double end = now_seconds() + seconds;
	size_t n = 0, first = c->next;

	for (unsigned int i = 0; i < ACTIVE; i++)
		ask_next(c);
	while (n < c->next - first) {
		n = take_answers(c, n, n >= most || now_seconds() >= end);
		slow_step(&c->slow);
	}
	return n;
}

static double p99(struct client *c, double seconds)
{
	size_t n = converse(c, seconds, MAX_LATENCIES - ACTIVE);

	sort_values(latencies, n);
	return quantile(latencies, n, 0.99);
}

/* One after the other and back, so that both see the same machine. */
static void compare_slow(struct client *c, const struct setting *setting, in_port_t port)
{
	double alone[ALTERNATIONS], beside[ALTERNATIONS], ratio[ALTERNATIONS];

	for (int i = 0; i < ALTERNATIONS; i++) {
		alone[i] = p99(c, setting->seconds);
		slow_start(&c->slow, setting->slow, port);
		beside[i] = p99(c, setting->seconds);
		slow_stop(&c->slow);
		ratio[i] = beside[i] / alone[i];
	}
	emit("p99", summarize(alone, ALTERNATIONS).median);
	emit("slow_p99", summarize(beside, ALTERNATIONS).median);
	emit("slowdown", summarize(ratio, ALTERNATIONS).median);
}

static void measure_idle(const struct setting *setting)
{
	struct timespec pause = {.tv_sec = (time_t)setting->seconds + 1};
	double before = cpu_of_process(setting->server);

	nanosleep(&pause, NULL);
	emit("idle_cpu", (cpu_of_process(setting->server) - before) / (double)pause.tv_sec * 1e3);
}

static void measure_busy(struct client *c, const struct setting *setting)
{
	double cpu = cpu_of_process(setting->server), begin = now_seconds();
	size_t n = converse(c, setting->seconds, MAX_LATENCIES - ACTIVE);

	emit("requests", (double)n / (now_seconds() - begin));
	emit("server_cpu", (cpu_of_process(setting->server) - cpu) / (double)n * 1e6);
}

static void count_calls(struct client *c, const struct setting *setting)
{
	struct timespec pause = {.tv_sec = (time_t)setting->seconds + 1};
	size_t n;

	if (!calls_begin(setting->server))
		return;
	nanosleep(&pause, NULL);
	emit("idle_calls", (double)calls_end() / (double)pause.tv_sec);
	if (!calls_begin(setting->server))
		return;
	/* Not a connection's first request alone, which costs more. */
	n = converse(c, INFINITY, COUNTED_EACH * (size_t)c->count);
	emit("server_calls", (double)calls_end() / (double)n);
}

static void crowd_client(const struct setting *setting, in_port_t port)
{
	struct client c = {.count = setting->connections, .set = epoll_create1(EPOLL_CLOEXEC)};
	double begin;

	link_make_room(c.count + setting->slow);
	c.fds = calloc(c.count, sizeof(*c.fds));
	c.asked = calloc(c.count, sizeof(*c.asked));
	if (!c.fds || !c.asked || c.set < 0)
		die_errno("crowd");
	begin = now_seconds();
	connect_all(&c, port);
	if (setting->count_calls) {
		count_calls(&c, setting);
	} else {
		emit("rate", c.count / (now_seconds() - begin));
		measure_idle(setting);
		measure_busy(&c, setting);
		compare_slow(&c, setting, port);
	}
	for (unsigned int i = 0; i < c.count; i++)
		close(c.fds[i]);
	close(c.set);
	free(c.fds);
	free(c.asked);
}

/* Returns how many connections more or less there are. */
static int serve(int set, int listener, int fd)
{
	char message[MESSAGE];
	ssize_t n;
	int accepted = 0;

	while (fd == listener && (n = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		watch(set, EPOLL_CTL_ADD, (int)n, EPOLLIN, (uint32_t)n);
		accepted++;
	}
	if (fd == listener)
		return accepted;
	n = recv(fd, message, sizeof(message), 0);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0 && send(fd, message, (size_t)n, MSG_NOSIGNAL) == n)
		return 0;
	close(fd);
	return -1;
}

static void crowd_server(const struct setting *setting, int listener)
{
	struct epoll_event events[BATCH];
	int set = epoll_create1(EPOLL_CLOEXEC), open = 0;

	link_make_room(setting->connections + setting->slow);
	crowd_unblock(listener);
	watch(set, EPOLL_CTL_ADD, listener, EPOLLIN, (uint32_t)listener);
	do {
		int n = wait_some(set, events);

		for (int i = 0; i < n; i++)
			open += serve(set, listener, (int)events[i].data.u32);
	} while (open > 0);
	close(set);
}

const struct measure crowded = {"crowd", crowd_client, crowd_server};
