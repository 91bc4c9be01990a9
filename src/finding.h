/* SPDX-License-Identifier: MIT */
/* What one source, a CRL or an OCSP response, says of one certificate. */
#ifndef FINDING_H
#define FINDING_H

#include <stddef.h>
#include <time.h>

enum finding_state {
	FINDING_NONE, /* nothing */
	FINDING_GOOD, /* it vouches for the certificate */
	FINDING_REVOKED,
	FINDING_BAD, /* it cannot be used; text says why */
};

struct finding {
	enum finding_state state;
	time_t until; /* of FINDING_GOOD: when it must be renewed; 0: it does not say */
	/*
	 * Of FINDING_REVOKED what follows the certificate's name: "was revoked on …". Of
	 * FINDING_BAD, of an OCSP response, what follows its name; else a sentence.
	 */
	char text[320];
};

/* Clocks differ: what is so much younger than now is not from the future. Seconds. */
enum { FINDING_SKEW = 300 };

enum { FINDING_DATE = 32 };

/* A date for the texts: "2026-01-31 12:00 UTC". Returns out. */
const char *finding_date(time_t t, char out[FINDING_DATE]);

void finding_set(struct finding *f, enum finding_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* FINDING_H */
