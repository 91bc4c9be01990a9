/* SPDX-License-Identifier: MIT */
/*
 * What a socket trusts and what it shows of itself, parsed once and shared by
 * all sockets that were told the same. Sessions keep what they began with; files that
 * change make a new version for those to come.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "credentialspec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct credentials;
struct credential_source;

/*
 * Parses what the spec lists, or finds it parsed already and the files as they were.
 *
 * Returns 0 and a reference; -ENOENT, -EACCES, … where a file cannot be read or a key not
 * be opened; -EINVAL where something is not what it should be; -EPROTO where a key does
 * not belong to its chain; -ENOMEM. On failure reason says which value and why.
 */
int credentials_get(const struct credential_spec *spec, struct credentials **out, char *reason,
		    size_t size);

/*
 * The same for a handshake: whether the files have changed is looked at once a second at
 * most, and where they cannot be used what was read before holds; the log says so, once.
 */
int credentials_latest(const struct credential_spec *spec, struct credentials **out, char *reason,
		       size_t size);

/*
 * Reads all that the spec lists again, whatever the files look like. Where it cannot be
 * used it returns as credentials_get(), and what was read before holds.
 */
int credentials_renew(const struct credential_spec *spec, char *reason, size_t size);

/* The same for all that are in use. The first error; the log has each. */
int credentials_renew_all(void);

/* Takes and drops a reference; both take NULL. */
struct credentials *credentials_ref(struct credentials *c);
void credentials_put(struct credentials *c);

/*
 * What was read last is kept for a listener, also when no connection uses it, since it may
 * be the last that can be used. Drop it with credentials_release(), which takes NULL.
 */
struct credential_source *credentials_keep(struct credentials *c);
void credentials_release(struct credential_source *s);

/* True if there is a chain with its key. */
bool credentials_have_identity(const struct credentials *c);

/* A number that no other credentials of the process have, or had. */
uint64_t credentials_serial(const struct credentials *c);

/* The gnutls_certificate_credentials_t, valid while c is. */
void *credentials_gnutls(const struct credentials *c);

/* The same for a name that a client asks for; false if no chain has that name. */
bool credentials_for_name(const struct credentials *c, const char *name, void **out);
/* The revocation lists; NULL: none. See crl.h. */
struct crls;
const struct crls *credentials_crls(const struct credentials *c);

/* For fork: nobody is in the middle of it. */
void credentials_lock(void);
void credentials_unlock(void);

#endif /* CREDENTIALS_H */
