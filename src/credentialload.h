/* SPDX-License-Identifier: MIT */
/* From the values of a spec to GnuTLS's credentials. */
#ifndef CREDENTIALLOAD_H
#define CREDENTIALLOAD_H

#include "credentialspec.h"

#include <gnutls/gnutls.h>

/* Where a failure is explained: which value, and why. */
struct reason {
	char *text;
	size_t size;
};

/*
 * Reads every item and adds it. *identity becomes true with the first chain that
 * has its key. Returns as credentials_get().
 */
int credential_load(const struct credential_spec *spec, gnutls_certificate_credentials_t to,
		    bool *identity, const struct reason *why);

/* The same with some of the chains alone, in the order of their keys; NULL: all. */
int credential_load_some(const struct credential_spec *spec, const bool *wanted,
			 gnutls_certificate_credentials_t to, bool *identity,
			 const struct reason *why);

#endif /* CREDENTIALLOAD_H */
