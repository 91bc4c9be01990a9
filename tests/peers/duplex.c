/* SPDX-License-Identifier: MIT */
/*
 * A peer's end of a full-duplex echo. A session is not for two threads at once, so
 * that one thread does both, on a non-blocking socket.
 */
#include "duplex.h"
#include "peer.h"
#include <fcntl.h>
#include <poll.h>

/* It says that nothing moves before the test loses its patience. */
#define STILL_MS 20000

static const char *receive_some(struct peer_session *session, struct duplex *d, bool *moved)
{
	char buf[DUPLEX_BUFFER_MAX];
	size_t room = duplex_room(d);
	ssize_t n = room ? tls_recv(session, buf, room) : PEER_AGAIN;

	if (n == PEER_AGAIN)
		return NULL;
	*moved = true;
	if (n == PEER_CLOSE_NOTIFY)
		d->ended = true;
	else if (n < 0)
		return "receiving failed";
	else if (!duplex_receive(d, buf, (size_t)n))
		return "wrong bytes";
	return NULL;
}

static const char *send_some(struct peer_session *session, struct duplex *d, bool *moved)
{
	size_t wanted;
	const void *data = duplex_data(d, &wanted);
	ssize_t n = wanted ? tls_send_some(session, data, wanted) : PEER_AGAIN;

	if (n >= 0) {
		d->sent += (size_t)n;
		*moved = true;
	}
	if (duplex_to_close(d) && tls_notify(session) == 0) {
		d->closed = true;
		*moved = true;
	}
	return n < 0 && n != PEER_AGAIN ? "sending failed" : NULL;
}

static const char *wait_for(int fd, const struct duplex *d)
{
	struct pollfd pollfd = {.fd = fd};

	if (duplex_room(d))
		pollfd.events |= POLLIN;
	if (duplex_to_send(d) || duplex_to_close(d))
		pollfd.events |= POLLOUT;
	switch (poll(&pollfd, 1, STILL_MS)) {
	case 0:
		return "standstill";
	case 1:
		return NULL;
	default:
		return "poll failed";
	}
}

const char *duplex_converse(struct peer_session *session, struct duplex *d)
{
	int flags = fcntl(session->fd, F_GETFL);
	const char *wrong = NULL;

	fcntl(session->fd, F_SETFL, flags | O_NONBLOCK);
	while (!wrong && !duplex_over(d)) {
		bool moved = false;

		wrong = receive_some(session, d, &moved);
		if (!wrong)
			wrong = send_some(session, d, &moved);
		if (!wrong && !moved && !duplex_over(d))
			wrong = wait_for(session->fd, d);
	}
	fcntl(session->fd, F_SETFL, flags);
	return wrong ? wrong : "close_notify";
}
