/* SPDX-License-Identifier: MIT */
#include "input.h"

#include "libc.h"

#include <errno.h>
#include <sys/syscall.h>

/* Up to so many bytes are copied for nothing rather than discarded by a call of their own. */
enum { CHEAP_COPY = 4096 };

size_t input_record(const struct connection *c)
{
	return c->in.len ? engine_record_length(buffer_head(&c->in), c->in.len) : 0;
}

void input_feed(struct connection *c, bool all)
{
	size_t n = input_record(c), whole = n;

	while (all && n && whole < c->in.len) {
		n = engine_record_length(buffer_head(&c->in) + whole, c->in.len - whole);
		whole += n;
	}
	engine_feed(c->engine, c->in.len ? buffer_head(&c->in) : NULL, whole);
}

void input_fed(struct connection *c)
{
	size_t n = engine_fed(c->engine);

	engine_feed(c->engine, NULL, 0);
	if (n == 0)
		return;
	c->in.off += n;
	c->in.len -= n;
}

/* By its number, since thread sanitizers take recv without memory for a write to address 0. */
ssize_t input_drop(int fd, size_t n)
{
	return libc.syscall(SYS_recvfrom, fd, 0, (long)n, MSG_TRUNC | MSG_DONTWAIT, 0, 0);
}

/* Leaves at most keep seen bytes at the head of the kernel's queue. */
static void trim(struct connection *c, int fd, size_t keep)
{
	while (c->in_kernel > keep) {
		ssize_t n = input_drop(fd, c->in_kernel - keep);

		if (n <= 0) {
			/* They were there: only a reset takes them away. */
			c->in_kernel = keep;
			return;
		}
		c->in_kernel -= (size_t)n;
	}
}

static ssize_t result(struct connection *c, ssize_t n, size_t asked)
{
	if (n < 0 && errno == EINTR)
		n = 0;
	else if (n < 0)
		return -errno;
	else if (n == 0)
		c->in_eof = true;
	c->in_drained = (size_t)n < asked;
	c->in_fills += n > 0;
	c->in_vain += n > 0;
	return n;
}

static ssize_t take(struct connection *c, int fd, size_t n)
{
	ssize_t r = result(c, libc.recv(fd, buffer_tail(&c->in), n, MSG_DONTWAIT), n);

	if (r > 0)
		c->in.len += (size_t)r;
	return r;
}

/* Looks behind the byte that is left there on purpose, if one is. */
static ssize_t look(struct connection *c, int fd, size_t n)
{
	uint8_t kept;
	struct iovec iov[2] = {{&kept, c->in_kernel}, {buffer_tail(&c->in), n}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	size_t asked = n + c->in_kernel;
	int flags = MSG_PEEK | MSG_DONTWAIT;
	/* The simpler call is the cheaper one. */
	ssize_t r = c->in_kernel ? libc.recvmsg(fd, &msg, flags)
				 : libc.recv(fd, buffer_tail(&c->in), n, flags);

	if (r > 0 && (size_t)r <= c->in_kernel) {
		c->in_drained = true;
		return -EAGAIN;
	}
	r = result(c, r, asked);
	if (r <= 0)
		return r;
	r -= (ssize_t)c->in_kernel;
	c->in.len += (size_t)r;
	c->in_kernel += (size_t)r;
	return r;
}

/*
 * What was seen, which nobody waits for any more, and what follows, in one call: of that as
 * much as the caller has room for, so that no plaintext has to wait here.
 */
static ssize_t take_behind(struct connection *c, int fd, size_t room)
{
	size_t seen = c->in_kernel, space = buffer_space(&c->in) - seen;
	size_t asked = seen + (room < space ? room : space);
	ssize_t r = libc.recv(fd, buffer_tail(&c->in), asked, MSG_DONTWAIT);

	/* The kernel stops at an urgent byte. */
	if (r > 0 && (size_t)r < seen) {
		c->in_kernel -= (size_t)r;
		return 0;
	}
	c->in_kernel = 0;
	if (r > 0 && (size_t)r == seen) {
		c->in_drained = true;
		return -EAGAIN;
	}
	r = result(c, r, asked);
	if (r <= 0)
		return r;
	r -= (ssize_t)seen;
	c->in.off += seen;
	c->in.len += (size_t)r;
	return r;
}

ssize_t input_fill(struct connection *c, int fd, size_t room)
{
	size_t keep = engine_pending(c->engine) > 0 ? 1 : 0;
	bool may_take, behind; /* behind: all that was seen has been delivered */
	size_t n;

	/* Behind the program's own SHUT_RD more may come (tcp(7)). */
	if (c->in_eof && !c->read_shut)
		return 0;
	c->in_eof = false;
	/* Behind an upgraded one's close_notify are bytes that are not ours to take. */
	may_take = room && !c->upgraded;
	behind = may_take && !keep && c->in.len == 0 && c->in_kernel && c->in_kernel <= CHEAP_COPY;
	if (!behind)
		trim(c, fd, keep);
	/* A record that is not whole yet is at most this long. */
	if (buffer_reserve(&c->in, ENGINE_MAX_RECORD) < 0)
		return -ENOMEM;
	if (behind)
		return take_behind(c, fd, room);
	n = buffer_space(&c->in);
	if (may_take && c->in_kernel == 0 && room >= ENGINE_MAX_RECORD + c->in.len) {
		room -= c->in.len;
		return take(c, fd, n < room ? n : room);
	}
	return look(c, fd, n);
}

struct wait {
	int fd;
	struct buffer seen;
	ssize_t n;
};

static void drop_seen(void *arg)
{
	struct wait *w = arg;

	buffer_fini(&w->seen);
}

static int wait_op(void *arg)
{
	struct wait *w = arg;

	w->n = libc.recv(w->fd, w->seen.data, w->seen.cap, MSG_PEEK);
	return w->n < 0 ? -errno : 0;
}

int input_wait(struct connection *c, int fd)
{
	struct wait w = {.fd = fd};
	unsigned int fills = c->in_fills;
	int r;

	if (buffer_reserve(&w.seen, ENGINE_MAX_RECORD) < 0)
		return -ENOMEM;
	r = connection_wait(c, fd, wait_op, drop_seen, &w);
	c->in_drained = false;
	if (r == 0 && fills == c->in_fills && c->in.len == 0 && c->in_kernel == 0) {
		w.n = result(c, w.n, w.seen.cap);
		w.seen.len = (size_t)w.n;
		c->in_kernel = w.seen.len;
		buffer_fini(&c->in);
		c->in = w.seen;
		w.seen = (struct buffer){0};
		buffer_trim(&c->in);
	}
	buffer_fini(&w.seen);
	return r;
}

void input_settle(struct connection *c, int fd)
{
	bool waiting = c->engine && (engine_pending(c->engine) > 0 || input_record(c) > 0);

	if (waiting)
		engine_keep(c->engine);
	else
		trim(c, fd, 0);
	buffer_trim(&c->in);
}

bool input_end(struct connection *c, int fd)
{
	size_t behind = c->in.len;

	if (c->in_kernel <= behind)
		return false;
	trim(c, fd, behind + 1);
	c->in_kernel = 0;
	buffer_fini(&c->in);
	return true;
}

bool input_drop_end(int fd)
{
	return input_drop(fd, 1) == 1;
}

void input_discard(int fd)
{
	/* Bounded: a peer that keeps sending is not waited for. */
	for (int i = 0; i < 64; i++)
		if (input_drop(fd, 1 << 20) <= 0)
			return;
}
