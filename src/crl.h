/* SPDX-License-Identifier: MIT */
/* Certificate revocation lists (RFC 5280, 5): those that a socket was told. */
#ifndef CRL_H
#define CRL_H

#include "credentialload.h"
#include "credentialspec.h"
#include "finding.h"
#include "libgnutls.h"

struct crls;

/*
 * Reads every CREDENTIAL_CRL: files or directories of PEM or DER, or PEM itself. *out is
 * NULL where there is none. Returns as credentials_get().
 */
int crls_load(const struct credential_spec *spec, struct crls **out, const struct reason *why);
void crls_free(struct crls *crls);

/*
 * What they say of a certificate. Only a list that its issuer has signed counts; one that
 * has expired still tells of what is in it, but vouches for nothing.
 */
void crls_judge(const struct crls *crls, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		struct finding *out);

#endif /* CRL_H */
