/* SPDX-License-Identifier: MIT */
/* A connection's settings as the policy has them. */
#ifndef EFFECTIVE_H
#define EFFECTIVE_H

#include "connection.h"

/*
 * Take them into c->effective, where there is a policy, for a client that will speak to a peer (its
 * name may be NULL), or for a socket that listens, or was accepted. 0, -EPROTO with the reason,
 * -ENOMEM.
 */
int effective_client(struct connection *c, const char *name, const struct sockaddr *sa,
		     char *reason, size_t size);
int effective_server(struct connection *c, int fd, char *reason, size_t size);

/*
 * An option was set: before are the settings without it. If the policy does not allow it
 * they are put back, with TLS_ERROR set; in any case the reference on them is dropped.
 */
int effective_option(struct connection *c, struct settings *before);

#endif /* EFFECTIVE_H */
