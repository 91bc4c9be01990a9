/* SPDX-License-Identifier: MIT */
/*
 * How an upgraded socket becomes a TCP socket again. Nothing goes out in the clear before
 * both ends have said close_notify, and nothing that came behind it is lost (input_end()).
 */
#include "closing.h"
#include "handoff.h"
#include "handshake.h"
#include "hurry.h"
#include "input.h"
#include "libc.h"
#include "output.h"
#include "receive.h"
#include "signals.h"
#include "sockets.h"
#include "stdiofd.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

struct number {
	int fd;
	bool cloexec;
};

/* All that name the connection. */
struct numbers {
	struct number *all;
	size_t n;
};

static int check_value(const void *v, socklen_t len)
{
	int protocol;

	if (len < sizeof(protocol))
		return -EINVAL;
	if (!v)
		return -EFAULT;
	memcpy(&protocol, v, sizeof(protocol));
	return protocol == IPPROTO_TCP ? 0 : -EOPNOTSUPP;
}

static bool is_nowhere(const struct connection *c)
{
	return c->was_tcp && (c->state == STATE_NEW || c->state == STATE_LISTENING);
}

static int no_more(struct connection *c, int error, const char *reason)
{
	return connection_explain(c, error, "setsockopt", reason);
}

static int check_state(struct connection *c, int fd, bool nonblock)
{
	int r;

	if (!connection_is(c, fd))
		return -EBADF;
	if (is_nowhere(c))
		return 0;
	if (!c->upgraded)
		return no_more(c, -EOPNOTSUPP,
			       "only what was a TCP socket, and was upgraded, can be one again");
	r = handshake_need(c, fd, nonblock, connection_socket_end_ms(fd, SO_RCVTIMEO));
	if (r < 0)
		return r;
	return c->read_shut || c->write_shut ? -EPIPE : 0;
}

/* Our close_notify. */
static int say(struct connection *c, int fd)
{
	bool nonblock = connection_nonblocking(fd, 0);
	int r = connection_enter(c, fd);

	if (r < 0)
		return r;
	r = check_state(c, fd, nonblock);
	if (r == 0 && c->state == STATE_OPEN)
		r = closing_notify(c);
	if (r == 0 && c->state == STATE_OPEN) {
		c->out_more = false;
		r = nonblock ? output_flush(c, fd) : output_flush_wait(c, fd, false);
	}
	connection_unlock(c);
	return r;
}

/* The peer's. What comes before it is the program's, as data is that recv would get. */
static int hear(struct connection *c, int fd)
{
	char byte;
	const struct iovec iov = {&byte, 1};
	struct cursor cur;
	ssize_t n;

	cursor_init(&cur, &iov, 1);
	n = connection_receive(c, fd, &cur, MSG_PEEK);
	return n > 0 ? -EBUSY : (int)n;
}

/* With the lock: may it be TCP's now? */
static int ready(struct connection *c)
{
	int r;

	if (c->waiters || c->calling)
		return -EBUSY;
	if (is_nowhere(c))
		return 0;
	if (c->state != STATE_OPEN || c->read_shut || c->write_shut)
		return -EPIPE;
	r = connection_claim(c);
	if (r < 0)
		return r;
	if (engine_pending(c->engine) > 0)
		return -EBUSY;
	if (c->truncated)
		return -ECONNRESET;
	if (output_pending(c))
		return -EAGAIN;
	if (!engine_ended(c->engine) || !c->end_kept)
		return no_more(c, -EPROTO, "the peer did not end TLS by a close_notify");
	return 0;
}

/* With the lock: the kernel's socket, as the program has set it. */
static void give_back(struct connection *c, int fd)
{
	if (c->end_kept)
		input_drop_end(fd);
	c->plain = true;
	hurry_end(c, fd);
	if (c->state == STATE_LISTENING)
		libc.setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &c->defer_accept, sizeof(int));
	if (c->inq)
		libc.setsockopt(fd, IPPROTO_TCP, TCP_INQ, &c->inq, sizeof(int));
	libc.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &c->oobinline, sizeof(int));
	/* The sets have the program's own registrations, and here hear of what came behind. */
	watch_free(c);
	libc.setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &c->rcvlowat, sizeof(int));
}

/* Those that were closed past us are forgotten. 0 or -ENOMEM. */
static int find_numbers(const struct entry *e, struct numbers *numbers)
{
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		struct number *more;

		if (!fdtable_names(fd, e) || sockets_stale(fd))
			continue;
		more = realloc(numbers->all, (numbers->n + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		more[numbers->n++] = (struct number){fd, fdtable_cloexec(fd)};
		numbers->all = more;
	}
	return 0;
}

/* Bytes that were written for TLS must not go out in the clear when they are flushed. */
static int check_streams(const struct entry *e)
{
	struct numbers numbers = {0};
	bool pending = false;
	int r = find_numbers(e, &numbers);

	for (size_t i = 0; i < numbers.n; i++)
		pending = pending || stdiofd_pending(numbers.all[i].fd);
	free(numbers.all);
	if (r == 0 && pending)
		r = connection_lock(e->object);
	if (r == 0 && pending) {
		r = no_more(e->object, -EBUSY, "a stdio stream holds what is to be written");
		connection_unlock(e->object);
	}
	return r;
}

static int part_locked(struct connection *c, int fd, const struct numbers *numbers)
{
	int r = connection_lock(c);

	if (r < 0)
		return r;
	r = ready(c);
	if (r == 0) {
		give_back(c, fd);
		for (size_t i = 0; i < numbers->n; i++)
			libc.fcntl64(numbers->all[i].fd, F_SETFD,
				     numbers->all[i].cloexec ? FD_CLOEXEC : 0);
	}
	connection_unlock(c);
	return r;
}

/* Who looks a number up meanwhile waits for the end, as while it is closed. */
static int part(struct entry *e, int fd, const struct numbers *numbers)
{
	bool last = false;
	size_t n = 0;
	int r = 0;

	while (r == 0 && n < numbers->n) {
		const struct number *number = &numbers->all[n];
		struct entry *was = fdtable_begin_close(number->fd, &last);

		if (was == e) {
			n++;
			continue;
		}
		/* Another thread's dup2 has come before. */
		if (was)
			fdtable_install(number->fd, was, number->cloexec);
		fdtable_put(was);
		r = -EBUSY;
	}
	if (r == 0)
		r = last ? part_locked(e->object, fd, numbers) : -EBUSY;
	for (size_t i = 0; i < n; i++) {
		const struct number *number = &numbers->all[i];

		if (r == 0) {
			fdtable_end_close(number->fd);
			stdiofd_release(number->fd);
		} else {
			fdtable_install(number->fd, e, number->cloexec);
		}
		fdtable_put(e);
	}
	return r;
}

/* With both ends' close_notify. First without a mark that others would run into. */
static int finish(struct entry *e, int fd, const struct numbers *numbers)
{
	struct connection *c = e->object;
	int r = connection_enter(c, fd);

	if (r < 0)
		return r;
	r = ready(c);
	connection_unlock(c);
	/* A handler that used a number meanwhile would wait for its own thread. */
	return r < 0 ? r : SIGNALS_HELD(part(e, fd, numbers));
}

int sockets_downgrade(struct entry *e, int fd, const void *v, socklen_t len)
{
	struct connection *c = e->object;
	struct numbers numbers = {0};
	int r = check_value(v, len);

	if (r == 0 && handoff_child())
		r = -EBADFD;
	if (r == 0)
		r = check_streams(e);
	/* A thread may be cancelled in these: nothing is held. */
	if (r == 0)
		r = say(c, fd);
	if (r == 0 && !is_nowhere(c))
		r = hear(c, fd);
	if (r == 0)
		r = find_numbers(e, &numbers);
	if (r == 0)
		r = finish(e, fd, &numbers);
	free(numbers.all);
	fdtable_put(e);
	return r;
}
