/* SPDX-License-Identifier: MIT */
/* connect to AF_UNSPEC: a socket without its connection, as it was before. */
#ifndef DISSOLVE_H
#define DISSOLVE_H

#include "connection.h"

/*
 * In any state. The kernel resets the connection, so there is no close_notify; what was not
 * read or sent is gone, and the settings stay. Who waits is woken, with -EPIPE. Returns 0
 * or a negative errno.
 */
int dissolve(struct connection *c, int fd);

/* The same where there is no session: the kernel's part. */
int dissolve_tcp(int fd);

#endif /* DISSOLVE_H */
