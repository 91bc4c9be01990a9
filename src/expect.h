/* SPDX-License-Identifier: MIT */
/* Whom a client expects at the other end. */
#ifndef EXPECT_H
#define EXPECT_H

#include "connection.h"

#include <sys/socket.h>

enum { EXPECT_SIZE = 256 };

/*
 * The name to verify: what the program said, else the name that the address was
 * resolved from, else the address itself. *none: any will do. Returns 0, or -EPROTO
 * where it cannot be told, for the reason that expect_unclear is.
 */
int expect_name(struct connection *c, const struct sockaddr *sa, char *name, bool *none);

extern const char expect_unclear[];

#endif /* EXPECT_H */
