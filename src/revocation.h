/* SPDX-License-Identifier: MIT */
/*
 * Whether the certificates of a chain that is good otherwise were revoked: what the lists
 * (crl.h), a stapled response and the certificate's responder (ocsp.h) say.
 */
#ifndef REVOCATION_H
#define REVOCATION_H

#include "credentials.h"
#include "settings.h"
#include "verify.h"

/* What a session has asked responders, and heard; NULL: nothing. */
struct revocation;

/* REVOCATION_ASK: the session can wait for an answer, as after its handshake it cannot. */
enum { REVOCATION_OF_SERVER = 1, REVOCATION_ASK = 2 };

/*
 * Adds to the verdict of verify_peer(). Returns 0, or -ENOMEM, or -EAGAIN: a responder is to
 * be asked first, see revocation_question(); after the answer it is called again.
 */
int revocation_judge(void *session, const struct settings *s, const struct credentials *c,
		     unsigned int flags, struct revocation **state, struct verdict *verdict);

/* What a responder is to be asked; valid until the answer. */
struct revocation_question {
	const char *url;
	const void *request; /* the body of a POST (RFC 6960, appendix A) */
	size_t len;
};

/* Returns false if there is none. */
bool revocation_question(const struct revocation *r, struct revocation_question *out);

/* The response's body, or NULL and a sentence on why there is none. */
void revocation_answer(struct revocation *r, const void *response, size_t len, const char *why);

void revocation_free(struct revocation *r);

#endif /* REVOCATION_H */
