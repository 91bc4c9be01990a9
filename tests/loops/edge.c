/* SPDX-License-Identifier: MIT */
/*
 * A loop around edge-triggered epoll that relies on its contract (epoll(7)) and on
 * nothing else: each descriptor is registered once; it is read until EAGAIN, or until a
 * read is short, and written until EAGAIN; then only the next edge says to go on.
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 16 };

struct client {
	int fd;
	bool readable, writable;
	bool hung_up; /* the end is in the queue: a short read is not the last */
	bool ended;
	size_t start, end;
	char data[BLOCK];
};

static void watch(int epfd, int fd, void *data)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				    .data.ptr = data};

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static void note(struct client *c, uint32_t events)
{
	if (events & EPOLLERR)
		check(false, "epoll: an error");
	c->readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
	c->writable |= (events & EPOLLOUT) != 0;
	c->hung_up |= (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
}

/* Returns how much was read. */
static size_t read_some(struct client *c, char *data, size_t size)
{
	ssize_t n = recv(c->fd, data, size, 0);

	if (n < 0 && errno != EAGAIN)
		fail("recv");
	if (n == 0)
		c->ended = true;
	if (n <= 0 || ((size_t)n < size && !c->hung_up))
		c->readable = false;
	return n > 0 ? (size_t)n : 0;
}

/* Returns how much was written. */
static size_t write_some(struct client *c, const char *data, size_t size)
{
	ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		fail("send");
	if (n < 0)
		c->writable = false;
	return n > 0 ? (size_t)n : 0;
}

/* Returns false when the client is served. */
static bool echo(struct client *c)
{
	bool reads, writes;

	do {
		reads = c->readable && c->end < BLOCK;
		if (reads)
			c->end += read_some(c, c->data + c->end, BLOCK - c->end);
		writes = c->writable && c->start < c->end;
		if (writes)
			c->start += write_some(c, c->data + c->start, c->end - c->start);
		if (c->start == c->end)
			c->start = c->end = 0;
	} while (reads || writes);
	return !c->ended || c->end > 0;
}

static void take_all(int epfd, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct client *c = calloc(1, sizeof(*c));

		check(c, "calloc");
		c->fd = fd;
		watch(epfd, fd, c);
	}
	if (errno != EAGAIN)
		fail("accept");
}

void serve(int listener, unsigned int connections)
{
	struct epoll_event events[EVENTS];
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	watch(epfd, listener, NULL);
	while (connections > 0) {
		int n = epoll_wait(epfd, events, EVENTS, -1);

		if (n < 0)
			fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			if (!c) {
				take_all(epfd, listener);
				continue;
			}
			note(c, events[i].events);
			if (echo(c))
				continue;
			close(c->fd);
			free(c);
			connections--;
		}
	}
	close(epfd);
	close(listener);
}

static void send_pieces(struct client *c, struct transfer *t)
{
	char piece[PIECE_MAX];

	while (c->writable && t->sent < t->length) {
		t->sent += write_some(c, piece, transfer_piece(t, piece));
		if (t->sent == t->length && shutdown(c->fd, SHUT_WR) < 0)
			fail("shutdown");
	}
}

void run_client(int fd, const struct sockaddr_in *server, struct transfer *t)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	struct client c = {.fd = fd};

	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0 ||
	    errno != EINPROGRESS)
		fail("connect should be in progress");
	watch(epfd, fd, &c);
	while (!c.ended) {
		if (epoll_wait(epfd, &event, 1, -1) != 1)
			fail("epoll_wait");
		note(&c, event.events);
		send_pieces(&c, t);
		while (c.readable)
			transfer_received(t, c.data, read_some(&c, c.data, BLOCK));
	}
	close(fd);
	close(epfd);
}
