/* SPDX-License-Identifier: MIT */
/*
 * Sealed records on their way into the kernel. The session appends to its own
 * queue; one thread at a time, the flusher, moves that into c->out and sends it.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "connection.h"

/* True while sealed bytes have not reached the kernel. */
bool output_pending(const struct connection *c);

/* Sends what the kernel takes now. 0: all of it; -EAGAIN; or the socket's error. */
int output_flush(struct connection *c, int fd);

/*
 * Sends all, waiting as the kernel's send waits: SA_RESTART, SO_SNDTIMEO and
 * cancellation are its own. -EINTR and -EAGAIN leave a rest in the queue.
 */
int output_flush_wait(struct connection *c, int fd);

#endif /* OUTPUT_H */
