/* SPDX-License-Identifier: MIT */
/* What a session asks its peer's OCSP responders, and what it heard. */
#ifndef RESPONDER_H
#define RESPONDER_H

#include "finding.h"
#include "ocsp.h"
#include "revocation.h"

/* RESPONDER_CACHED: the cache may be used; _ASK: there may be a question. */
enum { RESPONDER_CACHED = 1, RESPONDER_ASK = 2 };

/*
 * What the certificate's responder says of it: FINDING_BAD
 * with a whole sentence where it is of no use, or cannot be reached. Returns 0, -ENOMEM, or
 * -EAGAIN with a question.
 */
int responder_judge(struct revocation **state, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		    unsigned int how, struct finding *out);

#endif /* RESPONDER_H */
