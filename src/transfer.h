/* SPDX-License-Identifier: MIT */
/*
 * The calls that move data, without their entry: for those that are made of several.
 * They return what the call returns, or a negative errno.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

/* Where the peer is gone SIGPIPE is raised, unless the flags say MSG_NOSIGNAL. */
ssize_t transfer_told(ssize_t r, int flags);

ssize_t transfer_send(struct connection *c, int fd, const struct iovec *iov, size_t n, int flags);
ssize_t transfer_receive(struct connection *c, int fd, const struct iovec *iov, size_t n,
			 int flags);

#endif /* TRANSFER_H */
