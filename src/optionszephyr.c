/* SPDX-License-Identifier: MIT */
/* Options of Zephyr's that mean nothing to a stream of ours, and are kept all the same. */
#include "options.h"

#include <errno.h>
#include <tlssock.h>

/* At least 1 ms. */
static int set_timeout(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int64_t before = c->settings->numbers[o->setting];
	int r = options_set_number(c, o, v, len);

	if (r == 0 && c->settings->numbers[o->setting] == 0) {
		c->settings->numbers[o->setting] = before;
		r = -EINVAL;
	}
	return r;
}

static const struct option rows[] = {
	{.name = TLS_DTLS_HANDSHAKE_TIMEOUT_MIN,
	 .early = true,
	 .setting = SETTING_DTLS_TIMEOUT_MIN,
	 .max = UINT32_MAX,
	 .get = options_get_number,
	 .set = set_timeout},
	{.name = TLS_DTLS_HANDSHAKE_TIMEOUT_MAX,
	 .early = true,
	 .setting = SETTING_DTLS_TIMEOUT_MAX,
	 .max = UINT32_MAX,
	 .get = options_get_number,
	 .set = set_timeout},
	{.name = TLS_DTLS_HANDSHAKE_ON_CONNECT,
	 .early = true,
	 .setting = SETTING_DTLS_ON_CONNECT,
	 .max = 1,
	 .get = options_get_number,
	 .set = options_set_number},
	{.name = TLS_CERT_NOCOPY,
	 .early = true,
	 .setting = SETTING_IGNORED,
	 .max = TLS_CERT_NOCOPY_OPTIONAL,
	 .set = options_set_number},
	{.name = TLS_NATIVE,
	 .early = true,
	 .setting = SETTING_IGNORED,
	 .max = 1,
	 .set = options_set_number},
};

const struct option_table options_zephyr = OPTION_TABLE(rows);
