/* SPDX-License-Identifier: MIT */
/* From a TCP connection to a TLS one. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "connection.h"
#include "pending.h"

/* TCP is up: starts the clock. A server's session is made by its first step. */
void handshake_begin(struct connection *c, int fd, bool server);

/* In STATE_CONNECTING: begins if TCP is up by now. 0, -EAGAIN, or TCP's error. */
int handshake_tcp_done(struct connection *c, int fd, bool nonblock, int64_t end_ms);

/* Goes on without waiting. 0: done; -EAGAIN; or the error that ended it. */
int handshake_step(struct connection *c, int fd);

/*
 * For who waits for readiness: begins if TCP is up, and goes on, unless a thread waits
 * in it. What comes of it is in the connection.
 */
void handshake_progress(struct connection *c, int fd);

/*
 * Without a lock: ends those whose time is over and that nobody waits in. Returns when
 * to look again, in milliseconds as connection_now_ms(); -1: never. One call may leave
 * some for the next.
 */
int64_t handshake_expire(void);

/* What an unfinished one waits for: POLLIN or POLLOUT. */
short handshake_want(const struct connection *c);

/*
 * Goes on until it is done. With nonblock one step; else until end_ms at the
 * latest (-EAGAIN then, -1: none), and the handshake's own timeout.
 */
int handshake_run(struct connection *c, int fd, bool nonblock, int64_t end_ms);

/* For calls that need an open connection: 0, or why not, having run it if need be. */
int handshake_need(struct connection *c, int fd, bool nonblock, int64_t end_ms);

/* Without a lock: steps those that a wait found ready, and drops the references. */
void handshake_step_ready(struct pending_wait *w);

#endif /* HANDSHAKE_H */
