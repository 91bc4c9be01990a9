/* SPDX-License-Identifier: MIT */
/*
 * Handshakes and readiness: Finished and the first data in one segment, a socket that a
 * set hears of in the middle of its handshake or with data there, and how often the kernel is asked
 * while the peer says nothing.
 */
#include "count-calls.h"
#include "gate.h"
#include "look.h"
#include "proc.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, IDLE_MS = 300, FEW_CALLS = 6 };

/* How a program waits until there is something to receive, which there is or will be. */
enum way { POLL, SELECT, LEVEL, EDGE, ONESHOT, EXCLUSIVE, OUTER, ALONE, BY_HAND, WAYS };

static const char *const names[WAYS] = {
	[POLL] = "poll",
	[SELECT] = "select",
	[LEVEL] = "level-triggered epoll",
	[EDGE] = "edge-triggered epoll",
	[ONESHOT] = "one-shot epoll",
	[EXCLUSIVE] = "exclusive epoll",
	[OUTER] = "a nested set in poll",
	[ALONE] = "the kernel's edges and recv",
	[BY_HAND] = "TLS_HANDSHAKE and the kernel's poll",
};

static uint32_t mask_of(enum way way)
{
	static const uint32_t flags[WAYS] = {[EDGE] = EPOLLET,
					     [ONESHOT] = EPOLLONESHOT,
					     [EXCLUSIVE] = EPOLLEXCLUSIVE,
					     [ALONE] = EPOLLET};

	return EPOLLIN | flags[way];
}

/* A set for the ways that use one. */
static int set_for(enum way way, int fd)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	assert_ok(look_ctl(way == ALONE, epfd, EPOLL_CTL_ADD, fd, mask_of(way)));
	return epfd;
}

/* One wait. Returns 1 if it says that there is something. */
static int wait_once(enum way way, int fd, int epfd, int timeout_ms)
{
	struct pollfd p = {.fd = way == OUTER ? epfd : fd, .events = POLLIN};
	struct timeval left = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct epoll_event event;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	switch (way) {
	case POLL:
		return poll(&p, 1, timeout_ms);
	case SELECT:
		return select(fd + 1, &set, NULL, NULL, &left);
	case OUTER:
		/* The outer set is told of each step, the inner one of the data. */
		if (poll(&p, 1, timeout_ms) != 1)
			return 0;
		return epoll_wait(epfd, &event, 1, 0);
	case BY_HAND:
		p.fd = fd;
		return (int)syscall(SYS_poll, &p, 1, timeout_ms);
	default:
		return look_wait(way == ALONE, epfd, &event, 1, timeout_ms);
	}
}

/* Receives what comes, as a program of that way does. */
static void get(enum way way, int fd, int epfd, const char *text)
{
	char buf[32];
	ssize_t n = -1;
	int rounds = 0;

	while (n < 0) {
		assert_true(rounds++ < 10);
		if (wait_once(way, fd, epfd, PATIENCE_MS) != 1 && way != OUTER)
			fail_msg("nothing is told");
		if (way == BY_HAND)
			(void)setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0);
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0) {
			/* Only who asks the kernel may be told too much. */
			assert_int_equal(errno, EAGAIN);
			assert_true(way >= OUTER);
		}
	}
	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, strlen(text));
	assert_false(look_readable(fd, true));
	assert_false(look_readable(fd, false));
}

/* The end that is done sends at once; the other's last flight and that come as one. */
static void in_one_segment(void **state)
{
	enum way way = *(const enum way *)*state;
	bool client_first = test_version() == TLS_1_3;
	struct gate gate;
	struct link link;
	int from, to, epfd;
	struct lane *lane;

	gate_link_half(&gate, &link, IPPROTO_TLS, AF_INET);
	from = client_first ? link.client : link.server;
	to = client_first ? link.server : link.client;
	lane = client_first ? &gate.up : &gate.down;
	epfd = set_for(way, to);
	if (way != ALONE && way != BY_HAND)
		assert_int_equal(wait_once(way, to, epfd, 0), 0);
	assert_int_equal(send(from, "request", 7, 0), 7);
	gate_collect(lane, from);
	gate_pass(lane, lane->length, to);
	get(way, to, epfd, "request");
	/* And the connection is one: more comes, and the other way too. */
	assert_int_equal(send(to, "answer", 6, 0), 6);
	assert_int_equal(send(from, "second", 6, 0), 6);
	gate_collect(lane, from);
	gate_pass(lane, lane->length, to);
	if (way == ONESHOT)
		assert_ok(look_ctl(false, epfd, EPOLL_CTL_MOD, to, mask_of(way)));
	get(way, to, epfd, "second");
	gate_move(&gate);
	assert_ok(fcntl(from, F_SETFL, 0));
	assert_int_equal(recv(from, (char[16]){0}, 16, 0), 6);
	close(epfd);
	gate_close(&gate);
	link_close(&link);
}

/*
 * Waits while the peer says nothing, in the middle of the handshake: before its first
 * byte, and behind half of a flight. Neither busy nor woken.
 */
static void idle(void **state)
{
	enum way way = *(const enum way *)*state;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	int client = net_connect(AF_INET, port), server, epfd;
	static const char half[] = "\x16\x03\x01\x01\x00\x01\x00";

	assert_int_equal(send(client, half, 1, 0), 1);
	server = (int)assert_ok(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	epfd = set_for(way, server);
	for (size_t i = 1; i < sizeof(half); i++) {
		int64_t start_ms = test_now_ms();
		unsigned int calls;

		count_calls();
		assert_int_equal(wait_once(way, server, epfd, i == 1 ? IDLE_MS : 20), 0);
		calls = count_calls();
		if (calls > FEW_CALLS)
			fail_msg("%u calls", calls);
		if (way != OUTER)
			assert_true(calls > 0);
		assert_true(way == OUTER || test_now_ms() - start_ms >= (i == 1 ? IDLE_MS : 20));
		assert_int_equal(send(client, half + i, 1, 0), 1);
	}
	close(epfd);
	close(client);
	close(server);
	close(listener);
}

/* The same in calls that wait themselves. */
static void idle_in_calls(void **state)
{
	const struct timeval timeout = {0, IDLE_MS * 1000};
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	int client = net_connect(AF_INET, port), server;
	unsigned int calls;

	(void)state;
	assert_int_equal(send(client, "\x16", 1, 0), 1);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	for (int i = 0; i < 2; i++) {
		int64_t start_ms = test_now_ms();

		assert_ok(setsockopt(server, SOL_SOCKET, i ? SO_SNDTIMEO : SO_RCVTIMEO, &timeout,
				     sizeof(timeout)));
		count_calls();
		if (i)
			assert_fails(send(server, "x", 1, MSG_NOSIGNAL), EAGAIN);
		else
			assert_fails(recv(server, (char[1]){0}, 1, 0), EAGAIN);
		calls = count_calls();
		assert_in_range(calls, 1, FEW_CALLS);
		assert_in_range(test_now_ms() - start_ms, IDLE_MS - 1, PATIENCE_MS);
	}
	close(client);
	close(server);
	close(listener);
}

/*
 * What was closed with a full window lingers, and the peer, which does not read, has
 * ended its own stream: that is readable for good, and no reason to look for ever.
 */
static void idle_when_closed(void **state)
{
	const struct timeval timeout = {0, 20000};
	static char block[1 << 16];
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	/* A send that ends by its timeout leaves sealed bytes behind. */
	assert_ok(setsockopt(link.client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	assert_ok(setsockopt(link.client, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int)));
	assert_ok(setsockopt(link.server, SOL_SOCKET, SO_RCVBUF, &(int){8192}, sizeof(int)));
	while (send(link.client, block, sizeof(block), 0) > 0)
		continue;
	assert_ok(shutdown(link.server, SHUT_WR));
	assert_int_equal(
		poll(&(struct pollfd){.fd = link.client, .events = POLLIN}, 1, PATIENCE_MS), 1);
	link_drop(&link.client);
	count_calls();
	poll(NULL, 0, IDLE_MS);
	assert_in_range(count_calls(), 1, 10 * FEW_CALLS);
	/* The lingerer was and is there. */
	assert_true(waiting_threads() > 1);
	while (recv(link.server, block, sizeof(block), 0) > 0)
		continue;
	link_close(&link);
}

/* When the set hears of the socket; before connect() is eventconnect's. */
enum moment { DURING, DATA_THERE, DATA_HALF_READ, MOMENTS };

static const char *const moments[MOMENTS] = {"during the handshake", "with data there",
					     "with data half read"};

struct joining {
	enum way way;
	enum moment moment;
	char title[96];
};

static void link_and_join(struct gate *gate, struct link *link, const struct joining *join,
			  int *epfd)
{
	if (join->moment == DURING) {
		gate_link_half(gate, link, IPPROTO_TLS, AF_INET);
		*epfd = set_for(join->way, link->client);
	} else {
		gate_link(gate, link, IPPROTO_TLS, AF_INET);
		assert_ok(fcntl(link->client, F_SETFL, O_NONBLOCK));
	}
}

/* The client's set; the server speaks. */
static void joins(void **state)
{
	const struct joining *join = *state;
	const char *text = "spoken";
	struct gate gate;
	struct link link;
	int epfd = -1;

	link_and_join(&gate, &link, join, &epfd);
	while (setsockopt(link.server, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0) < 0)
		gate_move(&gate);
	assert_int_equal(send(link.server, text, 6, 0), 6);
	gate_collect(&gate.down, link.server);
	gate_pass(&gate.down, gate.down.length, link.client);
	if (join->moment == DATA_HALF_READ) {
		assert_int_equal(recv(link.client, (char[2]){0}, 2, 0), 2);
		text += 2;
	}
	if (epfd < 0)
		epfd = set_for(join->way, link.client);
	get(join->way, link.client, epfd, text);
	close(epfd);
	gate_close(&gate);
	link_close(&link);
}

int main(void)
{
	static enum way ways[WAYS];
	static struct joining joinings[MOMENTS * WAYS];
	static char titles[2 * WAYS][96];
	struct CMUnitTest tests[2 * WAYS + COUNT(joinings) + 2];
	size_t n = 0;

	for (size_t i = 0; i < WAYS; i++) {
		ways[i] = (enum way)i;
		snprintf(titles[n], sizeof(titles[n]), "Finished with data, by %s", names[i]);
		tests[n] = ROW_CASE(titles[n], in_one_segment, &ways[i]);
		n++;
		if (i == ALONE || i == BY_HAND)
			continue;
		snprintf(titles[n], sizeof(titles[n]), "a silent handshake, by %s", names[i]);
		tests[n] = ROW_CASE(titles[n], idle, &ways[i]);
		n++;
	}
	for (size_t i = 0; i < COUNT(joinings); i++) {
		struct joining *j = &joinings[i];

		j->way = (enum way)(i % WAYS);
		j->moment = (enum moment)(i / WAYS);
		snprintf(j->title, sizeof(j->title), "waited for %s, by %s", moments[j->moment],
			 names[j->way]);
		tests[n++] = ROW_CASE(j->title, joins, j);
	}
	tests[n++] = (struct CMUnitTest)CASE(idle_in_calls);
	tests[n++] = (struct CMUnitTest)CASE(idle_when_closed);
	return compare_main("flights", NULL, 0, tests, n);
}
