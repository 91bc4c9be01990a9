/* SPDX-License-Identifier: MIT */
/* Chains and their keys: from files, text and PKCS#11 tokens, encrypted ones too. */
#ifndef CREDENTIALKEY_H
#define CREDENTIALKEY_H

#include "credentialload.h"
#include "libgnutls.h"

enum { CREDENTIAL_MAX_CHAIN = 32 };

struct credential_chain {
	gnutls_x509_crt_t crts[CREDENTIAL_MAX_CHAIN]; /* leaf first */
	unsigned int count;
};

/* These return as credentials_get(). */
int credential_chain_read(const struct credential_item *item, struct credential_chain *chain,
			  const struct reason *why);
void credential_chain_fini(struct credential_chain *chain);

/* Is there a passphrase in the file? */
int credential_passphrase_check(const struct credential_item *item, const struct reason *why);

/* Adds a chain and its key; passphrase: what opens the key, or the token's PIN; NULL: none. */
int credential_add_identity(gnutls_certificate_credentials_t to,
			    const struct credential_item *chain, const struct credential_item *key,
			    const struct credential_item *passphrase, const struct reason *why);

#endif /* CREDENTIALKEY_H */
