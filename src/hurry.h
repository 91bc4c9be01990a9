/* SPDX-License-Identifier: MIT */
/*
 * TCP_NODELAY while the program cannot know that it matters. With Nagle's algorithm what
 * follows a part of the handshake would wait for that part's acknowledgement: the rest of
 * a flight, or the first application data. All with the connection's lock.
 */
#ifndef HURRY_H
#define HURRY_H

#include "connection.h"

/* On until the first application data is sent, without the program seeing it. */
void hurry_begin(struct connection *c, int fd);

/* That is sent, or there is no TLS any more: it is as the program wants it again. */
void hurry_end(struct connection *c, int fd);

/* What the program sets until then. 0 or a negative errno. */
int hurry_set(struct connection *c, int fd, int on);

#endif /* HURRY_H */
