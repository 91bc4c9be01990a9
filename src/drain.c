/* SPDX-License-Identifier: MIT */
#include "drain.h"

#include "input.h"
#include "libc.h"
#include "receive.h"

#include <poll.h>
#include <sys/ioctl.h>

/* A program that receives drains the queue itself: so much is sent between two receives. */
enum { LOOK_EVERY = 64 * 1024 };

/* Not by a receive: that would take an error away from the send that is to return it. */
static bool anything_there(int fd)
{
	int n = 0;

	return libc.ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

void drain_records(struct connection *c, int fd)
{
	c->unlooked = 0;
	if (c->state == STATE_OPEN && !c->read_closed && engine_pending(c->engine) == 0 &&
	    anything_there(fd))
		connection_digest(c, fd);
}

/*
 * Tickets come soon after the handshake: as long as the program has received nothing its
 * second send looks, its fourth, its eighth.
 */
static bool is_early(struct connection *c)
{
	unsigned int before = c->heard ? 0 : c->sends++;

	return before > 0 && (before & (before + 1)) == 0;
}

void drain_sent(struct connection *c, int fd, size_t n)
{
	bool early = is_early(c);

	c->unlooked += n;
	if (early || c->unlooked > LOOK_EVERY)
		drain_records(c, fd);
}

void drain_note(struct connection *c, bool empty)
{
	if (empty)
		c->unlooked = 0;
	else if (!c->heard)
		c->unlooked = LOOK_EVERY;
}

short drain_events(const struct connection *c)
{
	bool ended = c->read_closed || c->read_shut || c->peer_shut || c->in_eof;

	return c->state == STATE_OPEN && !c->heard && !ended && engine_pending(c->engine) == 0
		       ? POLLIN
		       : 0;
}
