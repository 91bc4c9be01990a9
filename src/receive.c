/* SPDX-License-Identifier: MIT */
#include "receive.h"

#include "error.h"
#include "handshake.h"
#include "input.h"
#include "libc.h"
#include "output.h"

#include <errno.h>

enum { PEEK_TICK_MS = 10, MOST_IN_VAIN = 4 };

/*
 * The peer's close_notify: the kernel's state shows the end too. Where its FIN has
 * come that is so already, and the event was raised then.
 */
static ssize_t closed(struct connection *c, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	c->read_closed = true;
	if (libc.poll(&p, 1, 0) != 1)
		libc.shutdown(fd, SHUT_RD);
	return 0;
}

/* FIN without close_notify: somebody on the way may have cut the stream. */
static ssize_t cut(struct connection *c, int fd)
{
	c->truncated = true;
	if (c->settings->allow_truncation || c->settings->zephyr)
		return closed(c, fd);
	return connection_explain(c, -ECONNRESET, "receiving",
				  "the stream ended without the peer's close_notify");
}

/* Opens the next whole record. >0: plaintext; -EAGAIN: it held none; 0: the end. */
static ssize_t open_record(struct connection *c, int fd)
{
	ssize_t n;

	input_feed(c, false);
	n = engine_open(c->engine);
	input_fed(c);
	if (n > 0)
		c->in_vain = 0;
	if (n > 0 || n == -EAGAIN)
		return n;
	if (n == 0)
		return closed(c, fd);
	/* The alert that says so is on its way before the socket is shut down. */
	output_flush(c, fd);
	return connection_fail(c, fd, (int)n, "receiving", engine_reason(c->engine));
}

/*
 * Gets on by one step without waiting. >0: something came; 0: the end; -EAGAIN:
 * nothing is there; else the error.
 */
static ssize_t advance(struct connection *c, int fd, size_t room)
{
	ssize_t n;

	if (c->read_closed)
		return 0;
	if (input_record(c)) {
		n = open_record(c, fd);
		return n == -EAGAIN ? 1 : n;
	}
	if (c->truncated)
		return -ECONNRESET;
	n = input_fill(c, fd, room);
	if (n == 0 && c->in_eof)
		return c->read_shut ? 0 : cut(c, fd);
	if (n == 0)
		return 1;
	if (n < 0 && n != -EAGAIN && n != -ENOMEM)
		return connection_fail(c, fd, (int)n, "receiving", error_errno_text((int)-n));
	return n;
}

struct request {
	struct cursor *cur;
	size_t got;
	int flags;
	size_t least;	  /* a call that may wait does so for as many bytes */
	int64_t start_ms; /* of the first wait; 0: none yet */
	bool ended;	  /* the peer has closed: no more will come */
};

/*
 * A peek that wants more than is there (MSG_WAITALL): the byte that stays in the
 * kernel makes every wait for input end at once, so it is looked at now and then.
 */
static int wait_tick(struct connection *c, int fd, struct request *q, int64_t end_ms)
{
	int64_t tick_ms = connection_now_ms() + PEEK_TICK_MS;
	int r;

	if (end_ms < 0)
		end_ms = connection_socket_end_ms(fd, SO_RCVTIMEO);
	if (q->ended || connection_nonblocking(fd, 0) ||
	    (end_ms >= 0 && connection_left_ms(end_ms) == 0))
		return -EAGAIN;
	r = connection_poll(c, fd, POLLRDHUP, tick_ms);
	q->ended = r == 0;
	return r == -ETIMEDOUT ? 0 : r;
}

/*
 * Waits until the kernel has something. The first wait of a call takes SO_RCVTIMEO
 * from the kernel; a later one, after half a record came, has what is left of it.
 */
static int wait_input(struct connection *c, int fd, struct request *q)
{
	int64_t end_ms = -1;
	short events = POLLIN;
	int r;

	input_settle(c, fd);
	if (output_pending(c) && output_flush(c, fd) == -EAGAIN)
		events |= POLLOUT;
	if ((events & POLLOUT) && connection_nonblocking(fd, 0))
		return -EAGAIN;
	if (q->start_ms)
		end_ms = connection_socket_end_since_ms(fd, SO_RCVTIMEO, q->start_ms);
	else
		q->start_ms = connection_now_ms();
	c->in_drained = false;
	if (engine_pending(c->engine) > 0)
		return wait_tick(c, fd, q, end_ms);
	if (events == POLLIN && end_ms < 0) {
		r = input_wait(c, fd);
	} else {
		r = connection_poll(c, fd, events, end_ms);
		r = r == -ETIMEDOUT ? -EAGAIN : r;
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR && r != -EBADF && r != -EBADFD && r != -ENOMEM)
		return connection_fail(c, fd, r, "receiving", error_errno_text(-r));
	return r;
}

/*
 * A peer that sends records without data as fast as they are opened must not hold up a
 * thread that serves others too.
 */
static bool is_vain(const struct connection *c)
{
	return c->in_vain >= MOST_IN_VAIN && !input_record(c) && engine_pending(c->engine) == 0;
}

/* What is still in the queue is an event once more: setting this tells of data that is there. */
static ssize_t put_off(struct connection *c, int fd)
{
	const int least = 1;

	input_settle(c, fd);
	libc.setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
	return -EAGAIN;
}

/* A call that may wait is for this peer alone. */
static bool gives_way(struct connection *c, int fd, const struct request *q)
{
	c->in_vain = 0;
	return connection_nonblocking(fd, q->flags) && put_off(c, fd) < 0;
}

/* A receive of no bytes waits for some all the same, as TCP's does. */
static bool has_enough(const struct connection *c, const struct request *q)
{
	size_t pending = engine_pending(c->engine);

	if ((q->flags & MSG_PEEK) || (q->got == 0 && q->cur->left == 0))
		return pending >= (q->cur->left ? q->cur->left : 1);
	return q->cur->left == 0;
}

static bool has_some(const struct connection *c, const struct request *q)
{
	return q->got > 0 || engine_pending(c->engine) > 0;
}

/* What a call returns with when no more is there. */
static bool suffices(const struct connection *c, const struct request *q)
{
	return has_some(c, q) &&
	       ((q->flags & MSG_DONTWAIT) || q->got + engine_pending(c->engine) >= q->least);
}

static void deliver(struct connection *c, struct request *q)
{
	struct cursor at = *q->cur;
	size_t pending = engine_pending(c->engine), skip = 0, len, n;
	void *piece = NULL;

	while ((len = cursor_piece(&at, &piece))) {
		if ((q->flags & MSG_PEEK) && (q->flags & MSG_TRUNC))
			n = pending - skip < len ? pending - skip : len;
		else if (q->flags & MSG_PEEK)
			n = engine_peek(c->engine, skip, piece, len);
		else
			n = engine_read(c->engine, q->flags & MSG_TRUNC ? NULL : piece, len);
		if (n == 0)
			break;
		skip += n;
		cursor_advance(&at, n);
	}
	q->got += skip;
	*q->cur = at;
}

/* What a call with nothing to return yet does: 0: try again; else its answer. */
static int nothing_there(struct connection *c, int fd, struct request *q)
{
	if (suffices(c, q) || (q->flags & MSG_DONTWAIT))
		return -EAGAIN;
	return wait_input(c, fd, q);
}

/*
 * With room for less than a record what comes is looked at first in any case, and the
 * first wait of a call does that: no need to ask before. Not every wait: one that polls,
 * for a timeout or since output waits too, leaves what came in the queue.
 */
static bool may_wait_first(const struct connection *c, const struct request *q)
{
	return q->start_ms == 0 && q->cur->left < ENGINE_MAX_RECORD && !(q->flags & MSG_DONTWAIT) &&
	       c->in.len == 0 && !has_some(c, q) && !c->read_closed && !c->truncated && !c->in_eof;
}

static ssize_t receive_locked(struct connection *c, int fd, struct request *q)
{
	ssize_t r = 1;

	for (;;) {
		if (!(q->flags & MSG_PEEK))
			deliver(c, q);
		if (has_enough(c, q))
			break;
		/* Seen empty by the last fill: no need to ask the kernel again. */
		if (c->in_drained && !input_record(c) && suffices(c, q))
			break;
		r = -EAGAIN;
		if (is_vain(c) && gives_way(c, fd, q))
			break;
		if (!may_wait_first(c, q))
			r = advance(c, fd, q->flags & MSG_PEEK ? 0 : q->cur->left);
		if (r == -EAGAIN)
			r = nothing_there(c, fd, q);
		else if (r == 0)
			break;
		if (r < 0)
			break;
	}
	if (q->flags & MSG_PEEK)
		deliver(c, q);
	input_settle(c, fd);
	return q->got ? (ssize_t)q->got : has_enough(c, q) ? 0 : r;
}

static int may_receive(struct connection *c, int fd, const struct request *q)
{
	int64_t end_ms = -1;
	bool nonblock = false;

	if (c->state == STATE_HANDSHAKE || c->state == STATE_CONNECTING) {
		nonblock = connection_nonblocking(fd, q->flags);
		end_ms = connection_socket_end_ms(fd, SO_RCVTIMEO);
	}
	return handshake_need(c, fd, nonblock, end_ms);
}

ssize_t connection_receive(struct connection *c, int fd, struct cursor *cur, int flags)
{
	struct request q = {.cur = cur, .flags = flags, .least = cur->left};
	ssize_t n;

	/* No urgent data in TLS: as TCP without any (tcp(7)). */
	if (flags & MSG_OOB)
		return -EINVAL;
	n = connection_enter(c, fd);
	if (n < 0)
		return n;
	c->in_drained = false;
	c->in_vain = 0;
	if (!(flags & MSG_WAITALL) && q.least > (size_t)c->rcvlowat)
		q.least = (size_t)c->rcvlowat;
	n = may_receive(c, fd, &q);
	if (n == 0)
		n = receive_locked(c, fd, &q);
	n = connection_told(c, n);
	connection_unlock(c);
	return n;
}

bool connection_readable(struct connection *c, int fd)
{
	ssize_t r = 1;

	c->in_vain = 0;
	while (engine_pending(c->engine) == 0 && r > 0)
		r = is_vain(c) ? put_off(c, fd) : advance(c, fd, 0);
	if (c->state == STATE_OPEN)
		input_settle(c, fd);
	return r != -EAGAIN;
}
