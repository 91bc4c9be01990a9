/* SPDX-License-Identifier: MIT */
/*
 * What TLS_WANT says. A program that polls for no more than that must be woken: but the
 * readiness calls take what they woke for themselves, and when the handshake ends by it the
 * kernel has nothing left to show. So a program that was told POLLIN sees it until a call has
 * shown it that there is nothing to wait for any more.
 */
#ifndef WANT_H
#define WANT_H

#include "connection.h"

/* POLLIN, POLLOUT, or 0: nothing is under way. */
short want_now(const struct connection *c);

/* The same for the program's ears. */
short want_tell(struct connection *c);

/* The events of poll(2) that stand for what the program waits for in vain; 0: it does not. */
short want_over(const struct connection *c);

/* A call of the program's tells it what has become of it. */
void want_heard(struct connection *c);

#endif /* WANT_H */
