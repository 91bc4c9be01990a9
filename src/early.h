/* SPDX-License-Identifier: MIT */
/* A client's early data: what its program sends before the handshake has begun. */
#ifndef EARLY_H
#define EARLY_H

#include "connection.h"
#include "cursor.h"

/*
 * Sends as much of it with the ClientHello as may go there, and does not wait for the
 * answer, but as any send for room in the kernel. Returns how many bytes that are, 0 where
 * none may, or why the handshake failed.
 */
ssize_t early_send(struct connection *c, int fd, struct cursor *cur, int flags);

/* True while it is not known whether the server has taken it. */
bool early_waits(const struct connection *c);

/*
 * Before the end: who is not heard of any more may not have it yet. Waits for the server,
 * without the lock, until then.
 */
void early_finish(struct connection *c, int fd, int64_t end_ms);

#endif /* EARLY_H */
