/* SPDX-License-Identifier: MIT */
/* GnuTLS's functions: included in place of its headers. */
#ifndef LIBGNUTLS_H
#define LIBGNUTLS_H

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>

#endif /* LIBGNUTLS_H */
