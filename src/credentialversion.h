/* SPDX-License-Identifier: MIT */
/* What the files of a spec had when they were read, and whether they still have it. */
#ifndef CREDENTIALVERSION_H
#define CREDENTIALVERSION_H

#include "credentialload.h"
#include "credentialnames.h"
#include "crl.h"
#include "staple.h"

#include <stdbool.h>
#include <stdint.h>

struct credential_source;

struct credentials {
	unsigned int refs; /* credentials.c's; its source has one while it is the newest */
	struct credential_source *source;
	gnutls_certificate_credentials_t gnutls;
	struct credential_names *names;
	struct crls *crls;	 /* NULL: none */
	struct staples *staples; /* NULL: none; GnuTLS points into them */
	bool identity;
	uint64_t serial; /* no other has it */
};

/*
 * Reads the files, and the stamps before them, one an item, malloc'd: a file that changes
 * meanwhile is seen to have changed. Chain and key may be on their way, one after the
 * other. Returns as credentials_get().
 */
int credential_version_read(const struct credential_spec *spec, struct credentials **out,
			    struct credential_stamp **stamps, const struct reason *why);
void credential_version_free(struct credentials *c);

/* A pipe that was read once would be waited for: 0, or -EINVAL with the reason. */
int credential_files_again(const struct credential_spec *spec, const struct reason *why);

/*
 * Whether the files are other than the stamps say. A server that has given up its
 * privileges may no longer look at its key: what it read with them holds.
 */
bool credential_files_changed(const struct credential_spec *spec,
			      const struct credential_stamp *stamps);

/* Whether one may change once more without another stamp. */
bool credential_files_young(const struct credential_stamp *stamps, size_t n);

#endif /* CREDENTIALVERSION_H */
