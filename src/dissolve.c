/* SPDX-License-Identifier: MIT */
#include "dissolve.h"

#include "ask.h"
#include "hurry.h"
#include "libc.h"
#include "pending.h"
#include "watch.h"

#include <errno.h>
#include <netinet/tcp.h>

int dissolve_tcp(int fd)
{
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

	return libc.connect(fd, &unspecified, sizeof(unspecified)) < 0 ? -errno : 0;
}

static void forget_bytes(struct connection *c)
{
	buffer_fini(&c->in);
	c->in_kernel = 0;
	c->in_drained = c->in_eof = false;
	c->in_fills++;
	c->in_vain = 0;
	buffer_fini(&c->out);
	c->out_more = false;
	c->out_error = 0;
	c->send_room = c->room_seen = 0;
	c->room_skipped = 0;
	c->owed = -1;
}

/* The engine stays until the next connect, for threads that come out of their waits late. */
static void forget_session(struct connection *c)
{
	size_t n = c->engine ? engine_pending(c->engine) : 0;

	if (n)
		engine_read(c->engine, NULL, n);
	c->sessions++;
	c->server = c->read_closed = c->read_shut = c->peer_shut = false;
	c->write_closed = c->write_shut = c->truncated = c->hungry = false;
	c->sent_data = c->was_open = c->upgraded = c->end_kept = false;
	c->told_pollin = false;
	c->shut_early = 0;
	c->error = -EPIPE;
	c->so_error = 0; /* the kernel has a new one, and shows it */
}

int dissolve(struct connection *c, int fd)
{
	bool busy = connection_busy(c);
	int r = dissolve_tcp(fd);

	if (r < 0)
		return r;
	if (c->state == STATE_LISTENING)
		libc.setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){0}, sizeof(int));
	hurry_end(c, fd);
	pending_remove(c);
	ask_drop(c);
	forget_bytes(c);
	forget_session(c);
	c->state = STATE_NEW;
	if (busy)
		watch_end(c);
	return 0;
}
