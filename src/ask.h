/* SPDX-License-Identifier: MIT */
/* What a handshake must ask somebody else before it goes on: OCSP responders. */
#ifndef ASK_H
#define ASK_H

#include "connection.h"

/* True while it waits for an answer, and for nothing else. */
bool ask_pending(const struct connection *c);

/* What becomes readable then, and until when that is waited for (monotonic). */
int ask_fd(const struct connection *c);
int64_t ask_end_ms(const struct connection *c);

/*
 * Asks what the session has to ask, or sees whether there is an answer, and gives it to the
 * session. 0: the session can go on; -EAGAIN.
 */
int ask_step(struct connection *c);

/* The answer is not wanted any more. */
void ask_drop(struct connection *c);

#endif /* ASK_H */
