/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "handshake.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

static int get_text(struct option_value *out, const char *text)
{
	return options_value(out, text, strlen(text) + 1);
}

static int get_int(struct option_value *out, int value)
{
	return options_value(out, &value, sizeof(value));
}

/* A fact that the engine tells as text. */
static int get_fact(struct connection *c, int name, struct option_value *out)
{
	char *text = NULL;
	int r = engine_text(c->engine, name, &text);

	if (r == 0)
		*out = (struct option_value){text, strlen(text) + 1};
	return r;
}

static int get_hostname(struct connection *c, int name, struct option_value *out)
{
	if (c->server && c->state == STATE_OPEN)
		return get_fact(c, TLS_HOSTNAME, out);
	(void)name;
	return c->settings->hostname ? get_text(out, c->settings->hostname) : -ENOTCONN;
}

static int set_hostname(struct connection *c, int name, const void *v, size_t len)
{
	char *text = NULL;
	size_t n;
	int r = v && len ? options_text(&text, v, len) : 0;

	(void)name;
	if (r < 0)
		return r;
	n = text ? strlen(text) : 0;
	if (n > 255) {
		free(text);
		return -EINVAL;
	}
	/* The root's dot is not part of the name on the wire (RFC 6066, 3). */
	if (n && text[n - 1] == '.')
		text[--n] = '\0';
	/* Only nothing at all switches the check off, not a text that says nothing. */
	if (text && n == 0) {
		free(text);
		return -EINVAL;
	}
	free(c->settings->hostname);
	c->settings->hostname = text;
	c->settings->hostname_set = true;
	return 0;
}

static int get_alpn(struct connection *c, int name, struct option_value *out)
{
	if (c->state == STATE_OPEN)
		return get_fact(c, name, out);
	return get_text(out, c->settings->alpn ? c->settings->alpn : "");
}

static int get_chain(struct connection *c, int name, struct option_value *out)
{
	const char *chain = credential_spec_last(&c->settings->spec, CREDENTIAL_CHAIN);

	(void)name;
	return chain ? get_text(out, chain) : -ENOTCONN;
}

static int get_tags(struct connection *c, int name, struct option_value *out)
{
	(void)name;
	return options_value(out, c->settings->tags,
			     c->settings->tag_count * sizeof(*c->settings->tags));
}

static int get_error(struct connection *c, int name, struct option_value *out)
{
	(void)name;
	return get_text(out, c->error_text ? c->error_text : "");
}

static int get_info(struct connection *c, int name, struct option_value *out)
{
	struct tls_info info;

	(void)name;
	engine_info(c->engine, &info);
	return options_value(out, &info, sizeof(info));
}

static int get_version(struct connection *c, int name, struct option_value *out)
{
	struct tls_info info;

	(void)name;
	engine_info(c->engine, &info);
	return get_int(out, (int)info.version);
}

/* The ints of the settings: where, and up to what. Each row of rows[] has one. */
struct int_row {
	int name;
	size_t offset;
	int max;
};

static const struct int_row ints[] = {
	{TLS_PEER_VERIFY, offsetof(struct settings, peer_verify), TLS_PEER_VERIFY_REQUIRED},
	{TLS_HANDSHAKE_MODE, offsetof(struct settings, handshake_mode), TLS_HANDSHAKE_DEFERRED},
	{TLS_ALLOW_TRUNCATION, offsetof(struct settings, allow_truncation), 1},
};

static const struct int_row *find_int(int name)
{
	const struct int_row *row = ints;

	while (row->name != name)
		row++;
	return row;
}

static int get_setting(struct connection *c, int name, struct option_value *out)
{
	bool server = c->server || c->state == STATE_LISTENING;
	int value;

	if (name == TLS_PEER_VERIFY)
		value = settings_peer_verify(c->settings, server);
	else if (name == TLS_HANDSHAKE_MODE)
		value = settings_handshake_mode(c->settings, server);
	else
		value = c->settings->allow_truncation;
	return get_int(out, value);
}

static int set_setting(struct connection *c, int name, const void *v, size_t len)
{
	const struct int_row *row = find_int(name);
	int value;

	if (len != sizeof(value))
		return -EINVAL;
	memcpy(&value, v, sizeof(value));
	if (value < 0 || value > row->max)
		return -EINVAL;
	memcpy((char *)c->settings + row->offset, &value, sizeof(value));
	return 0;
}

static int get_timeout(struct connection *c, int name, struct option_value *out)
{
	(void)name;
	return options_value(out, &c->settings->handshake_timeout_ms, sizeof(unsigned int));
}

static int set_timeout(struct connection *c, int name, const void *v, size_t len)
{
	(void)name;
	if (len != sizeof(unsigned int))
		return -EINVAL;
	memcpy(&c->settings->handshake_timeout_ms, v, len);
	return 0;
}

static int get_want(struct connection *c, int name, struct option_value *out)
{
	(void)name;
	if (c->state == STATE_CONNECTING)
		return get_int(out, POLLOUT);
	return get_int(out, c->state == STATE_HANDSHAKE ? handshake_want(c) : 0);
}

static const struct option rows[] = {
	{.name = TLS_SEC_TAG_LIST, .early = true, .get = get_tags, .set = options_set_tags},
	{.name = TLS_HOSTNAME_ZEPHYR, .early = true, .set = set_hostname},
	{.name = TLS_PEER_VERIFY, .early = true, .get = get_setting, .set = set_setting},
	{.name = TLS_ALPN_LIST,
	 .early = true,
	 .get = options_get_alpn_list,
	 .set = options_set_alpn_list},
	{.name = TLS_HOSTNAME, .early = true, .get = get_hostname, .set = set_hostname},
	{.name = TLS_TRUSTED_PEER_CERTIFICATES, .early = true, .set = options_set_credential},
	{.name = TLS_CERTIFICATE_CHAIN,
	 .early = true,
	 .get = get_chain,
	 .set = options_set_credential},
	{.name = TLS_PRIVATE_KEY, .early = true, .set = options_set_credential},
	{.name = TLS_ALPN, .early = true, .get = get_alpn, .set = options_set_alpn},
	{.name = TLS_PEER_IDENTITY, .fact = true, .get = get_fact},
	{.name = TLS_PEER_CERTIFICATE_CHAIN, .fact = true, .get = get_fact},
	{.name = TLS_CHOSEN_CIPHER, .fact = true, .get = get_fact},
	{.name = TLS_ERROR, .get = get_error},
	{.name = TLS_CHOSEN_VERSION, .fact = true, .get = get_version},
	{.name = TLS_INFO, .fact = true, .prefix = true, .get = get_info},
	{.name = TLS_HANDSHAKE_MODE, .early = true, .get = get_setting, .set = set_setting},
	{.name = TLS_HANDSHAKE_TIMEOUT, .get = get_timeout, .set = set_timeout},
	{.name = TLS_WANT, .get = get_want},
	{.name = TLS_ALLOW_TRUNCATION, .get = get_setting, .set = set_setting},
};

const struct option *options_find(int name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].name == name)
			return &rows[i];
	return NULL;
}
