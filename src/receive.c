/* SPDX-License-Identifier: MIT */
#include "receive.h"

#include "error.h"
#include "handshake.h"
#include "input.h"
#include "libc.h"
#include "output.h"
#include "records.h"

#include <errno.h>

enum {
	PEEK_TICK_MS = 10,
	MOST_IN_VAIN = 4,
	MUCH = 65536, /* so much may wait opened before it is asked how much may */
};

struct request {
	struct cursor *cur;
	size_t got;
	int flags;
	size_t least;	   /* a call that may wait does so for as many bytes */
	int64_t start_ms;  /* of the first wait; 0: none yet */
	bool ended;	   /* the peer has closed: no more will come */
	struct sink *sink; /* where it goes, unless to the cursor's memory */
	ssize_t refused;   /* what the sink said when it did not take all; 0: it did */
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
	bool late; /* it is the end of a client's time to show its certificate */
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
	late = engine_awaits_auth(c->engine) && c->auth_end_ms >= 0 &&
	       (end_ms < 0 || c->auth_end_ms < end_ms);
	if (late)
		end_ms = c->auth_end_ms;
	if (engine_pending(c->engine) > 0)
		return wait_tick(c, fd, q, end_ms);
	if (events == POLLIN && end_ms < 0) {
		r = input_wait(c, fd);
	} else {
		r = connection_poll(c, fd, events, end_ms);
		if (r == -ETIMEDOUT)
			r = late ? 0 : -EAGAIN;
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR && r != -EBADF && r != -EBADFD && r != -EPIPE &&
	    r != -ENOMEM)
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

	if (q->refused)
		return true;
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

/* The sink never waits. What it does not take stays where it is. */
static void deliver_to_sink(struct connection *c, struct request *q)
{
	struct buffer *piece = &q->sink->piece;
	ssize_t taken = 0;
	size_t n = 0;

	while (q->cur->left && engine_pending(c->engine) > 0 && taken == (ssize_t)n) {
		n = engine_peek(c->engine, 0, piece->data, piece->cap);
		n = n < q->cur->left ? n : q->cur->left;
		taken = q->sink->take(q->sink, piece->data, n);
		if (taken > 0) {
			engine_read(c->engine, NULL, (size_t)taken);
			cursor_advance(q->cur, (size_t)taken);
			q->got += (size_t)taken;
		}
	}
	if (taken < (ssize_t)n)
		q->refused = taken < 0 ? taken : -EAGAIN;
}

/* What a call with nothing to return yet does: 0: try again; else its answer. */
static int nothing_there(struct connection *c, int fd, struct request *q)
{
	if (suffices(c, q))
		return -EAGAIN;
	/* What a message of several left for later. */
	if (c->so_error)
		return -c->so_error;
	return q->flags & MSG_DONTWAIT ? -EAGAIN : wait_input(c, fd, q);
}

/*
 * With room for less than a record what comes is looked at first in any case, and the
 * first wait of a call does that: no need to ask before. Not every wait: one that polls,
 * for a timeout or since output waits too, leaves what came in the queue.
 */
static bool may_wait_first(const struct connection *c, const struct request *q)
{
	return q->start_ms == 0 && q->cur->left < ENGINE_MAX_RECORD && !(q->flags & MSG_DONTWAIT) &&
	       c->in.len == 0 && !c->so_error && !has_some(c, q) && !c->read_closed &&
	       !c->truncated && !c->in_eof;
}

static ssize_t receive_locked(struct connection *c, int fd, struct request *q)
{
	ssize_t r = 1;

	for (;;) {
		if (q->sink)
			deliver_to_sink(c, q);
		else if (!(q->flags & MSG_PEEK) && engine_pending(c->engine) > 0)
			deliver(c, q);
		if (has_enough(c, q))
			break;
		/* What was opened before the session failed has been delivered. */
		r = c->error;
		if (c->state == STATE_FAILED)
			break;
		/* Seen empty by the last fill: no need to ask the kernel again. */
		if (c->in_drained && !input_record(c) && suffices(c, q))
			break;
		r = -EAGAIN;
		if (is_vain(c) && gives_way(c, fd, q))
			break;
		if (!may_wait_first(c, q))
			r = records_next(c, fd,
					 q->sink || (q->flags & MSG_PEEK) ? 0 : q->cur->left);
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
	if (q->got)
		return (ssize_t)q->got;
	return q->refused ? q->refused : has_enough(c, q) ? 0 : r;
}

static int may_receive(struct connection *c, int fd, const struct request *q)
{
	int64_t end_ms = -1;
	bool nonblock = false;

	if (c->state == STATE_FAILED && c->engine && engine_pending(c->engine) > 0)
		return connection_claim(c);
	if (c->state == STATE_HANDSHAKE || c->state == STATE_CONNECTING) {
		nonblock = connection_nonblocking(fd, q->flags);
		end_ms = connection_socket_end_ms(fd, SO_RCVTIMEO);
	}
	return handshake_need(c, fd, nonblock, end_ms);
}

static ssize_t receive(struct connection *c, int fd, struct request *q)
{
	ssize_t n = connection_enter(c, fd);

	if (n < 0)
		return n;
	c->in_drained = false;
	c->in_vain = 0;
	c->heard = true;
	c->unlooked = 0;
	if (!(q->flags & MSG_WAITALL) && q->least > (size_t)c->rcvlowat)
		q->least = (size_t)c->rcvlowat;
	n = may_receive(c, fd, q);
	if (n == 0)
		n = receive_locked(c, fd, q);
	else if (n == -ENOTCONN && (c->shut_early & ~(1u << SHUT_WR)))
		n = 0;
	if (!q->refused)
		n = connection_told(c, n);
	connection_unlock(c);
	return n;
}

ssize_t connection_receive(struct connection *c, int fd, struct cursor *cur, int flags)
{
	struct request q = {.cur = cur, .flags = flags, .least = cur->left};

	/* No urgent data in TLS: as TCP without any (tcp(7)). */
	if (flags & MSG_OOB)
		return -EINVAL;
	connection_cancel_point(c);
	return receive(c, fd, &q);
}

ssize_t connection_receive_into(struct connection *c, int fd, struct sink *sink, size_t n)
{
	const struct iovec nowhere = {NULL, n};
	struct cursor cur;
	/* TCP's splice waits for something, whatever SO_RCVLOWAT says. */
	struct request q = {.cur = &cur, .sink = sink, .least = 1};

	cursor_init(&cur, &nowhere, 1);
	return receive(c, fd, &q);
}

static size_t kernel_keeps(int fd)
{
	int n = 0;
	socklen_t len = sizeof(n);

	libc.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, &len);
	return n > MUCH ? (size_t)n : MUCH;
}

/* Opens what the kernel has, up to what it would keep itself. */
static void open_all(struct connection *c, int fd)
{
	size_t most = 0;
	ssize_t r = 1;

	c->in_vain = 0;
	c->in_drained = false;
	while (r > 0 && !(c->in_drained && !input_record(c))) {
		if (engine_pending(c->engine) >= MUCH && !most)
			most = kernel_keeps(fd);
		if (most && engine_pending(c->engine) >= most)
			break;
		r = is_vain(c) ? put_off(c, fd) : records_next(c, fd, 0);
	}
	if (c->state == STATE_OPEN)
		input_settle(c, fd);
}

ssize_t connection_available(struct connection *c, int fd, bool *ended)
{
	ssize_t n = 0;

	if (c->state == STATE_OPEN && !c->read_closed) {
		n = connection_claim(c);
		if (n == 0)
			open_all(c, fd);
	}
	*ended = c->read_closed || c->in_eof || c->state == STATE_FAILED;
	return n < 0 ? n : c->engine ? (ssize_t)engine_pending(c->engine) : 0;
}

bool connection_readable(struct connection *c, int fd)
{
	ssize_t r = 1;

	c->in_vain = 0;
	while (engine_pending(c->engine) == 0 && r > 0)
		r = is_vain(c) ? put_off(c, fd) : records_next(c, fd, 0);
	if (c->state == STATE_OPEN)
		input_settle(c, fd);
	return r != -EAGAIN;
}

void connection_digest(struct connection *c, int fd)
{
	ssize_t r = 1;

	c->in_vain = 0;
	c->in_drained = false;
	while (r > 0 && engine_pending(c->engine) == 0 && !(c->in_drained && !input_record(c)))
		r = is_vain(c) ? put_off(c, fd) : records_next(c, fd, 0);
	if (c->state == STATE_OPEN)
		input_settle(c, fd);
	/* More may come before a receive that waits meanwhile goes on. */
	c->in_drained = false;
}

int connection_await_auth(struct connection *c, int fd)
{
	struct request q = {.flags = connection_nonblocking(fd, 0) ? MSG_DONTWAIT : 0};
	ssize_t r = 1;

	c->in_vain = 0;
	while (r >= 0 && c->state == STATE_OPEN && engine_awaits_auth(c->engine)) {
		if (engine_pending(c->engine) > 0)
			r = -EBUSY;
		else if (is_vain(c) && gives_way(c, fd, &q))
			r = -EAGAIN;
		else
			r = records_next(c, fd, 0);
		if (r == 0)
			r = connection_explain(c, -EPROTO, "asking for a certificate",
					       "the peer closed the connection");
		if (r == -EAGAIN && !q.flags)
			r = wait_input(c, fd, &q);
	}
	if (c->state == STATE_OPEN)
		input_settle(c, fd);
	return (int)connection_told(c, r < 0 ? r : 0);
}
