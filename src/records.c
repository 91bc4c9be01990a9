/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "error.h"
#include "input.h"
#include "judge.h"
#include "libc.h"
#include "output.h"

#include <errno.h>

/*
 * The peer's close_notify: the kernel's state shows the end too. Where its FIN has
 * come that is so already, and the event was raised then. An upgraded socket's TCP goes on.
 */
static ssize_t closed(struct connection *c, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	c->read_closed = true;
	c->end_kept = c->upgraded && !c->truncated && input_end(c, fd);
	if (!c->end_kept && libc.poll(&p, 1, 0) != 1)
		libc.shutdown(fd, SHUT_RD);
	return 0;
}

/* FIN without close_notify: somebody on the way may have cut the stream. */
static ssize_t cut(struct connection *c, int fd)
{
	c->truncated = true;
	if (settings_allow_truncation(connection_settings(c)))
		return closed(c, fd);
	return connection_explain(c, -ECONNRESET, "receiving",
				  "the stream ended without the peer's close_notify");
}

/* Opens the next whole record. >0: plaintext; -EAGAIN: it held none; 0: the end. */
static ssize_t open_record(struct connection *c, int fd)
{
	bool refused;
	ssize_t n;
	int r;

	do {
		input_feed(c, false);
		n = engine_open(c->engine);
		input_fed(c);
		r = n == -EAGAIN && engine_judgement(c->engine) ? judge_peer(c, fd) : -EAGAIN;
	} while (r == 0);
	if (r != -EAGAIN)
		return r;
	/* What a server asked for is answered at once. */
	if (n == -EAGAIN && engine_output(c->engine)->len)
		output_flush(c, fd);
	if (n > 0)
		c->in_vain = 0;
	if (n > 0 || n == -EAGAIN)
		return n;
	if (n == 0)
		return closed(c, fd);
	/* The alert that says so is on its way before the socket is shut down. */
	output_flush(c, fd);
	refused = engine_refused_peer(c->engine);
	return connection_fail(c, fd, (int)n, refused ? "verifying the peer" : "receiving",
			       engine_reason(c->engine));
}

ssize_t records_next(struct connection *c, int fd, size_t room)
{
	ssize_t n;

	if (c->read_closed)
		return 0;
	if (engine_awaits_auth(c->engine) && connection_left_ms(c->auth_end_ms) == 0)
		return connection_fail(c, fd, -ETIMEDOUT, "asking for a certificate",
				       "the peer did not answer in time");
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
