/* SPDX-License-Identifier: MIT */
#include "early.h"

#include "handshake.h"
#include "libc.h"

#include <errno.h>
#include <stdlib.h>

enum { FINISH_MS = 10000 };

ssize_t early_send(struct connection *c, int fd, struct cursor *cur)
{
	size_t n = c->state == STATE_HANDSHAKE && c->engine ? engine_early_room(c->engine) : 0;
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
	if (r < 0)
		return r;
	cursor_advance(cur, n);
	r = handshake_step(c, fd);
	return r < 0 && r != -EAGAIN ? r : (ssize_t)n;
}

bool early_waits(const struct connection *c)
{
	return c->state == STATE_HANDSHAKE && c->engine && engine_early_waits(c->engine);
}

void early_finish(struct connection *c, int fd)
{
	int64_t end_ms = connection_now_ms() + FINISH_MS;

	while (early_waits(c) && handshake_step(c, fd) == -EAGAIN &&
	       connection_left_ms(end_ms) > 0) {
		struct pollfd p = {.fd = fd, .events = handshake_want(c)};

		connection_unlock(c);
		libc.poll(&p, 1, connection_left_ms(end_ms));
		/* It cannot fail, since this thread has just had it. */
		(void)!connection_lock(c);
	}
}
