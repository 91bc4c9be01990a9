/* SPDX-License-Identifier: MIT */
/*
 * Cipher suites by their IANA numbers and names. Only those that a connection of ours may
 * have: none without encryption or authentication, none of RC4, 3DES, MD5.
 */
#ifndef CIPHERSUITES_H
#define CIPHERSUITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ciphersuite {
	uint16_t id;
	bool tls13;
	char name[64]; /* IANA's */
	/* GnuTLS's names of its parts; kx NULL in TLS 1.3. */
	const char *kx, *cipher, *mac;
};

/* Return 0 or -ENOENT. A name may be IANA's, OpenSSL's or GnuTLS's. */
int ciphersuite_by_id(unsigned int id, struct ciphersuite *out);
int ciphersuite_by_name(const char *name, size_t len, struct ciphersuite *out);

/* The suite at a place in GnuTLS's list. -ENOENT behind its end, -EPERM: one that we refuse. */
int ciphersuite_at(size_t place, struct ciphersuite *out);

#endif /* CIPHERSUITES_H */
