/* SPDX-License-Identifier: MIT */
/*
 * Which of several chains a server shows to whom. GnuTLS itself looks for a chain whose
 * name is the client's to the letter, and takes the first that the client can use where
 * there is none; wildcards it does not know. So the chains that fit a name get
 * credentials of their own, in which GnuTLS chooses by what the client can use.
 */
#ifndef CREDENTIALNAMES_H
#define CREDENTIALNAMES_H

#include "credentialload.h"
#include "libgnutls.h"
#include "staple.h"

#include <stdbool.h>

struct credential_names;

/*
 * Calls a function with each name of a certificate: its DNS names, or where it has none its
 * subject's. Ends with its first result other than 0, and returns that.
 */
int credential_names_of(gnutls_x509_crt_t crt, int (*fn)(const char *name, void *arg), void *arg);

/* all: what credential_load() made of the spec, with these responses. 0, or as credential_load().
 */
int credential_names_new(const struct credential_spec *spec, gnutls_certificate_credentials_t all,
			 const struct staples *staples, struct credential_names **out,
			 const struct reason *why);

/* Takes NULL. */
void credential_names_free(struct credential_names *n);

/*
 * Gives the credentials for a name; NULL: all of them. An exact name goes before a
 * wildcard, which stands for one label, the leftmost (RFC 6125, 6.4.3). False if no chain
 * has the name.
 */
bool credential_names_find(const struct credential_names *n, const char *name,
			   gnutls_certificate_credentials_t *out);

#endif /* CREDENTIALNAMES_H */
