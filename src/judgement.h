/* SPDX-License-Identifier: MIT */
/*
 * What TLS_CERT_VERIFY_CALLBACK is asked, and what it said. The engine makes it and waits
 * for its end; it is run without the connection's lock, by whoever takes it.
 */
#ifndef JUDGEMENT_H
#define JUDGEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tlssock.h>

struct judgement;

/* For so many certificates. NULL without memory. */
struct judgement *judgement_new(const struct tls_cert_verify_cb *callback, unsigned int count);
void judgement_free(struct judgement *j);

/* Copies the certificate of a place, the leaf's is 0. 0 or -ENOMEM. */
int judgement_show(struct judgement *j, unsigned int at, const void *der, size_t len,
		   uint32_t flags);

/* True for the one caller that is to run it. */
bool judgement_take(struct judgement *j);

/* Calls the program, for each certificate down to the leaf. Returns 0. */
int judgement_run(void *j);

/* It could not be run to its end: somebody else may take it. */
void judgement_drop(void *j);

bool judgement_is_done(const struct judgement *j);

/* What the callback returned, not 0: refuse; and what is left of the flags. */
int judgement_result(const struct judgement *j);
uint32_t judgement_flags(const struct judgement *j);

#endif /* JUDGEMENT_H */
