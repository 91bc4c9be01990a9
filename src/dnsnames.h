/* SPDX-License-Identifier: MIT */
/* Whether a certificate has a host's name, found in its bytes: parsing it takes GnuTLS long. */
#ifndef DNSNAMES_H
#define DNSNAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * True if there is a dNSName in the subjectAltName (RFC 5280, 4.2.1.6) of a certificate that
 * GnuTLS takes. False where there is none, or the bytes are not the usual ones: that is to be
 * looked at again.
 */
bool dnsnames_has(const uint8_t *der, size_t len);

#endif /* DNSNAMES_H */
