/* SPDX-License-Identifier: MIT */
/*
 * MSG_MORE and TCP_CORK: what is held back to fill a segment, and when it goes. The
 * kernel's count of segments with data is compared with TCP's.
 */
#include "trace.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { PIECE = 100, PIECES = 11, ATTEMPTS = 10, MUCH = 1 << 20 };

static unsigned int segments(int fd)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	assert_ok(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info.tcpi_data_segs_out;
}

static void set(int fd, int option, int value)
{
	assert_ok(setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)));
}

static void receive(int fd, size_t n)
{
	char buf[PIECE * PIECES];

	assert_int_equal(recv(fd, buf, n, MSG_WAITALL), n);
}

/* Both handshakes are over, and what the first data change. */
static void warm_up(struct link *l)
{
	assert_ok(send(l->client, "a", 1, 0));
	receive(l->server, 1);
	assert_ok(send(l->server, "b", 1, 0));
	receive(l->client, 1);
}

/*
 * The fewest segments that the pieces took: a machine that stops for 0.2 s, for which
 * the kernel holds back, makes more of them.
 */
static void note_fewest(struct link *l, struct trace *t, void (*send_pieces)(int fd))
{
	unsigned int fewest = UINT_MAX;

	warm_up(l);
	for (int i = 0; i < ATTEMPTS; i++) {
		unsigned int before = segments(l->client), n;

		send_pieces(l->client);
		receive(l->server, PIECE * PIECES);
		n = segments(l->client) - before;
		fewest = n < fewest ? n : fewest;
	}
	trace_note(t, "%u segments\n", fewest);
}

static void send_one(int fd, int flags)
{
	static const char piece[PIECE];

	assert_int_equal(send(fd, piece, sizeof(piece), flags), sizeof(piece));
}

static void send_more(int fd)
{
	for (int i = 1; i < PIECES; i++)
		send_one(fd, MSG_MORE);
	send_one(fd, 0);
}

static void more(struct link *l, struct trace *t)
{
	note_fewest(l, t, send_more);
}

static void more_without_nagle(struct link *l, struct trace *t)
{
	set(l->client, TCP_NODELAY, 1);
	note_fewest(l, t, send_more);
}

static void more_nonblocking(struct link *l, struct trace *t)
{
	assert_ok(fcntl(l->client, F_SETFL, O_NONBLOCK));
	note_fewest(l, t, send_more);
}

static void send_at_once(int fd)
{
	for (int i = 0; i < PIECES; i++)
		send_one(fd, 0);
}

/* What is to be seen where nothing is held back. */
static void nothing_held(struct link *l, struct trace *t)
{
	set(l->client, TCP_NODELAY, 1);
	note_fewest(l, t, send_at_once);
}

static void send_messages(int fd)
{
	static char piece[PIECE];
	struct iovec iov[2] = {{piece, PIECE / 2}, {piece, PIECE / 2}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	for (int i = 2; i < PIECES; i++)
		assert_int_equal(sendmsg(fd, &msg, MSG_MORE), PIECE);
	assert_int_equal(sendto(fd, piece, PIECE, MSG_MORE, NULL, 0), PIECE);
	assert_int_equal(writev(fd, iov, 2), PIECE);
}

static void messages(struct link *l, struct trace *t)
{
	note_fewest(l, t, send_messages);
}

static void send_corked(int fd)
{
	set(fd, TCP_CORK, 1);
	send_at_once(fd);
	set(fd, TCP_CORK, 0);
}

static void cork(struct link *l, struct trace *t)
{
	int on = 1;
	socklen_t length = sizeof(on);

	note_fewest(l, t, send_corked);
	CALL(t, getsockopt(l->client, IPPROTO_TCP, TCP_CORK, &on, &length));
	trace_note(t, "corked %d\n", on);
}

/* Nobody sends without it: the kernel holds back for 0.2 s at most (tcp(7)). */
static void more_and_nothing(struct link *l, struct trace *t)
{
	warm_up(l);
	for (int i = 0; i < PIECES; i++)
		send_one(l->client, MSG_MORE);
	receive(l->server, PIECE * PIECES);
	set(l->client, TCP_CORK, 1);
	send_at_once(l->client);
	receive(l->server, PIECE * PIECES);
	trace_note(t, "all there\n");
}

static void more_and_shutdown(struct link *l, struct trace *t)
{
	char byte;

	warm_up(l);
	for (int i = 0; i < PIECES; i++)
		send_one(l->client, MSG_MORE);
	CALL(t, shutdown(l->client, SHUT_WR));
	receive(l->server, PIECE * PIECES);
	CALL(t, recv(l->server, &byte, 1, 0));
}

/* As much as goes. Returns how much is sent by now. */
static size_t send_some(int fd, size_t sent)
{
	static char piece[5000];

	while (sent < MUCH) {
		size_t left = MUCH - sent;
		ssize_t n;

		left = left < sizeof(piece) ? left : sizeof(piece);
		n = send(fd, piece, left, MSG_MORE | MSG_DONTWAIT);
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	return sent;
}

/* The buffer fills while all is to be held back. */
static void much_more(struct link *l, struct trace *t, int size)
{
	static char got[65536];
	size_t sent = 0, received = 0;

	warm_up(l);
	assert_ok(setsockopt(l->client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	while (received < MUCH) {
		struct pollfd p[2] = {{.fd = l->server, .events = POLLIN},
				      {.fd = sent < MUCH ? l->client : -1, .events = POLLOUT}};
		ssize_t n;

		assert_true(poll(p, 2, 10000) > 0);
		if (p[1].revents)
			sent = send_some(l->client, sent);
		n = recv(l->server, got, sizeof(got), MSG_DONTWAIT);
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		received += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(received, sent);
	trace_note(t, "all there\n");
}

static void more_than_fits(struct link *l, struct trace *t)
{
	much_more(l, t, 65536);
}

static void more_than_fits_corked(struct link *l, struct trace *t)
{
	set(l->client, TCP_CORK, 1);
	much_more(l, t, 65536);
}

static void more_than_fits_little(struct link *l, struct trace *t)
{
	much_more(l, t, 1);
}

static const struct compare_case cases[] = {
	{"MSG_MORE", more},
	{"MSG_MORE with TCP_NODELAY", more_without_nagle},
	{"MSG_MORE, non-blocking", more_nonblocking},
	{"MSG_MORE in sendmsg and sendto", messages},
	{"neither", nothing_held},
	{"TCP_CORK", cork},
	{"MSG_MORE, and then nothing", more_and_nothing},
	{"MSG_MORE, and then shutdown", more_and_shutdown},
	{"MSG_MORE, more than fits", more_than_fits},
	{"TCP_CORK, more than fits", more_than_fits_corked},
	{"MSG_MORE, a small SO_SNDBUF", more_than_fits_little},
};

int main(void)
{
	return compare_main("coalescing", cases, COUNT(cases), NULL, 0);
}
