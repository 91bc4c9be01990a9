/* SPDX-License-Identifier: MIT */
/* Options that bind other protocols to the connection: keys and names derived from it. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { MAX_EXPORT = 1 << 16, MAX_LABEL = 249 }; /* RFC 8446, 7.1: "tls13 " and a label in 255 */

static const char *const bindings[] = {"tls-exporter", "tls-server-end-point", "tls-unique"};

static int set_binding(struct connection *c, const struct option *o, const void *v, size_t len)
{
	char *text = NULL;
	int r = options_text(&text, v, len), found = -EINVAL;

	(void)o;
	for (int i = 0; r == 0 && i < (int)(sizeof(bindings) / sizeof(bindings[0])); i++)
		if (strcmp(text, bindings[i]) == 0)
			found = i;
	free(text);
	if (r < 0 || found < 0)
		return r < 0 ? r : found;
	c->settings->numbers[SETTING_CHANNEL_BINDING] = found;
	return 0;
}

static int get_binding(struct connection *c, const struct option *o, struct option_value *out)
{
	int64_t told = c->settings->numbers[SETTING_CHANNEL_BINDING];

	(void)o;
	return engine_channel_binding(c->engine, bindings[told == UNSET ? 0 : told], &out->data,
				      &out->len);
}

/* A label, and behind its NUL a context, which may be any bytes. */
static int set_exporter(struct connection *c, const struct option *o, const void *v, size_t len)
{
	size_t label = strnlen(v, len);

	(void)o;
	if (label == 0 || label > MAX_LABEL)
		return -EINVAL;
	return settings_tell(c->settings, SETTING_EXPORTER, v, len);
}

static int get_exporter(struct connection *c, const struct option *o, struct option_value *out)
{
	const struct setting *told = &c->settings->values[SETTING_EXPORTER];
	size_t n = out->len < MAX_EXPORT ? out->len : MAX_EXPORT;

	(void)o;
	if (!told->data || n == 0)
		return -EINVAL;
	out->data = malloc(n);
	if (!out->data)
		return -ENOMEM;
	out->len = n;
	return engine_export(c->engine, told->data, told->len, out->data, n);
}

static int get_certificate(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return engine_peer_certificate(c->engine, &out->data, &out->len);
}

static int get_server_name(struct connection *c, const struct option *o, struct option_value *out)
{
	if (!c->server)
		return -ENOTCONN;
	return options_engine_text(c, o->name, out);
}

static const struct option rows[] = {
	{.name = TLS_SERVER_NAME, .fact = true, .get = get_server_name},
	{.name = TLS_CHANNEL_BINDING, .fact = true, .get = get_binding, .set = set_binding},
	{.name = TLS_EXPORTER, .fact = true, .get = get_exporter, .set = set_exporter},
	{.name = TLS_PEER_CERTIFICATE, .fact = true, .get = get_certificate},
};

const struct option_table options_keys = OPTION_TABLE(rows);
