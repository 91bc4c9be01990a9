/* SPDX-License-Identifier: MIT */
#include "output.h"

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

/* The next piece to send into c->out, whose memory must not move meanwhile. */
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
	if (c->flushing)
		return output_pending(c) ? -EAGAIN : 0;
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

struct blocking_send {
	struct connection *c;
	int fd;
	const uint8_t *data;
	size_t len;
	int flags;
	ssize_t sent;
};

/* A thread cancelled in send has sent nothing of its piece: another may. */
static void stop_flushing(void *arg)
{
	struct connection *c = arg;

	c->flushing = false;
}

static int send_op(void *arg)
{
	struct blocking_send *s = arg;

	pthread_cleanup_push(stop_flushing, s->c);
	s->sent = libc.send(s->fd, s->data, s->len, s->flags);
	pthread_cleanup_pop(0);
	return s->sent < 0 ? -errno : 0;
}

static int flush_piece(struct connection *c, int fd)
{
	struct blocking_send s = {c, fd, buffer_head(&c->out), c->out.len, send_flags(c), 0};
	int r;

	c->flushing = true;
	r = connection_wait(c, fd, send_op, &s);
	c->flushing = false;
	if (s.sent > 0)
		buffer_consume(&c->out, (size_t)s.sent);
	return r;
}

int output_flush_wait(struct connection *c, int fd)
{
	int r = output_flush(c, fd);

	while (r == -EAGAIN) {
		/* Another thread sends, and our records are behind its own. */
		r = c->flushing ? connection_poll(c, fd, POLLOUT, -1) : flush_piece(c, fd);
		if (r == -EINTR || r == -EAGAIN || r == -EBADF || r == -EBADFD)
			return r;
		if (r < 0)
			return broken(c, r);
		r = output_flush(c, fd);
	}
	return r;
}
