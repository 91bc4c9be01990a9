/* SPDX-License-Identifier: MIT */
/*
 * What a socket trusts and what it shows of itself, parsed once and shared by
 * all sockets that were told the same.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "credentialspec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct credentials;

/*
 * Parses what the spec lists, or finds it parsed already.
 *
 * Returns 0 and a reference; -ENOENT, -EACCES, … where a file cannot be read;
 * -EINVAL where something is not what it should be; -EPROTO where a key does not
 * belong to its chain; -ENOMEM. On failure reason says which value and why.
 */
int credentials_get(const struct credential_spec *spec, struct credentials **out, char *reason,
		    size_t size);

/* Takes and drops a reference; both take NULL. */
struct credentials *credentials_ref(struct credentials *c);
void credentials_put(struct credentials *c);

/* True if there is a chain with its key. */
bool credentials_have_identity(const struct credentials *c);

/* A number that no other credentials of the process have, or had. */
uint64_t credentials_serial(const struct credentials *c);

/* The gnutls_certificate_credentials_t, valid while c is. */
void *credentials_gnutls(const struct credentials *c);

/* For fork: nobody is in the middle of it. */
void credentials_lock(void);
void credentials_unlock(void);

#endif /* CREDENTIALS_H */
