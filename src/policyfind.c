/* SPDX-License-Identifier: MIT */
/* Which sections of a policy hold. */
#include "policyapply.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool matches_program(const struct policy_section *s, const char *program)
{
	const char *list = s->matches[POLICY_MATCH_PROGRAM];

	return !list || policy_match_program(list, program);
}

static unsigned int port_of(const struct sockaddr *sa)
{
	/* It stands at the same place in both. */
	return sa ? ntohs(((const struct sockaddr_in *)sa)->sin_port) : 0;
}

static bool matches_place(const struct policy_section *s, const struct policy_place *place)
{
	const char *host = s->matches[POLICY_MATCH_HOST];
	const char *address = s->matches[POLICY_MATCH_ADDRESS];
	const char *port = s->matches[POLICY_MATCH_PORT];

	if (s->kind == POLICY_ALL || s->kind == POLICY_PROGRAM)
		return true;
	if (!place || place->server != (s->kind == POLICY_LISTENER))
		return false;
	return (!host || policy_match_host(host, place->name)) &&
	       (!address || policy_match_address(address, place->address, place->server)) &&
	       (!port || policy_match_port(port, port_of(place->address)));
}

void policy_find(const struct policy *p, const char *program, const struct policy_place *place,
		 struct policy_set *set)
{
	*set = (struct policy_set){{0}};
	for (size_t i = 0; i < p->count; i++)
		if (matches_program(&p->sections[i], program) &&
		    matches_place(&p->sections[i], place))
			set->bits[i / 64] |= UINT64_C(1) << i % 64;
}

void policy_take(const struct policy *p, const struct policy_set *set, struct policy_values *out)
{
	const struct policy_section *s;

	*out = (struct policy_values){.may = INT64_C(1) << POLICY_CERTIFICATE};
	for (size_t i = 0; i < p->count; i++) {
		s = &p->sections[i];
		if (!(set->bits[i / 64] >> i % 64 & 1))
			continue;
		for (int k = 0; k < POLICY_KEYS; k++)
			if (s->values[k].line) {
				out->of[k] = &s->values[k];
				out->from[k] = s;
			}
	}
	if (out->of[POLICY_OVERRIDE])
		out->may = out->of[POLICY_OVERRIDE]->number;
	/* A key is its certificate's. */
	s = out->from[POLICY_CERTIFICATE];
	out->from[POLICY_KEY] = s && s->values[POLICY_KEY].line ? s : NULL;
	out->of[POLICY_KEY] = out->from[POLICY_KEY] ? &s->values[POLICY_KEY] : NULL;
}

void policy_leave_certain(const struct policy *p, const char *program, struct policy_values *v)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct policy_section *s = &p->sections[i];

		if (s->kind == POLICY_ALL || s->kind == POLICY_PROGRAM ||
		    !matches_program(s, program))
			continue;
		for (int k = 0; k < POLICY_KEYS; k++)
			if (s->values[k].line)
				v->of[k] = NULL;
		if (s->values[POLICY_OVERRIDE].line)
			v->may |= s->values[POLICY_OVERRIDE].number;
	}
}
