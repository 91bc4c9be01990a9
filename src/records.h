/* SPDX-License-Identifier: MIT */
/* From the kernel's queue to plaintext, a record at a time; and the end of the stream. */
#ifndef RECORDS_H
#define RECORDS_H

#include "connection.h"

/*
 * Gets on by one step without waiting. >0: something came; 0: the end; -EAGAIN:
 * nothing is there; else the error. room: how much plaintext the caller can take.
 */
ssize_t records_next(struct connection *c, int fd, size_t room);

#endif /* RECORDS_H */
