/* SPDX-License-Identifier: MIT */
/* The authorities that a CertificateRequest names. */
#ifndef AUTHORITIES_H
#define AUTHORITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the body of a CertificateRequest (RFC 5246, 7.4.4; RFC 8446, 4.3.2). *text, malloc'd, has
 * a name (RFC 4514) a line, and is "" where any authority will do. Returns 0, -EINVAL, -ENOMEM.
 */
int authorities_read(const uint8_t *data, size_t len, bool tls13, char **text);

#endif /* AUTHORITIES_H */
