/* SPDX-License-Identifier: MIT */
#include "output.h"

#include "drain.h"
#include "libc.h"

#include <errno.h>

bool output_pending(const struct connection *c)
{
	return c->out.len > 0 || (c->engine && engine_output(c->engine)->len > 0);
}

static int send_flags(const struct connection *c)
{
	return MSG_NOSIGNAL | (c->out_more ? MSG_MORE : 0);
}

/* The next piece to send into c->out. */
static bool next_piece(struct connection *c)
{
	struct buffer *sealed = engine_output(c->engine);

	if (c->out.len > 0)
		return true;
	if (sealed->len == 0)
		return false;
	c->out = *sealed;
	*sealed = (struct buffer){0};
	return true;
}

/* The stream is broken: nobody will take the rest. */
static int broken(struct connection *c, int error)
{
	struct buffer *sealed = engine_output(c->engine);

	buffer_fini(&c->out);
	buffer_fini(sealed);
	/* What is lost was sealed: no record after it can be opened. */
	c->out_error = error;
	return error;
}

int output_flush(struct connection *c, int fd)
{
	if (!c->engine || c->out_error)
		return c->out_error;
	while (next_piece(c)) {
		ssize_t n = libc.send(fd, buffer_head(&c->out), c->out.len,
				      MSG_DONTWAIT | send_flags(c));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
		if (n < 0)
			return broken(c, -errno);
		buffer_consume(&c->out, (size_t)n);
	}
	return 0;
}

int output_judge(struct connection *c, int fd)
{
	if (c->out_error)
		return c->out_error;
	if (libc.send(fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		return broken(c, -errno);
	return 0;
}

struct room_wait {
	struct connection *c;
	struct pollfd pfd;
	int64_t end_ms;
};

static int room_op(void *arg)
{
	struct room_wait *w = arg;
	int n = libc.poll(&w->pfd, 1, connection_left_ms(w->end_ms));

	return n < 0 ? -errno : n == 0 ? -EAGAIN : 0;
}

static void stop_flushing(void *arg)
{
	const struct room_wait *w = arg;

	w->c->flushers--;
}

/*
 * By poll: of a send that blocks, and that a thread is cancelled in or jumps out of, nobody
 * could tell how much it took.
 */
static int wait_for_room(struct connection *c, int fd)
{
	short events = connection_events(c, POLLOUT) | drain_events(c);
	struct room_wait w = {c, {.fd = fd, .events = events}, -1};
	int r;

	w.end_ms = connection_socket_end_ms(fd, SO_SNDTIMEO);
	c->flushers++;
	r = connection_wait(c, fd, room_op, stop_flushing, &w);
	c->flushers--;
	connection_saw(c, w.pfd.revents);
	if (r == 0 && (w.pfd.revents & POLLIN))
		drain_records(c, fd);
	if (c->state == STATE_FAILED)
		return c->error;
	/* Another thread's SHUT_RDWR: close sends the rest. */
	if (r == 0 && c->write_closed && c->read_shut)
		return -EPIPE;
	/* With a timeout a send is never restarted (signal(7)). */
	if (connection_restarts(c, r, w.end_ms))
		return -ERESTART;
	return r;
}

static size_t unsent(const struct connection *c)
{
	return c->out.len + engine_output(c->engine)->len;
}

int output_flush_wait(struct connection *c, int fd, bool moved)
{
	size_t before = c->engine ? unsent(c) : 0;
	int r = output_flush(c, fd);

	while (r == -EAGAIN) {
		r = wait_for_room(c, fd);
		moved = moved || unsent(c) < before;
		if (r == -ERESTART && moved)
			r = -EINTR;
		if (r == -EINTR || r == -EAGAIN || r == -EBADF || r == -EBADFD || r == -EPIPE)
			return r;
		if (r < 0 && r != -ERESTART)
			return broken(c, r);
		r = output_flush(c, fd);
	}
	return r;
}
