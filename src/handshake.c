/* SPDX-License-Identifier: MIT */
#include "handshake.h"

#include "ask.h"
#include "error.h"
#include "hurry.h"
#include "input.h"
#include "judge.h"
#include "libc.h"
#include "output.h"
#include "pending.h"
#include "prepare.h"
#include "signals.h"
#include "want.h"
#include "watch.h"

#include <errno.h>

void handshake_begin(struct connection *c, int fd, bool server)
{
	c->state = STATE_HANDSHAKE;
	prepare_begin(c, fd, server);
	if (c->engine && engine_early_room(c->engine) > 0)
		pending_hold_back(c, fd);
	else
		pending_begin(c, fd);
}

struct flush_target {
	struct connection *c;
	int fd;
};

/* A part of a flight is sent while the next is computed, or what follows the flight. */
static void flush_part(void *arg)
{
	const struct flush_target *t = arg;

	hurry_begin(t->c, t->fd);
	output_flush(t->c, t->fd);
}

static int run_engine(struct connection *c, int fd)
{
	struct flush_target target = {c, fd};
	int r;

	/* Early data goes with its ClientHello. */
	if (c->server || c->in.len)
		engine_on_output(c->engine, flush_part, &target);
	input_feed(c, true);
	r = engine_handshake(c->engine);
	input_fed(c);
	engine_on_output(c->engine, NULL, NULL);
	return r;
}

static int failed(struct connection *c, int fd, int error, const char *reason)
{
	const char *step = "TLS handshake";

	/* What cannot be opened in a handshake was no handshake. */
	if (error == -EBADMSG)
		error = -EPROTO;
	if (c->engine && engine_refused_peer(c->engine))
		step = "verifying the peer";
	pending_remove(c);
	ask_drop(c);
	error = connection_fail(c, fd, error, step, reason);
	watch_end(c);
	return error;
}

static int done(struct connection *c, int fd)
{
	c->state = STATE_OPEN;
	c->was_open = true;
	hurry_begin(c, fd);
	pending_remove(c);
	input_settle(c, fd);
	if (c->shut_early & ~(1u << SHUT_WR)) {
		c->read_shut = true;
		libc.shutdown(fd, SHUT_RD);
	}
	watch_end(c);
	return 0;
}

/* More of the peer's flight. 0: there is something new; or as handshake_step(). */
static int get_input(struct connection *c, int fd)
{
	ssize_t n;

	do
		n = input_fill(c, fd, 0);
	while (n > 0 && !engine_can_go_on(c->engine, buffer_head(&c->in), c->in.len));
	if (n > 0)
		return 0;
	if (n == 0 && c->in_eof)
		return failed(c, fd, -EPROTO, "the peer closed the connection");
	if (n == 0)
		return 0;
	if (n != -EAGAIN)
		return failed(c, fd, (int)n, error_errno_text((int)-n));
	input_settle(c, fd);
	return -EAGAIN;
}

/* What is to be sent goes first. As get_input(). */
static int exchange(struct connection *c, int fd)
{
	int r = output_flush(c, fd);

	if (r < 0 && r != -EAGAIN)
		return failed(c, fd, r, error_errno_text(-r));
	return r < 0 ? r : get_input(c, fd);
}

static int finished(struct connection *c, int fd, int result)
{
	int r = output_flush(c, fd);

	if (result < 0)
		return failed(c, fd, result, engine_reason(c->engine));
	if (r < 0 && r != -EAGAIN)
		return failed(c, fd, r, error_errno_text(-r));
	return done(c, fd);
}

/*
 * GnuTLS computes what a Finished must say before it looks whether there is one: it
 * is not asked again before something came. While it has a question it is not asked at all.
 */
static int run(struct connection *c, int fd)
{
	struct revocation_question question;
	int r = 0;

	for (;;) {
		if (engine_question(c->engine, &question))
			r = ask_step(c);
		else if (c->hungry)
			r = exchange(c, fd);
		if (r < 0)
			return r;
		r = run_engine(c, fd);
		while (r == -EAGAIN && engine_judgement(c->engine)) {
			r = judge_peer(c, fd);
			if (r < 0)
				return r;
			r = run_engine(c, fd);
		}
		c->hungry = r == -EAGAIN;
		if (!c->hungry)
			return finished(c, fd, r);
		if (engine_question(c->engine, &question))
			c->hungry = false;
		r = 0;
	}
}

static int step(struct connection *c, int fd)
{
	char reason[PREPARE_REASON] = "";
	int r = connection_claim(c);

	if (r < 0)
		return r;
	if (c->held_back)
		pending_begin(c, fd);
	if (!c->engine)
		r = prepare_late(c, fd, reason, sizeof(reason));
	if (r < 0)
		return failed(c, fd, r, reason[0] ? reason : error_errno_text(-r));
	return run(c, fd);
}

static void note_want(struct connection *c)
{
	short want = handshake_want(c), before = (short)c->pending_events;
	bool more = want & ~before & (before ? POLLOUT : POLLIN | POLLOUT);

	c->pending_events = want;
	/* What is to be sent again with EPOLLONESHOT was not asked for. */
	if (more && connection_busy(c))
		watch_begin(c);
}

int handshake_step(struct connection *c, int fd)
{
	int r = step(c, fd);

	/* Another process's business since a fork. */
	if (r == -EBADFD)
		pending_remove(c);
	if (r == -EAGAIN && c->handshake_end_ms >= 0 &&
	    connection_left_ms(c->handshake_end_ms) == 0)
		r = failed(c, fd, -ETIMEDOUT, "the peer did not answer in time");
	note_want(c);
	return r;
}

short handshake_want(const struct connection *c)
{
	if (ask_pending(c))
		return 0;
	return c->state == STATE_CONNECTING || c->held_back || output_pending(c) ? POLLOUT : POLLIN;
}

void handshake_progress(struct connection *c, int fd)
{
	int r = 0;

	if (c->closing)
		return;
	if (c->state == STATE_CONNECTING)
		r = handshake_tcp_done(c, fd, true, -1);
	if (r == 0 && c->state == STATE_HANDSHAKE && !c->driving)
		handshake_step(c, fd);
}

/* Another thread may be at it, or it may be finished by now: all the same. */
static void step_entry(struct entry *entry, int fd)
{
	struct connection *c = entry->object;

	if (connection_trylock(c) == 0) {
		if (fdtable_names(fd, entry))
			handshake_progress(c, fd);
		connection_unlock(c);
	}
	fdtable_put(entry);
}

void handshake_step_ready(struct pending_wait *w)
{
	for (int i = 0; i < w->n; i++)
		if (w->pfds[i + 1].revents)
			step_entry(w->entries[i], w->fds[i]);
		else
			fdtable_put(w->entries[i]);
	w->n = 0;
}

int64_t handshake_expire(void)
{
	struct pending_wait w;
	int64_t next_ms;

	if (!pending_any())
		return -1;
	next_ms = pending_overdue(&w);
	handshake_step_ready(&w);
	return next_ms;
}

static int wait_for_peer(struct connection *c, int fd, int64_t end_ms)
{
	struct pending_wait w;
	int r;

	if (ask_pending(c)) {
		if (end_ms < 0 || ask_end_ms(c) < end_ms)
			end_ms = ask_end_ms(c);
		pending_wait_init(&w, c, ask_fd(c), POLLIN, end_ms);
	} else {
		pending_wait_init(&w, c, fd, handshake_want(c), end_ms);
	}
	r = connection_wait(c, fd, pending_wait_op, pending_wait_drop, &w);
	pending_wait_done(&w);
	/* poll never restarts after a signal handler; the calls that we stand for do. */
	if (connection_restarts(c, r, -1))
		r = 0;
	if (w.n > 0) {
		connection_unlock(c);
		handshake_step_ready(&w);
		(void)!connection_lock(c);
		/* The number may have been closed in between. */
		if (!fdtable_names(fd, c->entry))
			return c->closing ? -EINTR : -EBADF;
	}
	return r;
}

int handshake_run(struct connection *c, int fd, bool nonblock, int64_t end_ms)
{
	int r;

	/* The program's callback, which uses the very socket that it is asked about. */
	if (c->engine && engine_judgement(c->engine) && connection_waiting_here(c))
		return -EALREADY;
	/* Not what another thread waits for, but after a while: it may be this very one. */
	r = c->driving && !nonblock ? -EAGAIN : handshake_step(c, fd);
	for (; r == -EAGAIN && !nonblock; r = handshake_step(c, fd)) {
		int64_t end = c->handshake_end_ms;

		if (end_ms >= 0 && (end < 0 || end_ms < end))
			end = end_ms;
		r = wait_for_peer(c, fd, end);
		if (c->state != STATE_HANDSHAKE)
			return c->state == STATE_OPEN ? 0 : (int)connection_told(c, c->error);
		if (end_ms >= 0 && connection_left_ms(end_ms) == 0 &&
		    connection_left_ms(c->handshake_end_ms) != 0)
			return -EAGAIN;
		/* After -ETIMEDOUT the next step says so, unless the answer came in time. */
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
	return (int)connection_told(c, r);
}

int handshake_tcp_done(struct connection *c, int fd, bool nonblock, int64_t end_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0, r;

	/* It fails where a signal comes: also then it is not writable. */
	while (libc.poll(&p, 1, 0) != 1) {
		if (nonblock)
			return -EAGAIN;
		r = connection_poll(c, fd, POLLOUT, end_ms);
		if (r < 0 && !connection_restarts(c, r, end_ms))
			return r == -ETIMEDOUT ? -EAGAIN : r;
		if (c->state != STATE_CONNECTING)
			return c->state == STATE_FAILED ? c->error : 0;
	}
	/* A socket that is not connecting yet is writable, and hung up. */
	if (c->calling && (p.revents & POLLHUP))
		return -EAGAIN;
	libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		c->state = STATE_NEW;
		c->so_error = error;
		pending_remove(c);
		watch_end(c);
		return -error;
	}
	if (c->state == STATE_CONNECTING)
		handshake_begin(c, fd, false);
	return 0;
}

/* A connect that failed unseen, or a connection that was dissolved. */
static int why_not_connected(struct connection *c, int fd)
{
	int error = connection_socket_error(c, fd);

	return error ? (int)connection_told(c, -error) : -ENOTCONN;
}

int handshake_need(struct connection *c, int fd, bool nonblock, int64_t end_ms)
{
	int r;

	want_heard(c);
	switch (c->state) {
	case STATE_OPEN:
		return connection_claim(c);
	case STATE_HANDSHAKE:
		return handshake_run(c, fd, nonblock, end_ms);
	case STATE_FAILED:
		return (int)connection_told(c, c->error);
	case STATE_CONNECTING:
		r = handshake_tcp_done(c, fd, nonblock, end_ms);
		return r < 0 ? (int)connection_told(c, r) : handshake_run(c, fd, nonblock, end_ms);
	default:
		return why_not_connected(c, fd);
	}
}
