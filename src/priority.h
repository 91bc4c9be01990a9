/* SPDX-License-Identifier: MIT */
/*
 * From settings to what GnuTLS calls priorities: the versions, cipher suites and groups of
 * a session. Parsed once for all sockets that were told the same.
 */
#ifndef PRIORITY_H
#define PRIORITY_H

#include "settings.h"

struct priority;

/* How many suites a list can have. */
enum { PRIORITY_SUITES = 256 };

/*
 * Gives a reference. Returns 0; -EINVAL for what GnuTLS does not know, -EPROTO where
 * nothing is left to agree on, -ENOMEM. On failure reason says which.
 */
int priority_get(const struct settings *s, struct priority **out, char *reason, size_t size);
struct priority *priority_ref(struct priority *p);
void priority_put(struct priority *p);

/* The gnutls_priority_t, valid while p is. */
void *priority_gnutls(const struct priority *p);

/* The suites, IANA's numbers, best first. Returns how many. */
size_t priority_suites(const struct priority *p, const uint16_t **ids);

/*
 * True if a session may have the suite. GnuTLS knows suites by their parts only, so that
 * of a list that was told more can come to be agreed on.
 */
bool priority_allows(const struct priority *p, unsigned int id);

/* The versions that hold: protocol, settings and floor taken together, as TLS_1_2. */
int priority_min_version(const struct settings *s);
int priority_max_version(const struct settings *s);

/* For fork: nobody is in the middle of it. */
void priority_lock(void);
void priority_unlock(void);

#endif /* PRIORITY_H */
