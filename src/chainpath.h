/* SPDX-License-Identifier: MIT */
/* The way from a peer's leaf to a trust anchor, which a verified chain has. */
#ifndef CHAINPATH_H
#define CHAINPATH_H

#include "libgnutls.h"

#include <stdbool.h>
#include <stddef.h>

enum { CHAINPATH_MAX = 16 };

struct chainpath_link {
	unsigned int place; /* of the certificate in what the peer has shown */
	gnutls_x509_crt_t crt, issuer;
};

struct chainpath {
	struct chainpath_link links[CHAINPATH_MAX]; /* leaf first; the anchor is an issuer only */
	size_t count;
	bool complete;				/* it has arrived */
	gnutls_x509_crt_t shown[CHAINPATH_MAX]; /* what they point to */
	unsigned int shown_count;
};

/* 0, with the links as far as the way is found; -ENOMEM. Either way to be given back. */
int chainpath_find(gnutls_session_t session, gnutls_certificate_credentials_t creds,
		   struct chainpath *out);
void chainpath_fini(struct chainpath *path);

/* Its subject (RFC 4514), "?" if it cannot be told. Returns out. */
const char *chainpath_name(gnutls_x509_crt_t crt, char *out, size_t size);

#endif /* CHAINPATH_H */
