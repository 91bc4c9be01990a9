/* SPDX-License-Identifier: MIT */
/* libev's watchers, level-triggered, on whatever backend it chooses. */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Its header, not ours, breaks the aliasing rules. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>
#pragma GCC diagnostic pop

struct client {
	ev_io io;
	size_t start, end;
	bool ended;
	char data[BLOCK];
};

static unsigned int left;

static void wait_for(struct ev_loop *loop, ev_io *io, int events)
{
	ev_io_stop(loop, io);
	ev_io_set(io, io->fd, events);
	ev_io_start(loop, io);
}

static void echo(struct client *c, int revents)
{
	ssize_t n;

	if (revents & EV_READ) {
		n = read(c->io.fd, c->data + c->end, BLOCK - c->end);
		if (n < 0 && errno != EAGAIN)
			fail("read");
		c->ended = n == 0;
		c->end += n > 0 ? (size_t)n : 0;
	}
	if (revents & EV_WRITE) {
		n = write(c->io.fd, c->data + c->start, c->end - c->start);
		if (n < 0 && errno != EAGAIN)
			fail("write");
		c->start += n > 0 ? (size_t)n : 0;
	}
	if (c->start == c->end)
		c->start = c->end = 0;
}

static void on_client(struct ev_loop *loop, ev_io *io, int revents)
{
	struct client *c = (struct client *)io;
	int wanted = 0;

	check(!(revents & EV_ERROR), "libev: an error");
	echo(c, revents);
	if (!c->ended && c->end < BLOCK)
		wanted |= EV_READ;
	if (c->start < c->end)
		wanted |= EV_WRITE;
	if (wanted) {
		if (wanted != (io->events & (EV_READ | EV_WRITE)))
			wait_for(loop, io, wanted);
		return;
	}
	ev_io_stop(loop, io);
	close(io->fd);
	free(c);
	if (--left == 0)
		ev_break(loop, EVBREAK_ALL);
}

static void on_listener(struct ev_loop *loop, ev_io *io, int revents)
{
	int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK);
	struct client *c;

	(void)revents;
	if (fd < 0 && errno != EAGAIN)
		fail("accept");
	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	check(c, "calloc");
	ev_io_init(&c->io, on_client, fd, EV_READ);
	ev_io_start(loop, &c->io);
}

void serve(int listener, unsigned int connections)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	ev_io io;

	left = connections;
	ev_io_init(&io, on_listener, listener, EV_READ);
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	ev_io_stop(loop, &io);
	ev_loop_destroy(loop);
	close(listener);
}

static void send_piece(struct ev_loop *loop, ev_io *io, struct transfer *t)
{
	char piece[PIECE_MAX];
	size_t size = transfer_piece(t, piece);
	ssize_t n = size > 0 ? write(io->fd, piece, size) : 0;

	if (n < 0 && errno != EAGAIN)
		fail("write");
	t->sent += n > 0 ? (size_t)n : 0;
	if (t->sent < t->length)
		return;
	if (shutdown(io->fd, SHUT_WR) < 0)
		fail("shutdown");
	wait_for(loop, io, EV_READ);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int revents)
{
	struct transfer *t = io->data;
	char data[BLOCK];
	ssize_t n;

	check(!(revents & EV_ERROR), "libev: an error");
	if (revents & EV_WRITE)
		send_piece(loop, io, t);
	if (!(revents & EV_READ))
		return;
	n = read(io->fd, data, sizeof(data));
	if (n < 0 && errno != EAGAIN)
		fail("read");
	if (n > 0)
		transfer_received(t, data, (size_t)n);
	if (n == 0) {
		ev_io_stop(loop, io);
		close(io->fd);
	}
}

static void on_connected(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)revents;
	check_connected(io->fd);
	ev_set_cb(io, on_socket);
	wait_for(loop, io, EV_READ | EV_WRITE);
}

void run_client(int fd, const struct sockaddr_in *server, struct transfer *t)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	ev_io io;

	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0 ||
	    errno != EINPROGRESS)
		fail("connect should be in progress");
	ev_io_init(&io, on_connected, fd, EV_WRITE);
	io.data = t;
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}
