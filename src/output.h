/* SPDX-License-Identifier: MIT */
/*
 * Sealed records on their way into the kernel. The session appends to its own
 * queue; whoever has the lock moves that into c->out and sends it.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "connection.h"

/* True while sealed bytes have not reached the kernel. */
bool output_pending(const struct connection *c);

/* Sends what the kernel takes now. 0: all of it; -EAGAIN; or the socket's error. */
int output_flush(struct connection *c, int fd);

/*
 * Sends all, waiting as the kernel's send waits, SO_SNDTIMEO and SA_RESTART too: moved
 * says that the call has sent something already, so that it is not to be restarted.
 * -EINTR and -EAGAIN leave a rest in the queue.
 */
int output_flush_wait(struct connection *c, int fd, bool moved);

/* What the kernel says of a send without a byte: 0, or the connection's error. */
int output_judge(struct connection *c, int fd);

#endif /* OUTPUT_H */
