/* SPDX-License-Identifier: MIT */
/* Requests and responses of the online certificate status protocol (RFC 6960). */
#ifndef OCSP_H
#define OCSP_H

#include "finding.h"
#include "libgnutls.h"

#include <stdbool.h>

/*
 * What a response says of a certificate: whether it is one, is about this certificate, is
 * signed by the issuer or by whom it has delegated that to, and is fresh. issuer NULL: the
 * signature is not looked at.
 */
void ocsp_judge(const gnutls_datum_t *response, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		struct finding *out);

/* A request, to be freed with gnutls_free. 0 or -ENOMEM. */
int ocsp_request(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, gnutls_datum_t *out);

/* The responder's URL that the certificate names, malloc'd; NULL: none. 0 or -ENOMEM. */
int ocsp_url(gnutls_x509_crt_t crt, char **out);

/* False if a certificate demands no stapled response for certain; it is not parsed. */
bool ocsp_may_demand_staple(const gnutls_datum_t *der);

/* True if the certificate demands a stapled response (RFC 7633). */
int ocsp_must_staple(gnutls_x509_crt_t crt);

#endif /* OCSP_H */
