/* SPDX-License-Identifier: MIT */
#include "effective.h"

#include "libc.h"
#include "policy.h"

#include <errno.h>
#include <stdio.h>

enum { REASON = 768 };

static int take(struct connection *c, const struct policy_place *place, char *reason, size_t size)
{
	struct settings *effective;
	struct policy_set set;
	int r;

	if (!policy_any())
		return 0;
	r = policy_sections(place, &set, reason, size);
	if (r == 0)
		r = policy_apply(&set, place->server, c->settings, &effective, reason, size);
	/* What held elsewhere, before it was dissolved, does not hold here. */
	settings_put(c->effective);
	c->effective = r < 0 ? NULL : effective;
	if (r == 0)
		c->sections = set;
	return r;
}

int effective_client(struct connection *c, const char *name, const struct sockaddr *sa,
		     char *reason, size_t size)
{
	const struct policy_place place = {.name = name, .address = sa};

	return take(c, &place, reason, size);
}

int effective_server(struct connection *c, int fd, char *reason, size_t size)
{
	struct sockaddr_storage sa = {0};
	struct policy_place place = {.server = true};
	socklen_t len = sizeof(sa);

	if (policy_asks_listeners() && libc.getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		place.address = (struct sockaddr *)&sa;
	return take(c, &place, reason, size);
}

int effective_option(struct connection *c, struct settings *before)
{
	char reason[REASON] = "not enough memory";
	struct settings *effective;
	int role = c->effective || c->state == STATE_LISTENING
			   ? c->server || c->state == STATE_LISTENING
			   : -1;
	int r = policy_check(c->settings, role, reason, sizeof(reason));

	/* What can be told later still, holds at once. */
	if (r == 0 && c->effective) {
		r = policy_apply(&c->sections, role, c->settings, &effective, reason,
				 sizeof(reason));
		if (r == 0) {
			settings_put(c->effective);
			c->effective = effective;
		}
	}
	if (r < 0) {
		settings_put(c->settings);
		c->settings = before;
		return connection_explain(c, r, "setsockopt", reason);
	}
	settings_put(before);
	return 0;
}
