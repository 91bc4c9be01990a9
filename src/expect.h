/* SPDX-License-Identifier: MIT */
/* Whom a client expects at the other end. */
#ifndef EXPECT_H
#define EXPECT_H

#include "connection.h"

#include <sys/socket.h>

enum { EXPECT_SIZE = 256 };

/*
 * The name to verify: what the program said, else the name that the address was
 * resolved from, else the address itself. *none: any will do. Returns 0 or a negative
 * errno, explained, where that cannot be told.
 */
int expect_name(struct connection *c, const struct sockaddr *sa, char *name, bool *none);

/* The same of the socket's peer. */
int expect_peer(struct connection *c, int fd, char *name, bool *none);

#endif /* EXPECT_H */
