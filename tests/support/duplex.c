/* SPDX-License-Identifier: MIT */
#include "duplex.h"
#include "stream.h"

static size_t at_most(size_t n, uint64_t wanted)
{
	return wanted < n ? (size_t)wanted : n;
}

size_t duplex_to_send(const struct duplex *duplex)
{
	uint64_t end = duplex->echo ? duplex->received : duplex->total;

	return at_most(duplex->buffer, end - duplex->sent);
}

const void *duplex_data(struct duplex *duplex, size_t *n)
{
	if (duplex->made_to == duplex->sent) {
		duplex->made_from = duplex->sent;
		duplex->made_to = duplex->sent + duplex_to_send(duplex);
		stream_fill(duplex->made_from, duplex->out,
			    (size_t)(duplex->made_to - duplex->made_from));
	}
	*n = (size_t)(duplex->made_to - duplex->sent);
	return duplex->out + (duplex->sent - duplex->made_from);
}

size_t duplex_room(const struct duplex *duplex)
{
	uint64_t held = duplex->echo ? duplex->received - duplex->sent : 0;

	if (duplex->ended)
		return 0;
	return at_most(duplex->buffer, 2 * duplex->buffer - held);
}

bool duplex_receive(struct duplex *duplex, const void *buf, size_t n)
{
	size_t good = stream_mismatch(duplex->received, buf, n);

	duplex->received += good;
	return good == n && (duplex->echo || duplex->received <= duplex->total);
}

bool duplex_to_close(const struct duplex *duplex)
{
	if (duplex->closed)
		return false;
	if (duplex->echo)
		return duplex->ended && duplex->sent == duplex->received;
	return duplex->sent == duplex->total;
}

bool duplex_over(const struct duplex *duplex)
{
	return duplex->ended && duplex->closed;
}
