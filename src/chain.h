/* SPDX-License-Identifier: MIT */
/* The chain that a peer has shown, certificate by certificate, and which one a fault is in. */
#ifndef CHAIN_H
#define CHAIN_H

#include "libgnutls.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { CHAIN_MAX = 16 };

struct chain {
	unsigned int count; /* the leaf first; what cannot be parsed ends it */
	gnutls_x509_crt_t crts[CHAIN_MAX];
};

/* At most so many, CHAIN_MAX or fewer. Returns 0, also for a peer that showed none, or -ENOMEM. */
int chain_open(struct chain *chain, gnutls_session_t session, unsigned int most);
void chain_close(struct chain *chain);

/* The place of the certificate that a GNUTLS_CERT_* bit is about; 0, the leaf, if none is. */
unsigned int chain_culprit(const struct chain *chain, unsigned int bit, time_t now);

/* Subject and issuer as text (RFC 4514); "?" where there is none. */
void chain_subject(const struct chain *chain, unsigned int at, char *out, size_t size);
void chain_issuer(const struct chain *chain, unsigned int at, char *out, size_t size);

bool chain_self_issued(const struct chain *chain, unsigned int at);

bool chain_has_weak_key(const struct chain *chain, unsigned int at);

/* What is weak in it, "RSA, 1024 bits"; "" if nothing is. */
void chain_weakness(const struct chain *chain, unsigned int at, char *out, size_t size);

/* The names that the leaf was issued for, a comma list. Returns how many there are. */
unsigned int chain_names(const struct chain *chain, char *out, size_t size);

/* True if one of them is a host name: a subject's common name does not count (RFC 9525, 2). */
bool chain_has_host_name(const struct chain *chain);

/* False if no authority that was shown is for some names only; nothing is parsed. */
bool chain_may_limit_names(gnutls_session_t session);

/*
 * True unless an authority in it is for some directory names only (RFC 5280, 4.2.1.10), and a
 * subject below it has another: GnuTLS looks at names of hosts and addresses.
 */
bool chain_keeps_to_directories(const struct chain *chain);

#endif /* CHAIN_H */
