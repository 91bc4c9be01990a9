/* SPDX-License-Identifier: MIT */
/* Options that say which versions, cipher suites and groups a handshake may agree on. */
#include "options.h"

#include "ciphersuites.h"
#include "priority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { REASON = 256 };

/*
 * Keeps a text if GnuTLS can make something of all that holds then, else all is as it was.
 * NULL: the default again.
 */
static int tell(struct connection *c, enum setting_value which, const char *text)
{
	struct setting *value = &c->settings->values[which], before = *value;
	char reason[REASON];
	struct priority *p;
	int r;

	*value = (struct setting){0};
	r = text ? settings_tell(c->settings, which, text, strlen(text)) : 0;
	if (r == 0) {
		r = priority_get(c->settings, &p, reason, sizeof(reason));
		if (r == 0) {
			priority_put(p);
			free(before.data);
			return 0;
		}
		connection_explain(c, r, "setsockopt", reason);
	}
	free(value->data);
	*value = before;
	return r;
}

static int set_text(struct connection *c, const struct option *o, const void *v, size_t len)
{
	char *text = NULL;
	int r = options_text(&text, v, len);

	if (r == 0)
		r = tell(c, (enum setting_value)o->setting, *text ? text : NULL);
	free(text);
	return r;
}

static int get_text(struct connection *c, const struct option *o, struct option_value *out)
{
	const char *text = settings_text(c->settings, (enum setting_value)o->setting);

	return options_text_value(out, text ? text : "");
}

/* The suites that may be agreed on now, for a getter. */
static int current(struct connection *c, struct priority **p)
{
	char reason[REASON];

	return priority_get(c->settings, p, reason, sizeof(reason));
}

static int get_list(struct connection *c, const struct option *o, struct option_value *out)
{
	int list[PRIORITY_SUITES];
	struct priority *p;
	const uint16_t *ids;
	size_t n;
	int r = current(c, &p);

	(void)o;
	if (r < 0)
		return r;
	n = priority_suites(p, &ids);
	for (size_t i = 0; i < n; i++)
		list[i] = ids[i];
	r = options_value(out, list, n * sizeof(*list));
	priority_put(p);
	return r;
}

/* Writes suites as a colon list of IANA's names. Returns it, or NULL without memory. */
static char *names_of(const uint16_t *ids, size_t n)
{
	struct ciphersuite suite;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (ciphersuite_by_id(ids[i], &suite) == 0)
			fprintf(f, "%s%s", i ? ":" : "", suite.name);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

static int tell_suites(struct connection *c, enum setting_value which, const uint16_t *ids,
		       size_t n)
{
	char *names = n ? names_of(ids, n) : NULL;
	int r = n && !names ? -ENOMEM : tell(c, which, names);

	free(names);
	return r;
}

static int set_list(struct connection *c, const struct option *o, const void *v, size_t len)
{
	size_t n = len / sizeof(int);
	uint16_t ids[PRIORITY_SUITES];
	struct ciphersuite suite;
	int id;

	(void)o;
	if (len % sizeof(int) || n > PRIORITY_SUITES)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		memcpy(&id, (const char *)v + i * sizeof(id), sizeof(id));
		if (ciphersuite_by_id((unsigned int)id, &suite) < 0)
			return connection_explain(c, -EINVAL, "setsockopt",
						  "a cipher suite's number that is not known, or "
						  "of one that is refused");
		ids[i] = suite.id;
	}
	settings_forget(c->settings, SETTING_CIPHERS_DISABLED);
	return tell_suites(c, SETTING_CIPHERS_ENABLED, ids, n);
}

static int get_names(struct connection *c, const struct option *o, struct option_value *out)
{
	struct priority *p;
	const uint16_t *ids;
	int r = current(c, &p);
	size_t n;
	char *text;

	(void)o;
	if (r < 0)
		return r;
	n = priority_suites(p, &ids);
	text = names_of(ids, n);
	priority_put(p);
	if (!text)
		return -ENOMEM;
	*out = (struct option_value){text, strlen(text) + 1};
	return 0;
}

/* The list that holds becomes the list that was told, with one more or one less. */
static int change_list(struct connection *c, const struct option *o, const void *v, size_t len)
{
	bool enable = o->name == TLS_ENABLE_CIPHER;
	uint16_t list[PRIORITY_SUITES + 1];
	struct ciphersuite suite;
	struct priority *p;
	const uint16_t *ids;
	size_t n, kept = 0;
	bool changed;
	char *name = NULL;
	int r = options_text(&name, v, len);

	if (r == 0 && ciphersuite_by_name(name, strlen(name), &suite) < 0)
		r = connection_explain(c, -EINVAL, "setsockopt",
				       "a cipher suite's name that is not known, or of one that "
				       "is refused");
	free(name);
	if (r == 0)
		r = current(c, &p);
	if (r < 0)
		return r;
	n = priority_suites(p, &ids);
	for (size_t i = 0; i < n; i++)
		if (ids[i] != suite.id)
			list[kept++] = ids[i];
	if (enable && !priority_allows(p, suite.id))
		list[kept++] = suite.id;
	changed = enable ? !priority_allows(p, suite.id) : kept < n;
	priority_put(p);
	if (!changed)
		return 0;
	if (kept == 0)
		return connection_explain(c, -EPROTO, "setsockopt", "no cipher suite is left");
	return tell_suites(c, SETTING_CIPHERS_ENABLED, list, kept);
}

static int get_used(struct connection *c, const struct option *o, struct option_value *out)
{
	struct tls_info info;

	(void)o;
	engine_info(c->engine, &info);
	return options_int_value(out, (int)info.cipher);
}

static int get_version(struct connection *c, const struct option *o, struct option_value *out)
{
	return options_int_value(out, o->name == TLS_VERSION_MIN
					      ? priority_min_version(c->settings)
					      : priority_max_version(c->settings));
}

static int set_version(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int64_t before = c->settings->numbers[o->setting];
	int r = options_set_number(c, o, v, len);

	if (r < 0 || priority_min_version(c->settings) <= priority_max_version(c->settings))
		return r;
	c->settings->numbers[o->setting] = before;
	return connection_explain(c, -EINVAL, "setsockopt",
				  "no version is left: TLS 1.2 is the oldest that is served, and "
				  "what socket() asked for holds as well");
}

static int get_fragment(struct connection *c, const struct option *o, struct option_value *out)
{
	int64_t bytes = c->settings->numbers[o->setting];
	int code = 0;

	for (; bytes >= 512; bytes /= 2)
		code++;
	return options_int_value(out, code);
}

/* RFC 6066, 4: 1 to 4 for 2^9 to 2^12 bytes. */
static int set_fragment(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int code, r = options_int(&code, v, len);

	if (r < 0)
		return r;
	if (code < 0 || code > 4)
		return -EINVAL;
	c->settings->numbers[o->setting] = code ? 256 << code : UNSET;
	return 0;
}

static const struct option rows[] = {
	{.name = TLS_CIPHERSUITE_LIST, .early = true, .get = get_list, .set = set_list},
	{.name = TLS_CIPHERSUITE_USED, .fact = true, .get = get_used},
	{.name = TLS_MAX_FRAGMENT_LENGTH,
	 .early = true,
	 .setting = SETTING_MAX_FRAGMENT,
	 .get = get_fragment,
	 .set = set_fragment},
	{.name = TLS_DISABLE_CIPHER, .early = true, .set = change_list},
	{.name = TLS_ENABLE_CIPHER, .early = true, .set = change_list},
	{.name = TLS_TRUSTED_CIPHERS, .get = get_names},
	{.name = TLS_VERSION_MIN,
	 .early = true,
	 .setting = SETTING_VERSION_MIN,
	 .max = TLS_1_3,
	 .get = get_version,
	 .set = set_version},
	{.name = TLS_VERSION_MAX,
	 .early = true,
	 .setting = SETTING_VERSION_MAX,
	 .max = TLS_1_3,
	 .get = get_version,
	 .set = set_version},
	{.name = TLS_PRIORITY,
	 .early = true,
	 .empty = true,
	 .setting = SETTING_PRIORITY,
	 .get = get_text,
	 .set = set_text},
	{.name = TLS_GROUPS,
	 .early = true,
	 .empty = true,
	 .setting = SETTING_GROUPS,
	 .get = get_text,
	 .set = set_text},
};

const struct option_table options_ciphers = OPTION_TABLE(rows);
