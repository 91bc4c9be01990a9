/* SPDX-License-Identifier: MIT */
/*
 * poll with TLS sockets among the descriptors. The kernel's answer is right but
 * for what it cannot know: handshakes have to be driven, and a record may hold no
 * application data.
 */
#ifndef READINESS_H
#define READINESS_H

#include <poll.h>
#include <stdbool.h>

/* True if one of the descriptors is ours; changes none of them. */
bool readiness_concerns(struct pollfd *fds, nfds_t n);

/* poll(2). Returns its result, or a negative errno. */
int readiness_poll(struct pollfd *fds, nfds_t n, int timeout);

#endif /* READINESS_H */
