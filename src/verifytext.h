/* SPDX-License-Identifier: MIT */
/* Why a chain is refused, and what can be done about it, as one sentence. */
#ifndef VERIFYTEXT_H
#define VERIFYTEXT_H

#include "chain.h"
#include "verify.h"

/* Room for what verify_describe() writes. */
enum { VERIFY_DESCRIPTION = 384 };

/* What the peer was to be. */
struct expectation {
	bool server;
	const char *name; /* NULL: any */
	time_t now;
};

/* Fills in the verdict's text and alert for the bits of its status. */
void verify_explain(const struct chain *chain, const struct expectation *expected,
		    struct verdict *verdict);

/*
 * A certificate as the texts have it: the certificate "S" (issued by "I", valid from … to …).
 * Returns out.
 */
const char *verify_describe(gnutls_x509_crt_t crt, char *out, size_t size);

#endif /* VERIFYTEXT_H */
