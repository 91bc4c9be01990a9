/* SPDX-License-Identifier: MIT */
/* The one way in for application data. */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "connection.h"
#include "cursor.h"

/*
 * Receives into the cursor's memory as recv(2) would with these flags. Fewer bytes
 * than asked for come only after the kernel's queue was seen empty: programs with
 * edge-triggered event loops take a short read for that.
 */
ssize_t connection_receive(struct connection *c, int fd, struct cursor *cur, int flags);

/*
 * With the lock, on an open connection: opens records that wait until there is
 * plaintext or they are digested. True if a recv would not wait.
 */
bool connection_readable(struct connection *c, int fd);

#endif /* RECEIVE_H */
