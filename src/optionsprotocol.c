/* SPDX-License-Identifier: MIT */
/* Options that say what a handshake is to agree on, and how it runs. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

static const char *alpn_told(const struct connection *c)
{
	const char *list = settings_text(c->settings, SETTING_ALPN);

	return list ? list : "";
}

static bool valid_protocols(const char *list)
{
	for (int n = 1; n <= ENGINE_ALPN_MOST; n++) {
		size_t len = strcspn(list, ",");

		if (len == 0 || len > ENGINE_ALPN_NAME)
			return false;
		if (!list[len])
			return true;
		list += len + 1;
	}
	return false;
}

static int keep_alpn(struct connection *c, char *list)
{
	int r;

	if (*list && !valid_protocols(list)) {
		free(list);
		return connection_explain(c, -EINVAL, "setsockopt",
					  "TLS_ALPN has 1 to 8 protocols, whose names have 1 to "
					  "31 bytes: GnuTLS has no room for more");
	}
	r = settings_tell(c->settings, SETTING_ALPN, *list ? list : NULL, strlen(list));
	free(list);
	return r;
}

static int set_alpn(struct connection *c, const struct option *o, const void *v, size_t len)
{
	char *list = NULL;
	int r = options_text(&list, v, len);

	(void)o;
	return r < 0 ? r : keep_alpn(c, list);
}

static int set_alpn_list(struct connection *c, const struct option *o, const void *v, size_t len)
{
	const char *const *protocols = v;
	size_t n = len / sizeof(*protocols), size = 1, at = 0;
	char *list;

	(void)o;
	if (len % sizeof(*protocols))
		return -EINVAL;
	for (size_t i = 0; i < n && protocols[i]; i++) {
		if (!protocols[i][0] || strchr(protocols[i], ','))
			return -EINVAL;
		size += strlen(protocols[i]) + 1;
	}
	list = malloc(size);
	if (!list)
		return -ENOMEM;
	list[0] = '\0';
	for (size_t i = 0; i < n && protocols[i]; i++) {
		size_t l = strlen(protocols[i]);

		if (at)
			list[at++] = ',';
		memcpy(list + at, protocols[i], l + 1);
		at += l;
	}
	return keep_alpn(c, list);
}

/* The pointers, and behind them the strings that they point to, in one piece. */
static int get_alpn_list(struct connection *c, const struct option *o, struct option_value *out)
{
	const char *list = alpn_told(c);
	size_t n = *list ? 1 : 0, size = strlen(list) + 1, i = 0;
	const char **block;
	char *text;

	(void)o;
	for (const char *p = list; (p = strchr(p, ',')); p++)
		n++;
	block = malloc((n + 1) * sizeof(*block) + size);
	if (!block)
		return -ENOMEM;
	text = memcpy(block + n + 1, list, size);
	for (char *p = text, *save = NULL; (p = strtok_r(p, ",", &save)); p = NULL)
		block[i++] = p;
	block[i] = NULL;
	free(c->alpn_list);
	c->alpn_list = block;
	return options_value(out, block, (n + 1) * sizeof(*block));
}

static int get_alpn(struct connection *c, const struct option *o, struct option_value *out)
{
	if (c->state == STATE_OPEN)
		return options_engine_text(c, o->name, out);
	return options_text_value(out, alpn_told(c));
}

static int get_handshake_mode(struct connection *c, const struct option *o,
			      struct option_value *out)
{
	bool server = c->server || c->state == STATE_LISTENING;

	(void)o;
	return options_int_value(out, settings_handshake_mode(c->settings, server));
}

static int get_role(struct connection *c, const struct option *o, struct option_value *out)
{
	int64_t told = c->settings->numbers[SETTING_ROLE];
	bool server = c->server || c->state == STATE_LISTENING;

	(void)o;
	return options_int_value(out, told == UNSET ? server : (int)told);
}

static int set_role(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int r = options_set_number(c, o, v, len);

	if (r == 0 && c->upgraded)
		c->server = c->settings->numbers[SETTING_ROLE] == TLS_ROLE_SERVER;
	return r;
}

static int get_timeout(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_int_value(out, (int)settings_timeout(c->settings));
}

static int get_truncation(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_int_value(out, settings_allow_truncation(c->settings));
}

static const struct option rows[] = {
	{.name = TLS_ROLE,
	 .early = true,
	 .setting = SETTING_ROLE,
	 .max = TLS_ROLE_SERVER,
	 .get = get_role,
	 .set = set_role},
	{.name = TLS_DTLS_ROLE,
	 .early = true,
	 .setting = SETTING_ROLE,
	 .max = TLS_ROLE_SERVER,
	 .get = get_role,
	 .set = set_role},
	{.name = TLS_ALPN, .early = true, .agreed = true, .get = get_alpn, .set = set_alpn},
	{.name = TLS_ALPN_LIST, .early = true, .get = get_alpn_list, .set = set_alpn_list},
	{.name = TLS_HANDSHAKE_MODE,
	 .early = true,
	 .setting = SETTING_HANDSHAKE_MODE,
	 .max = TLS_HANDSHAKE_DEFERRED,
	 .get = get_handshake_mode,
	 .set = options_set_number},
	{.name = TLS_HANDSHAKE_TIMEOUT,
	 .setting = SETTING_HANDSHAKE_TIMEOUT,
	 .max = UINT32_MAX,
	 .get = get_timeout,
	 .set = options_set_number},
	{.name = TLS_ALLOW_TRUNCATION,
	 .setting = SETTING_ALLOW_TRUNCATION,
	 .max = 1,
	 .get = get_truncation,
	 .set = options_set_number},
};

const struct option_table options_protocol = OPTION_TABLE(rows);
