/* SPDX-License-Identifier: MIT */
/* The end of a connection: shutdown, close, exit. */
#ifndef CLOSING_H
#define CLOSING_H

#include "connection.h"

/* shutdown(2): SHUT_WR sends close_notify before FIN. */
int closing_shutdown(struct connection *c, int fd, int how);

/*
 * Before the last descriptor is closed: says goodbye, hands what is still on its
 * way to the lingerer, and sees to it that threads which wait on it return. Never
 * waits for the peer. The caller closes fd afterwards.
 */
void closing_last(struct connection *c, int fd);

/* At exit, for a connection that the program left open. */
void closing_at_exit(struct connection *c, int fd);

/*
 * At _exit: nothing that takes a lock or memory, so no close_notify. What was sent
 * arrives, and the peer sees the stream cut.
 */
void closing_at_abrupt_exit(const struct connection *c, int fd);

/* For fdtable_new(). */
void closing_release(void *connection);

#endif /* CLOSING_H */
