/* SPDX-License-Identifier: MIT */
#include "send.h"

#include "drain.h"
#include "early.h"
#include "handshake.h"
#include "hurry.h"
#include "libc.h"
#include "output.h"
#include "room.h"

#include <errno.h>

enum {
	SEND_COST = 4096, /* what a send may cost the kernel's buffer beyond its bytes */
	USEFUL_ROOM = 32768,
	ASK_AGAIN = 16,
};

/* Seals one record of at most max bytes. */
static ssize_t seal_record(struct connection *c, struct cursor *cur, size_t max)
{
	struct buffer gathered = {0};
	void *piece = NULL;
	size_t len = cursor_piece(cur, &piece), want = cur->left;
	ssize_t n;

	want = want < max ? want : max;
	want = want < ENGINE_MAX_PLAIN ? want : ENGINE_MAX_PLAIN;
	if (len < want) {
		/* A header and a body are one record, not two. */
		if (buffer_reserve(&gathered, want) < 0)
			return -ENOMEM;
		len = cursor_copy(cur, gathered.data, want);
		piece = gathered.data;
	}
	n = engine_seal(c->engine, piece, len < want ? len : want);
	buffer_fini(&gathered);
	if (n > 0)
		cursor_advance(cur, (size_t)n);
	return n;
}

/* Seals up to max bytes in as many records as it takes. */
static ssize_t seal(struct connection *c, int fd, struct cursor *cur, size_t max)
{
	size_t done = 0;

	while (cur->left && done < max) {
		ssize_t n = seal_record(c, cur, max - done);

		if (n == -ENOMEM && done == 0)
			return n;
		if (n < 0 && n != -ENOMEM)
			return connection_fail(c, fd, (int)n, "sending", engine_reason(c->engine));
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Another thread may have shut both directions down while this one waited. */
static bool batch_counts(const struct connection *c, int r)
{
	return r == 0 || r == -EINTR || r == -EAGAIN ||
	       (r == -EPIPE && c->write_closed && !c->out_error);
}

/*
 * A send that was interrupted or timed out has sealed its batch: that is accepted
 * as if it were in the kernel's buffer, and whatever comes next sends it on.
 */
static ssize_t send_blocking(struct connection *c, int fd, struct cursor *cur)
{
	size_t done = 0;
	int r = output_flush_wait(c, fd, false);

	while (r == 0 && cur->left) {
		ssize_t n;

		/* By another thread, while this one waited. */
		if (c->write_closed)
			return done ? (ssize_t)done : -EPIPE;
		n = seal(c, fd, cur, ROOM_MOST);
		if (n < 0)
			return done ? (ssize_t)done : n;
		r = output_flush_wait(c, fd, done > 0);
		if (batch_counts(c, r))
			done += (size_t)n;
		if (r == 0 && cur->left)
			drain_sent(c, fd, (size_t)n);
		/* What came was no record. */
		if (c->state != STATE_OPEN)
			break;
	}
	return done || r == 0 ? (ssize_t)done : r;
}

/*
 * The kernel took less of a record than it had room for. The record's last byte is
 * not reported, so that the program comes back; it is not sealed a second time.
 */
static ssize_t split(struct connection *c, size_t done, const struct cursor *before)
{
	struct cursor at = *before;
	uint8_t last = 0;

	if (done < 2)
		return (ssize_t)done;
	cursor_advance(&at, done - 1);
	cursor_copy(&at, &last, 1);
	c->owed = last;
	return (ssize_t)(done - 1);
}

/* The byte that split() held back comes again. */
static int take_owed(struct connection *c, int fd, struct cursor *cur)
{
	uint8_t first = 0;

	if (c->owed < 0)
		return 0;
	cursor_copy(cur, &first, 1);
	if (first != c->owed)
		return connection_fail(c, fd, -EPROTO, "sending",
				       "the program did not go on where a short send ended");
	c->owed = -1;
	cursor_advance(cur, 1);
	return 1;
}

static ssize_t send_nonblocking(struct connection *c, int fd, struct cursor *cur)
{
	const struct cursor start = *cur;
	size_t done;
	ssize_t n;
	int r = output_flush(c, fd);

	if (r < 0)
		return r;
	n = take_owed(c, fd, cur);
	if (n < 0)
		return n;
	done = (size_t)n;
	while (cur->left) {
		size_t room = room_plain(c, fd);

		if (room == 0)
			break;
		/* A full buffer waits for nothing: as tcp_sendmsg, which pushes it. */
		if (room < cur->left)
			c->out_more = false;
		n = seal(c, fd, cur, room);
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		r = output_flush(c, fd);
		if (r == -EAGAIN)
			return split(c, done, &start);
		if (r < 0)
			return done > (size_t)n ? (ssize_t)(done - (size_t)n) : r;
	}
	return done ? (ssize_t)done : -EAGAIN;
}

/* What a send of these bytes takes at most from the kernel's free space. */
static size_t send_cost(const struct connection *c, size_t n)
{
	return n + (n / ENGINE_MAX_PLAIN + 1) * engine_overhead(c->engine) + SEND_COST;
}

/*
 * The kernel's free space only grows but for what we send: while enough is known to
 * be left there is nothing to ask, not even whether the descriptor may wait. Where
 * it was short the last time it is asked less often.
 */
static void measure_room(struct connection *c, int fd)
{
	if (c->room_seen < USEFUL_ROOM && c->room_skipped++ % ASK_AGAIN)
		return;
	c->room_seen = output_pending(c) ? 0 : room_kernel(c, fd);
	c->send_room = c->room_seen;
}

static ssize_t send_unasked(struct connection *c, int fd, struct cursor *cur, int flags)
{
	const struct cursor start = *cur;
	ssize_t n;
	int r;

	c->send_room -= send_cost(c, cur->left);
	n = seal(c, fd, cur, cur->left);
	if (n < 0)
		return n;
	r = output_flush(c, fd);
	if (r == -EAGAIN) {
		c->send_room = 0;
		if (connection_nonblocking(fd, flags))
			return split(c, (size_t)n, &start);
		r = output_flush_wait(c, fd, false);
	}
	return r == 0 || r == -EINTR || r == -EAGAIN ? n : r;
}

/* An error that no call has returned comes before EPIPE, as TCP's: ours, or the kernel's. */
static int closed_for_writing(const struct connection *c, int fd)
{
	int error = connection_socket_error(c, fd);

	return error ? -error : -EPIPE;
}

/* The peer is gone: what SSA has as TCP does, and what Zephyr has. */
static int gone(const struct connection *c)
{
	return c->settings->zephyr ? -ECONNABORTED : -EPIPE;
}

static int may_send(struct connection *c, int fd, bool nonblock)
{
	int r;

	if (c->write_closed || c->state == STATE_NEW || c->state == STATE_LISTENING)
		return closed_for_writing(c, fd);
	if (c->state == STATE_FAILED && c->was_open) {
		/* An error that no call has returned comes first, as TCP's. */
		return c->so_error && !c->settings->zephyr ? -c->so_error : gone(c);
	}
	/* What a message of several left for later. */
	if (c->state == STATE_OPEN && c->so_error)
		return -c->so_error;
	r = handshake_need(c, fd, nonblock,
			   c->state == STATE_HANDSHAKE && !nonblock
				   ? connection_socket_end_ms(fd, SO_SNDTIMEO)
				   : -1);
	/* The peer may have been told to go while this thread waited. */
	return r == 0 && (c->write_closed || (c->shut_early & ~(1u << SHUT_RD))) ? -EPIPE : r;
}

static bool known_to_fit(const struct connection *c, const struct cursor *cur)
{
	return c->state == STATE_OPEN && c->owed < 0 && !output_pending(c) && cur->left > 0 &&
	       send_cost(c, cur->left) <= c->send_room;
}

static ssize_t send_asking(struct connection *c, int fd, struct cursor *cur, bool nonblock)
{
	ssize_t n;
	int r;

	if (nonblock)
		return send_nonblocking(c, fd, cur);
	r = output_flush_wait(c, fd, false);
	if (r < 0)
		return r;
	r = take_owed(c, fd, cur);
	if (r < 0)
		return r;
	n = send_blocking(c, fd, cur);
	return n < 0 && r > 0 ? r : n + (n < 0 ? 0 : r);
}

static ssize_t send_locked(struct connection *c, int fd, struct cursor *cur, int flags)
{
	bool known = known_to_fit(c, cur);
	bool nonblock = !known && connection_nonblocking(fd, flags);
	ssize_t n = may_send(c, fd, nonblock);

	if (n < 0 || cur->left == 0)
		return n < 0 ? n : output_judge(c, fd);
	/* A record is sealed in any case: it is the kernel that waits to fill a segment. */
	c->out_more = (flags & MSG_MORE) && (c->out_more || !output_pending(c));
	if (known)
		return send_unasked(c, fd, cur, flags);
	c->send_room = 0;
	n = send_asking(c, fd, cur, nonblock);
	if (n > 0)
		measure_room(c, fd);
	return n;
}

/* The end of a call that sends. Returns its result. */
static ssize_t leave(struct connection *c, int fd, ssize_t n)
{
	c->out_more = c->out_more && output_pending(c);
	if (n > 0 && !c->sent_data && c->state == STATE_OPEN)
		hurry_end(c, fd);
	/* As TCP: the error once, and then EPIPE. */
	if (n < 0 && n == c->out_error) {
		n = n == -EPIPE ? gone(c) : n;
		c->out_error = -EPIPE;
	}
	n = connection_told(c, n);
	if (n > 0)
		drain_sent(c, fd, (size_t)n);
	connection_unlock(c);
	return n;
}

/* Data in the segment that connects: TCP's, and not asked for where TCP has it no more. */
static int fast_open(const struct connection *c)
{
	if (c->state == STATE_NEW || c->state == STATE_LISTENING)
		return -EOPNOTSUPP;
	return c->state == STATE_CONNECTING ? -EALREADY : -EISCONN;
}

ssize_t connection_send(struct connection *c, int fd, struct cursor *cur, int flags)
{
	ssize_t early, n;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	connection_cancel_point(c);
	n = connection_enter(c, fd);
	if (n < 0)
		return n;
	early = flags & MSG_FASTOPEN ? fast_open(c) : early_send(c, fd, cur, flags);
	n = early == 0 || (early > 0 && cur->left) ? send_locked(c, fd, cur, flags) : 0;
	return leave(c, fd, early && n <= 0 ? early : early + n);
}

/* Waits as a blocking send would. Returns how much plaintext may be sealed. */
static ssize_t wait_room(struct connection *c, int fd)
{
	int64_t start_ms = connection_now_ms(), end_ms;
	size_t room = 0;
	int r = output_flush_wait(c, fd, false);

	while (r == 0 && (room = room_plain(c, fd)) == 0) {
		end_ms = connection_socket_end_since_ms(fd, SO_SNDTIMEO, start_ms);
		r = connection_poll(c, fd, POLLOUT, end_ms);
		r = r == -ETIMEDOUT ? -EAGAIN : r;
		if (connection_restarts(c, r, end_ms))
			r = 0;
		if (r == 0)
			r = output_flush_wait(c, fd, false);
	}
	return r < 0 ? r : (ssize_t)room;
}

ssize_t connection_room(struct connection *c, int fd, bool nonblock)
{
	ssize_t n = connection_enter(c, fd);

	if (n < 0)
		return n;
	n = may_send(c, fd, nonblock);
	if (n == 0 && !nonblock) {
		n = wait_room(c, fd);
	} else if (n == 0) {
		n = output_flush(c, fd);
		n = n < 0 ? n : (ssize_t)room_plain(c, fd);
		n = n == 0 ? -EAGAIN : n;
	}
	if (n < 0)
		return leave(c, fd, n);
	connection_unlock(c);
	return n;
}

static ssize_t send_whole(struct connection *c, int fd, struct cursor *cur, bool more)
{
	size_t n = cur->left;
	ssize_t r = may_send(c, fd, true);

	if (r == 0)
		r = take_owed(c, fd, cur);
	if (r < 0)
		return r;
	c->send_room = 0;
	c->out_more = more && (c->out_more || !output_pending(c));
	r = seal(c, fd, cur, n);
	if (r == -ENOMEM || (r >= 0 && cur->left))
		return connection_fail(c, fd, -ENOMEM, "sending", "not enough memory");
	if (r >= 0)
		r = output_flush(c, fd);
	if (r >= 0)
		measure_room(c, fd);
	return r < 0 && r != -EAGAIN ? r : (ssize_t)n;
}

ssize_t connection_send_whole(struct connection *c, int fd, const void *buf, size_t n, bool more)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	ssize_t r = connection_enter(c, fd);
	struct cursor cur;

	if (r < 0)
		return r;
	cursor_init(&cur, &iov, 1);
	return leave(c, fd, send_whole(c, fd, &cur, more));
}
