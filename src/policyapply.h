/* SPDX-License-Identifier: MIT */
/* Which sections of a policy hold where, and what becomes of a socket's settings by them. */
#ifndef POLICYAPPLY_H
#define POLICYAPPLY_H

#include "policyfile.h"

/* Where a socket is used. */
struct policy_place {
	bool server;
	const char *name;		/* whom a client speaks to; NULL: not known */
	const struct sockaddr *address; /* a client's peer's, a server's own; NULL: not known */
};

/* What holds of each key, NULL: nothing; and from which section. */
struct policy_values {
	const struct policy_value *of[POLICY_KEYS];
	const struct policy_section *from[POLICY_KEYS];
	int64_t may; /* bits by key: what a program may override */
};

/* The sections for a program and a place; place NULL: those that hold wherever it is. */
void policy_find(const struct policy *p, const char *program, const struct policy_place *place,
		 struct policy_set *set);

/* The last section in the file that has a key decides. */
void policy_take(const struct policy *p, const struct policy_set *set, struct policy_values *out);

/* Leaves out what another section may decide, once the place is known. */
void policy_leave_certain(const struct policy *p, const char *program, struct policy_values *v);

/*
 * Gives a reference on settings that the policy allows: those that were told, or a copy
 * with what it adds. -EPROTO with the reason where a program asks for less than it
 * demands; -ENOMEM.
 */
int policy_settle(const struct policy *p, const struct policy_values *v, bool server,
		  struct settings *told, struct settings **out, char *reason, size_t size);

#endif /* POLICYAPPLY_H */
