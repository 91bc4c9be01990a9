/* SPDX-License-Identifier: MIT */
/* Options that say how it is found out whether a peer's certificate was revoked. */
#include "options.h"

#include "staple.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

static int get_switch(struct connection *c, const struct option *o, struct option_value *out)
{
	int64_t value = c->settings->numbers[o->setting];

	if (value == UNSET)
		value = o->name != TLS_OCSP_CHECKS;
	return options_int_value(out, (int)value);
}

/* What it is worth is told when the chain is shown; what it is, now. */
static int set_response(struct connection *c, const struct option *o, const void *v, size_t len)
{
	char reason[512], *text = NULL;
	const struct reason why = {reason, sizeof(reason)};
	int r = options_text(&text, v, len);

	if (r < 0)
		return r;
	if (!credential_spec_has(&c->settings->spec, CREDENTIAL_CHAIN)) {
		r = -EINVAL;
		snprintf(reason, sizeof(reason), "no certificate was set before the OCSP response");
	} else {
		r = *text ? staple_check(text, &why) : -EINVAL;
		if (!*text)
			snprintf(reason, sizeof(reason), "the OCSP response's name is empty");
	}
	free(text);
	if (r < 0)
		return connection_explain(c, r, "setsockopt", reason);
	return options_set_credential(c, o, v, len);
}

#define SWITCH(option, number, most)                                                               \
	{                                                                                          \
		.name = (option), .early = true, .setting = (number), .max = (most),               \
		.get = get_switch, .set = options_set_number,                                      \
	}

static const struct option rows[] = {
	SWITCH(TLS_REVOCATION_CHECKS, SETTING_REVOCATION, TLS_REVOCATION_HARD),
	SWITCH(TLS_OCSP_STAPLED_CHECKS, SETTING_OCSP_STAPLED, 1),
	SWITCH(TLS_OCSP_CHECKS, SETTING_OCSP, 1),
	SWITCH(TLS_CRL_CHECKS, SETTING_CRL, 1),
	SWITCH(TLS_CACHED_REV_CHECKS, SETTING_CACHED_REVOCATION, 1),
	SWITCH(TLS_SERVER_OCSP_STAPLING, SETTING_SERVER_STAPLING, 1),
	{.name = TLS_OCSP_RESPONSE, .early = true, .set = set_response},
};

const struct option_table options_revocation = OPTION_TABLE(rows);
