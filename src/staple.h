/* SPDX-License-Identifier: MIT */
/* The OCSP responses that a server staples to its chains (RFC 6066, 8). */
#ifndef STAPLE_H
#define STAPLE_H

#include "credentialload.h"
#include "credentialspec.h"

struct staples;

/*
 * Reads every CREDENTIAL_OCSP and gives it to GnuTLS with the chain before it. One that
 * cannot be read, is another certificate's, or does not vouch for it, is not sent, which
 * the log says: a server goes on without. 0 or -ENOMEM.
 */
int staples_load(const struct credential_spec *spec, gnutls_certificate_credentials_t to,
		 struct staples **out, const struct reason *why);

/* Gives them to credentials with some of the chains alone, as credential_load_some(). */
void staples_add(const struct staples *staples, const bool *wanted,
		 gnutls_certificate_credentials_t to);

/* After the credentials that point to them. */
void staples_free(struct staples *staples);

/* Whether a value can be a response at all. 0, or a negative errno, explained. */
int staple_check(const char *value, const struct reason *why);

#endif /* STAPLE_H */
