/* SPDX-License-Identifier: MIT */
/* From the values of a spec to GnuTLS's credentials. */
#ifndef CREDENTIALLOAD_H
#define CREDENTIALLOAD_H

#include "credentialspec.h"
#include "libgnutls.h"

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

/* Gives an item's bytes, for credential_unread(). 0, or as credentials_get(). */
int credential_read(const struct credential_item *item, gnutls_datum_t *out,
		    const struct reason *why);
void credential_unread(gnutls_datum_t *datum);
gnutls_x509_crt_fmt_t credential_format(const gnutls_datum_t *d);

/* Says what is wrong with an item. Returns r; what a result of GnuTLS is as an errno. */
int credential_explain(const struct reason *why, const struct credential_item *item, int r,
		       const char *text);
int credential_explain_gnutls(const struct reason *why, const struct credential_item *item,
			      int result);

#endif /* CREDENTIALLOAD_H */
