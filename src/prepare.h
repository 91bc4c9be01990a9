/* SPDX-License-Identifier: MIT */
/* The session of a connection: made before the handshake, of what was told and is allowed. */
#ifndef PREPARE_H
#define PREPARE_H

#include "connection.h"

#include <sys/socket.h>

enum { PREPARE_REASON = 768 };

/*
 * Before TCP connects, so that what cannot be used costs no connection. name is verified,
 * NULL: none is; peer is whom it speaks to, for the policy. 0 or a negative errno,
 * explained.
 */
int prepare_connect(struct connection *c, const char *name, const char *peer,
		    const struct sockaddr *sa);

/* The handshake begins: the role, what the policy says, and a session to resume. */
void prepare_begin(struct connection *c, int fd, bool server);

/*
 * Makes the session where no connect of ours has done so: accepted, or upgraded. 0 or a
 * negative errno; reason is left as it is where that says all.
 */
int prepare_late(struct connection *c, int fd, char *reason, size_t size);

#endif /* PREPARE_H */
