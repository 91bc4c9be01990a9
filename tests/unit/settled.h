/* SPDX-License-Identifier: MIT */
/* settled.h - what a policy's text makes of settings, in the program /bin/program. */
#ifndef TEST_SETTLED_H
#define TEST_SETTLED_H

#include "policyapply.h"

enum { CLIENT = 0, SERVER = 1 };

/* The last refusal; "" if there was none. */
extern char settled_reason[768];

/* A policy without an error. */
struct policy *settled_policy(const char *text);

/* policy_settle() by the sections that hold for a place; and for any place of a role. */
int settled_at(const struct policy *p, const struct policy_place *place, struct settings *told,
	       struct settings **out);
int settled(const char *text, bool server, struct settings *told, struct settings **out);

#endif /* TEST_SETTLED_H */
