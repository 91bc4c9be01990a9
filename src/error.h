/* SPDX-License-Identifier: MIT */
/* GnuTLS's results as errno values and as sentences. */
#ifndef ERROR_H
#define ERROR_H

/*
 * Returns a negative errno value for a negative GnuTLS result; 0 for one that
 * is not an error. -EAGAIN where GnuTLS wants to be called again.
 */
int error_from_gnutls(int result);

/* Returns a sentence for a GnuTLS result, static storage, never NULL. */
const char *error_text(int result);

/* The same for an errno value, positive. */
const char *error_errno_text(int code);

#endif /* ERROR_H */
