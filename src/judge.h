/* SPDX-License-Identifier: MIT */
/* The program is asked about its peer. */
#ifndef JUDGE_H
#define JUDGE_H

#include "connection.h"

/*
 * Calls TLS_CERT_VERIFY_CALLBACK, as a wait: without the lock, and the handler of a signal
 * may jump away from it. Returns 0 when the session can go on; -EAGAIN where another thread
 * is at it; or as connection_wait().
 */
int judge_peer(struct connection *c, int fd);

#endif /* JUDGE_H */
