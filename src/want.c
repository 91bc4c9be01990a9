/* SPDX-License-Identifier: MIT */
#include "want.h"

#include "handshake.h"
#include "output.h"
#include "watch.h"

/* What goes on behind the handshake: a downgrade, or a client that is to show who it is. */
static bool still_talks(const struct connection *c)
{
	return (c->write_closed && !c->write_shut) ||
	       (engine_awaits_auth(c->engine) && !c->read_closed);
}

short want_now(const struct connection *c)
{
	short want;

	if (c->state == STATE_CONNECTING)
		return POLLOUT;
	if (c->state == STATE_OPEN && still_talks(c))
		return output_pending(c) ? POLLOUT : POLLIN;
	if (c->state != STATE_HANDSHAKE)
		return 0;
	want = handshake_want(c);
	/* An answer (ask.h) can be waited for by the hooked calls, which know where it comes. */
	return want ? want : POLLIN;
}

short want_tell(struct connection *c)
{
	short want = want_now(c);

	if (want)
		c->told_pollin = want == POLLIN;
	else
		want_heard(c);
	return want;
}

short want_over(const struct connection *c)
{
	return c->told_pollin && c->state == STATE_OPEN && !want_now(c) ? POLLIN | POLLRDNORM : 0;
}

void want_heard(struct connection *c)
{
	bool shown = want_over(c);

	c->told_pollin = false;
	/* The sets have been told to say so. */
	if (shown)
		watch_end(c);
}
