/* SPDX-License-Identifier: MIT */
#include "settled.h"
#include "unit.h"

#include <string.h>

char settled_reason[768];

struct policy *settled_policy(const char *text)
{
	struct policy *p = NULL;

	assert_int_equal(policy_parse("/a/policy", text, strlen(text), &p), 0);
	if (p->error_count)
		fail_msg("line %d: %s", p->errors[0].line, p->errors[0].text);
	return p;
}

/* Settles what was told by the sections that hold for a place. */
int settled_at(const struct policy *p, const struct policy_place *place, struct settings *told,
	       struct settings **out)
{
	struct policy_values values;
	struct policy_set set;

	policy_find(p, "/bin/program", place, &set);
	policy_take(p, &set, &values);
	*out = NULL;
	settled_reason[0] = '\0';
	return policy_settle(p, &values, place->server, told, out, settled_reason,
			     sizeof(settled_reason));
}

int settled(const char *text, bool server, struct settings *told, struct settings **out)
{
	const struct policy_place place = {.server = server};
	struct policy *p = settled_policy(text);
	int r = settled_at(p, &place, told, out);

	policy_free(p);
	return r;
}
