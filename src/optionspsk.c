/* SPDX-License-Identifier: MIT */
/* Options of keys that both ends share. */
#include "options.h"

#include "psk.h"

#include <errno.h>
#include <string.h>
#include <tlssock.h>

static int refuse(struct connection *c, const char *what)
{
	return connection_explain(c, -EINVAL, "setsockopt", what);
}

static int set_key(struct connection *c, const struct option *o, const void *v, size_t len)
{
	(void)o;
	if (psk_check_key(len) < 0)
		return refuse(c, "a pre-shared key has 1 to 512 bytes");
	return settings_tell(c->settings, SETTING_PSK, v, len);
}

static int set_identity(struct connection *c, const struct option *o, const void *v, size_t len)
{
	(void)o;
	if (psk_check_identity(v, &len) < 0)
		return refuse(c, "the identity of a pre-shared key has 1 to 128 bytes, and no NUL");
	return settings_tell(c->settings, SETTING_PSK_IDENTITY, v, len);
}

static int get_identity(struct connection *c, const struct option *o, struct option_value *out)
{
	const char *told = settings_text(c->settings, SETTING_PSK_IDENTITY);
	char text[PSK_MAX_IDENTITY + 1];
	struct psk psk;

	if (c->state == STATE_OPEN)
		return options_engine_text(c, o->name, out);
	if (told)
		return options_text_value(out, told);
	if (!psk_first(c->settings, &psk))
		return -ENOTCONN;
	memcpy(text, psk.identity, psk.identity_len);
	text[psk.identity_len] = '\0';
	return options_text_value(out, text);
}

static const struct option rows[] = {
	{.name = TLS_PSK, .early = true, .set = set_key},
	{.name = TLS_PSK_IDENTITY,
	 .early = true,
	 .agreed = true,
	 .get = get_identity,
	 .set = set_identity},
};

const struct option_table options_psk = OPTION_TABLE(rows);
