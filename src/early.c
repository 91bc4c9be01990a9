/* SPDX-License-Identifier: MIT */
#include "early.h"

#include "handshake.h"
#include "libc.h"
#include "output.h"
#include "room.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { HELLO_ROOM = 8192 }; /* what a ClientHello with a ticket may take of the kernel's */

/* What is not with the kernel yet waits here: as much as a call that may not wait could leave. */
static size_t kernel_takes(struct connection *c, int fd)
{
	size_t room = room_kernel(c, fd);

	return room > HELLO_ROOM ? room - HELLO_ROOM : 0;
}

/* How many bytes may go with the ClientHello. */
static size_t room_for(struct connection *c, int fd, bool nonblock)
{
	size_t room;

	if (c->state != STATE_HANDSHAKE || !c->held_back || c->write_closed ||
	    (c->shut_early & ~(1u << SHUT_RD)))
		return 0;
	room = engine_early_room(c->engine);
	if (nonblock && room > kernel_takes(c, fd))
		room = kernel_takes(c, fd);
	return room;
}

/* As a batch that was sealed (send.c): it is accepted, whatever cuts the wait short. */
static ssize_t flushed(struct connection *c, int fd, size_t n)
{
	int r = output_flush_wait(c, fd, false);

	return r == 0 || r == -EINTR || r == -EAGAIN ? (ssize_t)n : r;
}

ssize_t early_send(struct connection *c, int fd, struct cursor *cur, int flags)
{
	bool nonblock = c->held_back && connection_nonblocking(fd, flags);
	size_t n = room_for(c, fd, nonblock);
	void *data;
	int r;

	n = n < cur->left ? n : cur->left;
	if (n == 0)
		return 0;
	r = connection_claim(c);
	if (r < 0)
		return r;
	data = malloc(n);
	if (!data)
		return -ENOMEM;
	cursor_copy(cur, data, n);
	r = engine_send_early(c->engine, data, n);
	free(data);
	if (r <= 0)
		return r;
	cursor_advance(cur, n);
	r = handshake_step(c, fd);
	if (r == -EAGAIN && !nonblock && output_pending(c))
		return flushed(c, fd, n);
	return r < 0 && r != -EAGAIN ? r : (ssize_t)n;
}

bool early_waits(const struct connection *c)
{
	return c->state == STATE_HANDSHAKE && c->engine && engine_early_waits(c->engine);
}

void early_finish(struct connection *c, int fd, int64_t end_ms)
{
	while (early_waits(c) && handshake_step(c, fd) == -EAGAIN &&
	       connection_left_ms(end_ms) > 0) {
		struct pollfd p = {.fd = fd, .events = handshake_want(c)};

		connection_unlock(c);
		libc.poll(&p, 1, connection_left_ms(end_ms));
		/* It cannot fail, since this thread has just had it. */
		(void)!connection_lock(c);
	}
}
