/* SPDX-License-Identifier: MIT */
/*
 * GnuTLS's functions: included in place of its headers. The names of libgnutls.list mean what
 * libgnutlsload.h has bound; none may be used before.
 */
#ifndef LIBGNUTLS_H
#define LIBGNUTLS_H

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>

#include "libgnutlsnames.h"

/* Not changed once it is loaded. */
extern struct libgnutls libgnutls __attribute__((visibility("hidden")));

#endif /* LIBGNUTLS_H */
