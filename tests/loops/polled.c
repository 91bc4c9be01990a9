/* SPDX-License-Identifier: MIT */
/* A loop around poll, as one writes it without a library. */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64 };

/* What was read of one client and not yet written back. */
struct echo {
	size_t start, end;
	bool ended;
	char data[BLOCK];
};

static void fill(int fd, struct echo *e)
{
	ssize_t n = recv(fd, e->data + e->end, BLOCK - e->end, 0);

	if (n < 0 && errno != EAGAIN)
		fail("recv");
	e->ended = n == 0;
	e->end += n > 0 ? (size_t)n : 0;
}

static void drain(int fd, struct echo *e)
{
	ssize_t n = send(fd, e->data + e->start, e->end - e->start, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		fail("send");
	e->start += n > 0 ? (size_t)n : 0;
	if (e->start == e->end)
		e->start = e->end = 0;
}

static void step(struct pollfd *p, struct echo *e)
{
	if (p->revents & (POLLERR | POLLNVAL))
		check(false, "poll: an error");
	if (p->revents & POLLIN)
		fill(p->fd, e);
	if (p->revents & POLLOUT)
		drain(p->fd, e);
	p->events = 0;
	if (!e->ended && e->end < BLOCK)
		p->events |= POLLIN;
	if (e->start < e->end)
		p->events |= POLLOUT;
}

static void take(int listener, struct pollfd *p, struct echo *e)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd < 0 && errno != EAGAIN)
		fail("accept");
	if (fd < 0)
		return;
	*p = (struct pollfd){.fd = fd, .events = POLLIN};
	e->start = e->end = 0;
	e->ended = false;
}

void serve(int listener, unsigned int connections)
{
	static struct pollfd fds[1 + CLIENTS_MAX];
	static struct echo echoes[1 + CLIENTS_MAX];
	unsigned int served = 0, n = 1 + connections;

	check(connections <= CLIENTS_MAX, "too many connections");
	fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (unsigned int i = 1; i < n; i++)
		fds[i].fd = -1;
	while (served < connections) {
		if (poll(fds, n, -1) < 0)
			fail("poll");
		for (unsigned int i = 1; i < n; i++) {
			if (fds[i].fd < 0 && fds[0].revents) {
				take(listener, &fds[i], &echoes[i]);
				fds[0].revents = 0;
				continue;
			}
			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			step(&fds[i], &echoes[i]);
			if (echoes[i].ended && echoes[i].end == 0) {
				close(fds[i].fd);
				fds[i].fd = -1;
				served++;
			}
		}
	}
	close(listener);
}

/* Returns false when there is nothing more to send. */
static bool send_piece(int fd, struct transfer *t)
{
	char piece[PIECE_MAX];
	size_t size = transfer_piece(t, piece);
	ssize_t n = size > 0 ? send(fd, piece, size, MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN)
		fail("send");
	t->sent += n > 0 ? (size_t)n : 0;
	if (t->sent < t->length)
		return true;
	if (shutdown(fd, SHUT_WR) < 0)
		fail("shutdown");
	return false;
}

static void finish_connect(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (poll(&p, 1, -1) != 1)
		fail("poll");
	check_connected(fd);
}

void run_client(int fd, const struct sockaddr_in *server, struct transfer *t)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	char data[BLOCK];
	ssize_t n = -1;

	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0 ||
	    errno != EINPROGRESS)
		fail("connect should be in progress");
	finish_connect(fd);
	while (n != 0) {
		if (poll(&p, 1, -1) != 1)
			fail("poll");
		if ((p.revents & POLLOUT) && !send_piece(fd, t))
			p.events = POLLIN;
		n = p.revents & POLLIN ? recv(fd, data, sizeof(data), 0) : -1;
		if (n < 0 && (p.revents & POLLIN) && errno != EAGAIN)
			fail("recv");
		if (n > 0)
			transfer_received(t, data, (size_t)n);
	}
	close(fd);
}
