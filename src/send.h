/* SPDX-License-Identifier: MIT */
/* The one way out for application data. */
#ifndef SEND_H
#define SEND_H

#include "connection.h"
#include "cursor.h"

/*
 * Sends what the cursor has, as send(2) would with these flags; raising SIGPIPE
 * is left to the caller. Returns how many bytes were sealed and are on their way.
 */
ssize_t connection_send(struct connection *c, int fd, struct cursor *cur, int flags);

/*
 * How many bytes can be sent now: more than 0. With nonblock -EAGAIN where there is no
 * room; else it is waited for, as a blocking send waits.
 */
ssize_t connection_room(struct connection *c, int fd, bool nonblock);

/*
 * Sends all of what there was room for, of which the caller has no other copy: what the
 * kernel does not take after all stays with the connection. more: as MSG_MORE. Returns
 * n, or the error that ended the connection.
 */
ssize_t connection_send_whole(struct connection *c, int fd, const void *buf, size_t n, bool more);

#endif /* SEND_H */
