/* SPDX-License-Identifier: MIT */
/* Options that say what to show, what to trust, and whom to expect. */
#include "options.h"

#include "psk.h"
#include "tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

static int get_hostname(struct connection *c, const struct option *o, struct option_value *out)
{
	const char *hostname = settings_text(c->settings, SETTING_HOSTNAME);

	if (c->server && c->state == STATE_OPEN)
		return options_engine_text(c, TLS_HOSTNAME, out);
	(void)o;
	return hostname ? options_text_value(out, hostname) : -ENOTCONN;
}

static int set_hostname(struct connection *c, const struct option *o, const void *v, size_t len)
{
	char *text = NULL;
	size_t n;
	int r = v && len ? options_text(&text, v, len) : 0;

	(void)o;
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
	r = settings_tell(c->settings, SETTING_HOSTNAME, text, n);
	free(text);
	return r;
}

static int get_chain(struct connection *c, const struct option *o, struct option_value *out)
{
	const struct credential_spec *spec = &c->settings->spec;

	(void)o;
	for (size_t i = spec->count; i > 0; i--) {
		const struct credential_item *item = &spec->items[i - 1];

		/* Of a tag it may be DER, which is no text. */
		if (item->role == CREDENTIAL_CHAIN)
			return options_value(out, item->data,
					     item->len + (item->kind != CREDENTIAL_DER));
	}
	return -ENOTCONN;
}

static int get_tags(struct connection *c, const struct option *o, struct option_value *out)
{
	const struct setting *tags = &c->settings->values[SETTING_TAGS];

	(void)o;
	return options_value(out, tags->data, tags->len);
}

static int get_peer_verify(struct connection *c, const struct option *o, struct option_value *out)
{
	bool server = c->server || c->state == STATE_LISTENING;

	(void)o;
	return options_int_value(out, settings_peer_verify(c->settings, server));
}

/* Puts the new list in place if everything in it can be used. */
static int commit(struct connection *c, struct credential_spec *spec)
{
	char reason[512] = "not enough memory";
	struct credentials *credentials = NULL;
	int r = credentials_get(spec, &credentials, reason, sizeof(reason));

	credentials_put(credentials);
	if (r < 0) {
		credential_spec_fini(spec);
		return connection_explain(c, r, "setsockopt", reason);
	}
	credential_spec_fini(&c->settings->spec);
	c->settings->spec = *spec;
	return 0;
}

int options_set_credential(struct connection *c, const struct option *o, const void *v, size_t len)
{
	static const struct {
		int name;
		enum credential_role role;
	} roles[] = {
		{TLS_TRUSTED_PEER_CERTIFICATES, CREDENTIAL_CA},
		{TLS_CERTIFICATE_CHAIN, CREDENTIAL_CHAIN},
		{TLS_PRIVATE_KEY, CREDENTIAL_KEY},
		{TLS_KEY_PASSPHRASE_FILE, CREDENTIAL_PASSPHRASE},
		{TLS_OCSP_RESPONSE, CREDENTIAL_OCSP},
		{TLS_CRL, CREDENTIAL_CRL},
	};
	enum credential_role role = CREDENTIAL_CA;
	struct credential_spec spec = {0};
	char *text = NULL;
	int r = options_text(&text, v, len);

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].name == o->name)
			role = roles[i].role;
	if (r < 0)
		return r;
	r = credential_spec_copy(&spec, &c->settings->spec);
	if (r == 0 && role == CREDENTIAL_CA)
		credential_spec_drop(&spec, role);
	if (r == 0)
		r = credential_spec_add(&spec, role, text, strlen(text));
	explicit_bzero(text, strlen(text));
	free(text);
	if (r < 0) {
		credential_spec_fini(&spec);
		return r;
	}
	return commit(c, &spec);
}

/* What the tags of a list have. */
struct tagged {
	struct credential_spec spec;
	struct psk_list psks;
};

static int add_tagged(int type, const void *data, size_t len, void *arg)
{
	static const enum credential_role roles[] = {
		[TLS_CREDENTIAL_CA_CERTIFICATE] = CREDENTIAL_CA,
		[TLS_CREDENTIAL_PUBLIC_CERTIFICATE] = CREDENTIAL_CHAIN,
		[TLS_CREDENTIAL_PRIVATE_KEY] = CREDENTIAL_KEY,
	};

	struct tagged *tagged = arg;

	if (type == TLS_CREDENTIAL_PSK)
		return psk_list_key(&tagged->psks, data, len);
	if (type == TLS_CREDENTIAL_PSK_ID)
		return psk_list_identity(&tagged->psks, data, len);
	return credential_spec_add_content(&tagged->spec, roles[type], data, len);
}

static int add_tags(struct connection *c, struct tagged *tagged, const sec_tag_t *tags, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = tags_each(tags[i], add_tagged, tagged);
		if (r == 0 && tagged->psks.halves % 2)
			r = -EINVAL;
		if (r == -EINVAL)
			connection_explain(
				c, r, "setsockopt",
				"a tag has a pre-shared key without its identity, or one "
				"of these is empty or too long");
	}
	return r;
}

/* They take the place of all that was told before. */
static int take_tagged(struct connection *c, struct tagged *tagged)
{
	int r = commit(c, &tagged->spec);

	if (r < 0)
		return r;
	settings_forget(c->settings, SETTING_PSK);
	settings_forget(c->settings, SETTING_PSK_IDENTITY);
	return settings_tell(c->settings, SETTING_PSK_LIST, tagged->psks.data, tagged->psks.len);
}

static int set_tags(struct connection *c, const struct option *o, const void *v, size_t len)
{
	struct tagged tagged = {0};
	size_t n = len / sizeof(sec_tag_t);
	sec_tag_t *tags;
	int r;

	(void)o;
	if (n == 0 || len % sizeof(sec_tag_t))
		return -EINVAL;
	tags = malloc(len);
	if (!tags)
		return -ENOMEM;
	memcpy(tags, v, len);
	r = add_tags(c, &tagged, tags, n);
	if (r < 0)
		credential_spec_fini(&tagged.spec);
	else
		r = take_tagged(c, &tagged);
	psk_list_fini(&tagged.psks);
	if (r == 0)
		r = settings_tell(c->settings, SETTING_TAGS, tags, len);
	free(tags);
	return r;
}

/* The lock of the connection is held: its other calls wait for the files. */
static int reload(struct connection *c, int fd, const void *v, size_t len)
{
	char reason[512] = "not enough memory";
	int r;

	(void)fd;
	(void)v;
	(void)len;
	if (c->state != STATE_LISTENING)
		return -EOPNOTSUPP;
	r = settings_renew(connection_settings(c), true, reason, sizeof(reason));
	return r < 0 ? connection_explain(c, r, "TLS_RELOAD", reason) : 0;
}

static const struct option rows[] = {
	{.name = TLS_SEC_TAG_LIST, .early = true, .get = get_tags, .set = set_tags},
	{.name = TLS_HOSTNAME_ZEPHYR, .early = true, .empty = true, .set = set_hostname},
	{.name = TLS_HOSTNAME,
	 .early = true,
	 .empty = true,
	 .agreed = true,
	 .get = get_hostname,
	 .set = set_hostname},
	{.name = TLS_PEER_VERIFY,
	 .early = true,
	 .setting = SETTING_PEER_VERIFY,
	 .max = TLS_PEER_VERIFY_REQUIRED,
	 .get = get_peer_verify,
	 .set = options_set_number},
	{.name = TLS_TRUSTED_PEER_CERTIFICATES, .early = true, .set = options_set_credential},
	{.name = TLS_CERTIFICATE_CHAIN,
	 .early = true,
	 .get = get_chain,
	 .set = options_set_credential},
	{.name = TLS_PRIVATE_KEY, .early = true, .set = options_set_credential},
	{.name = TLS_KEY_PASSPHRASE_FILE, .early = true, .set = options_set_credential},
	{.name = TLS_UNKNOWN_NAME,
	 .early = true,
	 .setting = SETTING_UNKNOWN_NAME,
	 .max = 1,
	 .get = options_get_number,
	 .set = options_set_number},
	{.name = TLS_CRL, .early = true, .set = options_set_credential},
	{.name = TLS_RELOAD, .empty = true, .act = reload},
};

const struct option_table options_credentials = OPTION_TABLE(rows);
