/* SPDX-License-Identifier: MIT */
/* How much the kernel takes without waiting. */
#ifndef ROOM_H
#define ROOM_H

#include "connection.h"

/* How much is sealed at once. */
enum { ROOM_MOST = 4 * ENGINE_MAX_PLAIN };

/* How many bytes the kernel takes for certain; what it may hold back counts as full. */
size_t room_kernel(struct connection *c, int fd);

/*
 * How much plaintext may be sealed now, at most ROOM_MOST. Where there seems to be no room the
 * kernel is asked: that is also what makes it raise the next edge for epoll.
 */
size_t room_plain(struct connection *c, int fd);

#endif /* ROOM_H */
