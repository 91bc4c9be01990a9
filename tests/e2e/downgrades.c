/* SPDX-License-Identifier: MIT */
/*
 * An upgraded socket that becomes a TCP socket again: what both ends say in the clear behind
 * their close_notify is neither lost nor taken for TLS.
 */
#include "proc.h"
#include "raw.h"
#include "starttls.h"
#include "stream.h"
#include "trace.h"
#include "waiting.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

struct order {
	const char *name;
	int family;
	bool server_first;
};

static const struct order orders[] = {{"client first, IPv4", AF_INET, false},
				      {"server first, IPv4", AF_INET, true},
				      {"client first, IPv6", AF_INET6, false},
				      {"server first, IPv6", AF_INET6, true}};

static void both_ends(void **state)
{
	const struct order *order = *state;
	struct link link;
	int first, second;

	starttls_open(&link, order->family);
	starttls_both(&link);
	starttls_exchange(link.client, link.server);
	first = order->server_first ? link.server : link.client;
	second = order->server_first ? link.client : link.server;
	starttls_end_both(first, second);
	starttls_check_plain(first, second);
	link_close(&link);
}

/* Before the handshake has begun: nobody waits in a call, and poll says when to go on. */
static void at_once(void **state)
{
	struct pollfd p[2];
	struct link link;

	(void)state;
	starttls_open(&link, AF_INET);
	starttls_both(&link);
	starttls_nonblocking(link.client, true);
	starttls_nonblocking(link.server, true);
	p[0] = (struct pollfd){.fd = link.client};
	p[1] = (struct pollfd){.fd = link.server};
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		for (int i = 0; i < 2; i++) {
			if (p[i].fd < 0)
				continue;
			if (starttls_end(p[i].fd) == 0) {
				p[i].fd = -1;
				continue;
			}
			assert_int_equal(errno, EAGAIN);
			/* The second says that the handshake is over. */
			p[i].events = POLLIN | POLLOUT;
		}
		if (p[0].fd >= 0 && p[1].fd >= 0)
			assert_true(poll(p, 2, TEST_DEADLINE_MS) > 0);
	}
	starttls_nonblocking(link.client, false);
	starttls_nonblocking(link.server, false);
	starttls_check_plain(link.client, link.server);
	link_close(&link);
}

/* How the program comes upon the end, before it calls. */
static void by_nothing(int fd)
{
	(void)fd;
}

static void by_recv(int fd)
{
	char buf[65536];

	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 0);
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
}

static void by_peek(int fd)
{
	char buf[65536];

	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_PEEK), 0);
	assert_int_equal(recv(fd, buf, 1, MSG_PEEK), 0);
}

static void by_poll(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
	const struct timespec now = {0};
	int n = -1;

	assert_int_equal(poll(&p, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(p.revents, POLLIN);
	assert_ok(ioctl(fd, FIONREAD, &n));
	assert_int_equal(n, 0);
	/* The kernel's own answer is the same. */
	p.revents = 0;
	assert_int_equal(raw_syscall(SYS_ppoll, (long)&p, 1, (long)&now, 0, 0, 0), 1);
	assert_int_equal(p.revents, POLLIN);
}

struct coming {
	const char *name;
	void (*look)(int fd);
	bool server_first;
};

static const struct coming comings[] = {
	{"at once, client first", by_nothing, false}, {"at once, server first", by_nothing, true},
	{"recv, client first", by_recv, false},	      {"recv, server first", by_recv, true},
	{"MSG_PEEK, client first", by_peek, false},   {"MSG_PEEK, server first", by_peek, true},
	{"poll, client first", by_poll, false},	      {"poll, server first", by_poll, true},
};

/* Words in the clear that come in one segment with the close_notify; FIN too. */
static void one_segment(void **state)
{
	const struct coming *coming = *state;
	int first, second;
	char buf[64] = "";
	struct link link;

	starttls_open_tls(&link);
	first = coming->server_first ? link.server : link.client;
	second = coming->server_first ? link.client : link.server;
	starttls_nonblocking(first, true);
	assert_fails(starttls_end(first), EAGAIN);
	assert_int_equal(tls_get_int(first, TLS_WANT), POLLIN);
	assert_fails(send(first, "x", 1, MSG_NOSIGNAL), EPIPE);
	starttls_nonblocking(first, false);
	starttls_cork(second, 1);
	assert_ok(starttls_end(second));
	/* They begin as a record does. */
	assert_int_equal(send(second, "\x17\x03\x03\xff", 4, 0), 4);
	starttls_cork(second, 0);
	coming->look(first);
	assert_ok(starttls_end(first));
	assert_int_equal(recv(first, buf, sizeof(buf), 0), 4);
	assert_memory_equal(buf, "\x17\x03\x03\xff", 4);
	starttls_check_plain(first, second);
	assert_ok(shutdown(second, SHUT_WR));
	assert_int_equal(recv(first, buf, sizeof(buf), 0), 0);
	link_close(&link);
}

enum { SEALED = 40000, CLEAR = 20000 };

/* Data that comes first is to be received first, with large buffers and with small ones. */
static void data_first(void **state)
{
	const size_t *piece = *state;
	char data[SEALED + CLEAR];
	struct link link;

	stream_fill(0, data, sizeof(data));
	starttls_open_tls(&link);
	starttls_nonblocking(link.client, true);
	assert_fails(starttls_end(link.client), EAGAIN);
	starttls_nonblocking(link.client, false);
	assert_int_equal(recv(link.server, data, 1, MSG_PEEK), 0);
	assert_int_equal(send(link.server, data, SEALED, 0), SEALED);
	starttls_cork(link.server, 1);
	assert_ok(starttls_end(link.server));
	assert_int_equal(send(link.server, data + SEALED, CLEAR, 0), CLEAR);
	starttls_cork(link.server, 0);
	assert_fails(starttls_end(link.client), EBUSY);
	starttls_check_stream(link.client, 0, SEALED - 1, *piece);
	assert_fails(starttls_end(link.client), EBUSY);
	starttls_check_stream(link.client, SEALED - 1, 1, *piece);
	assert_int_equal(recv(link.client, data, sizeof(data), 0), 0);
	assert_ok(starttls_end(link.client));
	starttls_check_stream(link.client, SEALED, CLEAR, *piece);
	starttls_check_plain(link.client, link.server);
	link_close(&link);
}

static ssize_t downgrade_there(struct waiting *w)
{
	return starttls_end(w->fd);
}

static void on_signal(int number)
{
	(void)number;
}

/* It waits as recv does. */
static void waits(void **state)
{
	const struct timeval soon = {.tv_usec = 20000}, never = {0};
	struct sigaction action = {.sa_handler = on_signal};
	struct waiting w;
	struct link link;

	(void)state;
	starttls_open_tls(&link);
	assert_ok(setsockopt(link.client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	assert_fails(starttls_end(link.client), EAGAIN);
	assert_ok(setsockopt(link.client, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never)));
	assert_ok(sigaction(SIGUSR1, &action, NULL));
	waiting_start_in(&w, link.client, downgrade_there);
	pthread_kill(w.thread, SIGUSR1);
	waiting_finish(&w);
	assert_int_equal(w.result, -1);
	assert_int_equal(w.error, EINTR);
	signal(SIGUSR1, SIG_DFL);
	waiting_start_in(&w, link.client, downgrade_there);
	assert_ok(starttls_end(link.server));
	waiting_finish(&w);
	assert_int_equal(w.result, 0);
	starttls_check_plain(link.client, link.server);
	link_close(&link);
}

/* An edge-triggered set shows the end, and then what came behind it. */
static void in_a_set(void **state)
{
	struct epoll_event event;
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	char buf[8];
	struct link link;

	(void)state;
	starttls_open_tls(&link);
	net_epoll(epfd, EPOLL_CTL_ADD, link.client, EPOLLIN | EPOLLET, 7);
	starttls_nonblocking(link.client, true);
	assert_fails(starttls_end(link.client), EAGAIN);
	assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
	starttls_cork(link.server, 1);
	assert_ok(starttls_end(link.server));
	assert_int_equal(send(link.server, "data", 4, 0), 4);
	starttls_cork(link.server, 0);
	assert_int_equal(epoll_wait(epfd, &event, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(event.data.u32, 7);
	assert_int_equal(event.events, EPOLLIN);
	assert_ok(starttls_end(link.client));
	assert_int_equal(epoll_wait(epfd, &event, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(event.events, EPOLLIN);
	assert_int_equal(recv(link.client, buf, sizeof(buf), 0), 4);
	assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
	assert_int_equal(send(link.server, "more", 4, 0), 4);
	assert_int_equal(epoll_wait(epfd, &event, 1, TEST_DEADLINE_MS), 1);
	assert_int_equal(event.data.u32, 7);
	net_epoll(epfd, EPOLL_CTL_DEL, link.client, 0, 0);
	close(epfd);
	link_close(&link);
}

static const size_t pieces[] = {65536, 100};

#define ROWS(function, table) ROW_CASE(table.name, function, ROW(table))

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS(both_ends, orders[0]),
		ROWS(both_ends, orders[1]),
		ROWS(both_ends, orders[2]),
		ROWS(both_ends, orders[3]),
		CASE(at_once),
		ROWS(one_segment, comings[0]),
		ROWS(one_segment, comings[1]),
		ROWS(one_segment, comings[2]),
		ROWS(one_segment, comings[3]),
		ROWS(one_segment, comings[4]),
		ROWS(one_segment, comings[5]),
		ROWS(one_segment, comings[6]),
		ROWS(one_segment, comings[7]),
		ROW_CASE("data first, large buffers", data_first, ROW(pieces[0])),
		ROW_CASE("data first, small buffers", data_first, ROW(pieces[1])),
		CASE(waits),
		CASE(in_a_set),
	};

	return compare_main("downgrades", NULL, 0, tests, COUNT(tests));
}
