/* SPDX-License-Identifier: MIT */
/* Options whose value takes more than a line to check. */
#include "options.h"

#include "log.h"
#include "tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { MAX_PROTOCOL = 255 }; /* RFC 7301, 3.1 */

int options_text(char **out, const void *v, size_t len)
{
	if (len && ((const char *)v)[len - 1] == '\0')
		len--;
	if (memchr(v, '\0', len))
		return -EINVAL;
	*out = strndup(v, len);
	return *out ? 0 : -ENOMEM;
}

int options_value(struct option_value *out, const void *data, size_t len)
{
	out->data = malloc(len ? len : 1);
	if (!out->data)
		return -ENOMEM;
	if (len)
		memcpy(out->data, data, len);
	out->len = len;
	return 0;
}

static bool valid_protocols(const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (len == 0 || len > MAX_PROTOCOL)
			return false;
		if (!list[len])
			return true;
		list += len + 1;
	}
}

static int keep_alpn(struct connection *c, char *list)
{
	if (*list && !valid_protocols(list)) {
		free(list);
		return -EINVAL;
	}
	free(c->settings->alpn);
	c->settings->alpn = list;
	if (!*list) {
		free(list);
		c->settings->alpn = NULL;
	}
	return 0;
}

int options_set_alpn(struct connection *c, int name, const void *v, size_t len)
{
	char *list = NULL;
	int r = options_text(&list, v, len);

	(void)name;
	return r < 0 ? r : keep_alpn(c, list);
}

int options_set_alpn_list(struct connection *c, int name, const void *v, size_t len)
{
	const char *const *protocols = v;
	size_t n = len / sizeof(*protocols), size = 1, at = 0;
	char *list;

	(void)name;
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
int options_get_alpn_list(struct connection *c, int name, struct option_value *out)
{
	const char *list = c->settings->alpn ? c->settings->alpn : "";
	size_t n = *list ? 1 : 0, size = strlen(list) + 1, i = 0;
	const char **block;
	char *text;

	(void)name;
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

int options_set_credential(struct connection *c, int name, const void *v, size_t len)
{
	static const struct {
		int name;
		enum credential_role role;
	} roles[] = {
		{TLS_TRUSTED_PEER_CERTIFICATES, CREDENTIAL_CA},
		{TLS_CERTIFICATE_CHAIN, CREDENTIAL_CHAIN},
		{TLS_PRIVATE_KEY, CREDENTIAL_KEY},
	};
	enum credential_role role = CREDENTIAL_CA;
	struct credential_spec spec = {0};
	char *text = NULL;
	int r = options_text(&text, v, len);

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].name == name)
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

static int add_tagged(int type, const void *data, size_t len, void *arg)
{
	static const enum credential_role roles[] = {
		[TLS_CREDENTIAL_CA_CERTIFICATE] = CREDENTIAL_CA,
		[TLS_CREDENTIAL_PUBLIC_CERTIFICATE] = CREDENTIAL_CHAIN,
		[TLS_CREDENTIAL_PRIVATE_KEY] = CREDENTIAL_KEY,
	};

	if (type > TLS_CREDENTIAL_PRIVATE_KEY) {
		log_line(LEVEL_ERROR, "setsockopt: this version has no pre-shared keys");
		return -EINVAL;
	}
	return credential_spec_add_content(arg, roles[type], data, len);
}

int options_set_tags(struct connection *c, int name, const void *v, size_t len)
{
	struct credential_spec spec = {0};
	size_t n = len / sizeof(sec_tag_t);
	sec_tag_t *tags;
	int r = 0;

	(void)name;
	if (n == 0 || len % sizeof(sec_tag_t))
		return -EINVAL;
	tags = malloc(len);
	if (!tags)
		return -ENOMEM;
	memcpy(tags, v, len);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = tags_each(tags[i], add_tagged, &spec);
	if (r < 0)
		credential_spec_fini(&spec);
	else
		r = commit(c, &spec);
	if (r < 0) {
		free(tags);
		return r;
	}
	free(c->settings->tags);
	c->settings->tags = tags;
	c->settings->tag_count = n;
	return 0;
}
