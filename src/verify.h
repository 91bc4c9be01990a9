/* SPDX-License-Identifier: MIT */
/* The verdict on a peer's certificates: chain, purpose, name. */
#ifndef VERIFY_H
#define VERIFY_H

#include <stddef.h>
#include <stdint.h>

enum { VERDICT_DEPTH = 16 };

/* Of mbedTLS's MBEDTLS_X509_BADCERT_*, which programs for Zephyr know. */
enum {
	VERDICT_REVOKED = 0x02,
	VERDICT_NAME = 0x04,
	VERDICT_TRUST = 0x08,
	VERDICT_OTHER = 0x0100,
	VERDICT_DIGEST = 0x4000,
	VERDICT_KEY = 0x010000,
};

struct verdict {
	unsigned int status;	      /* 0: verified; else GNUTLS_CERT_* bits */
	uint32_t bits[VERDICT_DEPTH]; /* of each certificate, as TLS_CERT_VERIFY_RESULT has them */
	int alert;		      /* the alert that says so to the peer */
	char text[896];		      /* why, as a sentence without its full stop */
};

/*
 * Verifies the chain that the peer of a gnutls_session_t has shown, for a TLS
 * server or for a client, and that it was issued to the name (RFC 6125): a host
 * name, a literal address, or NULL for any.
 *
 * Returns 0 with the verdict, or -ENOMEM.
 */
int verify_peer(void *session, int peer_is_server, const char *name, struct verdict *verdict);

/*
 * Give the peer's leaf as its subject (RFC 4514), and its chain as PEM. The text
 * is malloc'd. Return 0, -ENOTCONN where the peer showed none, -ENOMEM.
 */
int verify_subject(void *session, char **text);
int verify_chain_pem(void *session, char **text);

#endif /* VERIFY_H */
