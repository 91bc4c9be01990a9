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

#endif /* SEND_H */
