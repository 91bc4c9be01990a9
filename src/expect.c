/* SPDX-License-Identifier: MIT */
#include "expect.h"

#include "libc.h"
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <tlssock.h>

const char expect_unclear[] =
	"this address was resolved from several names, and which of them is meant cannot be "
	"told: set TLS_HOSTNAME";

int expect_name(struct connection *c, const struct sockaddr *sa, char *name, bool *none)
{
	const struct setting *hostname = &c->settings->values[SETTING_HOSTNAME];
	int r;

	*none = false;
	if (hostname->told) {
		*none = !hostname->data;
		snprintf(name, EXPECT_SIZE, "%s", *none ? "" : (const char *)hostname->data);
		return 0;
	}
	r = names_find(sa, name, EXPECT_SIZE);
	if (r == 0)
		names_format(sa, 0, name, EXPECT_SIZE);
	if (r >= 0)
		return 0;
	if (settings_peer_verify(c->settings, false) == TLS_PEER_VERIFY_NONE) {
		*none = true;
		return 0;
	}
	return -EPROTO;
}
