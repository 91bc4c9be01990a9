/* SPDX-License-Identifier: MIT */
#include "policykeys.h"

#include "ciphersuites.h"
#include "priority.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

static const struct policy_word booleans[] = {{"no", 0}, {"yes", 1}, {NULL, 0}};
static const struct policy_word versions[] = {{"1.2", TLS_1_2}, {"1.3", TLS_1_3}, {NULL, 0}};
static const struct policy_word verifying[] = {
	{"none", TLS_PEER_VERIFY_NONE},
	{"optional", TLS_PEER_VERIFY_OPTIONAL},
	{"required", TLS_PEER_VERIFY_REQUIRED},
	{NULL, 0},
};
static const struct policy_word failing[] = {
	{"off", TLS_REVOCATION_NONE},
	{"soft", TLS_REVOCATION_SOFT},
	{"hard", TLS_REVOCATION_HARD},
	{NULL, 0},
};
static const struct policy_word levels[] = {
	{"medium", SECURITY_LEVEL_MEDIUM},
	{"high", SECURITY_LEVEL_HIGH},
	{"ultra", SECURITY_LEVEL_ULTRA},
	{"future", SECURITY_LEVEL_FUTURE},
	{NULL, 0},
};

#define WORDS(list, value)     .words = (list), .otherwise = (value)
#define RANGE(from, to, value) .least = (from), .most = (to), .otherwise = (value)

const struct policy_key_row policy_keys[POLICY_KEYS] = {
	[POLICY_ALLOW_TRUNCATION] = {"allow-truncation", POLICY_AT_MOST, SETTING_ALLOW_TRUNCATION,
				     "TLS_ALLOW_TRUNCATION", WORDS(booleans, "no")},
	[POLICY_CACHED_REVOCATION] = {"cached-revocation", POLICY_AT_LEAST,
				      SETTING_CACHED_REVOCATION, "TLS_CACHED_REV_CHECKS",
				      WORDS(booleans, "yes")},
	[POLICY_CERTIFICATE] = {"certificate", POLICY_OTHER, 0, "TLS_CERTIFICATE_CHAIN", "none",
				.path = true},
	[POLICY_CIPHERS] = {"ciphers", POLICY_PART, SETTING_CIPHERS_ENABLED,
			    "TLS_CIPHERSUITE_LIST or TLS_ENABLE_CIPHER", "GnuTLS's", .list = true},
	[POLICY_CRL] = {"crl", POLICY_AT_LEAST, SETTING_CRL, "TLS_CRL_CHECKS",
			WORDS(booleans, "yes")},
	[POLICY_CRL_FILE] = {"crl-file", POLICY_OTHER, 0, "TLS_CRL", "none", .path = true},
	[POLICY_EARLY_DATA] = {"early-data-bytes", POLICY_LIMIT, SETTING_EARLY_DATA,
			       "TLS_EARLY_DATA", RANGE(0, UINT32_MAX, "0")},
	[POLICY_GROUPS] = {"groups", POLICY_PART, SETTING_GROUPS, "TLS_GROUPS", "GnuTLS's",
			   .list = true},
	[POLICY_HANDSHAKE_TIMEOUT] = {"handshake-timeout-ms", POLICY_AT_MOST,
				      SETTING_HANDSHAKE_TIMEOUT, "TLS_HANDSHAKE_TIMEOUT",
				      RANGE(1, UINT32_MAX, "30000"), .zero_is_most = true},
	[POLICY_KEY] = {"key", POLICY_OTHER, 0, "TLS_PRIVATE_KEY", "none", .path = true},
	[POLICY_MAXIMUM_VERSION] = {"maximum-version", POLICY_AT_MOST, SETTING_VERSION_MAX,
				    "TLS_VERSION_MAX", WORDS(versions, "1.3")},
	[POLICY_MINIMUM_VERSION] = {"minimum-version", POLICY_AT_LEAST, SETTING_VERSION_MIN,
				    "TLS_VERSION_MIN", WORDS(versions, "1.2")},
	[POLICY_OCSP] = {"ocsp", POLICY_AT_LEAST, SETTING_OCSP, "TLS_OCSP_CHECKS",
			 WORDS(booleans, "no")},
	[POLICY_OCSP_STAPLED] = {"ocsp-stapled", POLICY_AT_LEAST, SETTING_OCSP_STAPLED,
				 "TLS_OCSP_STAPLED_CHECKS", WORDS(booleans, "yes")},
	[POLICY_OVERRIDE] = {"override", POLICY_OTHER, 0, NULL, "certificate", .list = true},
	[POLICY_PRIORITY] = {"priority", POLICY_OTHER, 0, "TLS_PRIORITY", .otherwise = "none"},
	[POLICY_RESUMPTION] = {"resumption", POLICY_AT_MOST, SETTING_SESSION_REUSE,
			       "TLS_SESSION_REUSE", WORDS(booleans, "yes")},
	[POLICY_REVOCATION] = {"revocation", POLICY_AT_LEAST, SETTING_REVOCATION,
			       "TLS_REVOCATION_CHECKS", WORDS(failing, "soft")},
	[POLICY_SECURITY_LEVEL] = {"security-level", POLICY_OTHER, 0, "TLS_PRIORITY",
				   WORDS(levels, "medium")},
	[POLICY_SERVER_STAPLING] = {"server-stapling", POLICY_AT_LEAST, SETTING_SERVER_STAPLING,
				    "TLS_SERVER_OCSP_STAPLING", WORDS(booleans, "yes"),
				    .servers_only = true},
	[POLICY_SESSION_LIFETIME] = {"session-lifetime-s", POLICY_AT_MOST, SETTING_SESSION_TTL,
				     "TLS_SESSION_TTL", RANGE(0, SETTINGS_MOST_TTL_S, "3600")},
	[POLICY_TICKET_KEY_FILE] = {"ticket-key-file", POLICY_SAME, SETTING_TICKET_KEY_FILE,
				    "TLS_TICKET_KEY_FILE", "none", .servers_only = true,
				    .path = true},
	[POLICY_TRUST] = {"trust", POLICY_OTHER, 0, "TLS_TRUSTED_PEER_CERTIFICATES", "system",
			  .path = true},
	[POLICY_VERIFY_CLIENTS] = {"verify-clients", POLICY_AT_LEAST, SETTING_PEER_VERIFY,
				   "TLS_PEER_VERIFY", WORDS(verifying, "none"),
				   .servers_only = true},
	[POLICY_VERIFY_NAMES] = {"verify-names", POLICY_OTHER, 0, "TLS_HOSTNAME",
				 WORDS(booleans, "no"), .clients_only = true},
	[POLICY_VERIFY_SERVERS] = {"verify-servers", POLICY_AT_LEAST, SETTING_PEER_VERIFY,
				   "TLS_PEER_VERIFY", WORDS(verifying, "required"),
				   .clients_only = true},
};

int policy_key_find(const char *name)
{
	for (int i = 0; i < POLICY_KEYS; i++)
		if (strcmp(policy_keys[i].name, name) == 0)
			return i;
	return -1;
}

size_t policy_list_next(const char **rest, const char **item)
{
	const char *at = *rest + strspn(*rest, " \t");
	size_t len = strcspn(at, ",");

	*rest = at + len + (at[len] == ',');
	*item = at;
	while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	return len;
}

bool policy_list_has(enum policy_key key, const char *list, const char *item, size_t len)
{
	struct ciphersuite suite, same;
	bool is_suite = key == POLICY_CIPHERS && ciphersuite_by_name(item, len, &suite) == 0;
	const char *rest = list, *other;

	while (*rest) {
		size_t n = policy_list_next(&rest, &other);

		if ((n == len && strncasecmp(other, item, len) == 0) ||
		    (is_suite && ciphersuite_by_name(other, n, &same) == 0 && same.id == suite.id))
			return true;
	}
	return false;
}

static int parse_word(const struct policy_key_row *row, const char *text, int64_t *number,
		      char *reason, size_t size)
{
	size_t at;

	for (const struct policy_word *w = row->words; w->word; w++)
		if (strcmp(w->word, text) == 0) {
			*number = w->number;
			return 0;
		}
	at = (size_t)snprintf(reason, size, "\"%s\" is not one of", text);
	for (const struct policy_word *w = row->words; w->word && at < size; w++)
		at += (size_t)snprintf(reason + at, size - at, " %s", w->word);
	return -EINVAL;
}

static int parse_number(const struct policy_key_row *row, const char *text, int64_t *number,
			char *reason, size_t size)
{
	size_t len = strlen(text);
	int64_t n =
		len && len < 12 && strspn(text, "0123456789") == len ? strtoll(text, NULL, 10) : -1;

	if (n < row->least || n > row->most) {
		snprintf(reason, size, "\"%s\" is not a number from %" PRId64 " to %" PRId64, text,
			 row->least, row->most);
		return -EINVAL;
	}
	*number = n;
	return 0;
}

/* What a program may override: bits by key. */
static int parse_override(const char *text, int64_t *bits, char *reason, size_t size)
{
	static const struct policy_word many[] = {
		{"yes", ~INT64_C(0)}, {"all", ~INT64_C(0)}, {"no", 0}, {"none", 0}, {NULL, 0}};
	const char *rest = text, *item;
	char name[64];

	for (const struct policy_word *w = many; w->word; w++)
		if (strcmp(w->word, text) == 0) {
			*bits = w->number;
			return 0;
		}
	*bits = 0;
	while (*rest) {
		size_t len = policy_list_next(&rest, &item);
		int key;

		snprintf(name, sizeof(name), "%.*s", (int)len, item);
		key = policy_key_find(name);
		if (key < 0 || key == POLICY_OVERRIDE) {
			snprintf(reason, size,
				 "\"%s\" is no key that can be overridden, nor all or none", name);
			return -EINVAL;
		}
		*bits |= INT64_C(1) << key;
	}
	return 0;
}

/* What GnuTLS would not take; it is asked with nothing else told. */
static int try_priority(int setting, const char *text, char *reason, size_t size)
{
	struct settings *s = settings_new(IPPROTO_TLS);
	struct priority *priority = NULL;
	int r = s ? settings_tell(s, (enum setting_value)setting, text, strlen(text)) : -ENOMEM;

	if (r == 0)
		r = priority_get(s, &priority, reason, size);
	if (r == 0)
		priority_put(priority);
	settings_put(s);
	return r == 0 || r == -ENOMEM ? r : -EINVAL;
}

static int check_item(enum policy_key key, const char *item, size_t len, char *reason, size_t size)
{
	struct ciphersuite suite;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)len, item);
	if (len == 0)
		snprintf(reason, size, "an item of the list is empty");
	else if (key == POLICY_CIPHERS && ciphersuite_by_name(item, len, &suite) < 0)
		snprintf(reason, size, "\"%s\" is no cipher suite that may be used", name);
	else if (key == POLICY_GROUPS && strcspn(name, ":+-!%") < strlen(name))
		snprintf(reason, size, "\"%s\" is no group", name);
	else if (key == POLICY_GROUPS)
		return try_priority(SETTING_GROUPS, name, reason, size);
	else
		return 0;
	return -EINVAL;
}

static int check_text(enum policy_key key, const char *text, char *reason, size_t size)
{
	const struct policy_key_row *row = &policy_keys[key];
	bool special = (key == POLICY_TRUST && strcmp(text, "system") == 0) ||
		       strncmp(text, "pkcs11:", 7) == 0;
	const char *rest = text, *item;
	int r = 0;

	/* Where a program stands when the file is read is chance. */
	if (row->path && text[0] != '/' && !special) {
		snprintf(reason, size, "\"%s\" is not an absolute path", text);
		return -EINVAL;
	}
	while (row->list && *rest && r == 0) {
		size_t len = policy_list_next(&rest, &item);

		r = check_item(key, item, len, reason, size);
	}
	return key == POLICY_PRIORITY ? try_priority(SETTING_PRIORITY, text, reason, size) : r;
}

int policy_key_parse(enum policy_key key, const char *text, struct policy_value *out, char *reason,
		     size_t size)
{
	const struct policy_key_row *row = &policy_keys[key];
	int64_t number = 0;
	int r;

	if (!*text) {
		snprintf(reason, size, "has no value");
		return -EINVAL;
	}
	if (row->words)
		r = parse_word(row, text, &number, reason, size);
	else if (row->most)
		r = parse_number(row, text, &number, reason, size);
	else
		r = check_text(key, text, reason, size);
	if (r == 0 && key == POLICY_OVERRIDE)
		r = parse_override(text, &number, reason, size);
	if (r < 0)
		return r;
	*out = (struct policy_value){.number = number};
	if (row->words || row->most)
		return 0;
	out->text = strdup(text);
	return out->text ? 0 : -ENOMEM;
}

void policy_key_format(enum policy_key key, const struct policy_value *value, char *text,
		       size_t size)
{
	const struct policy_key_row *row = &policy_keys[key];

	if (!row->words && row->most)
		snprintf(text, size, "%" PRId64, value->number);
	else if (!row->words)
		snprintf(text, size, "%s", value->text);
	for (const struct policy_word *w = row->words; w && w->word; w++)
		if (w->number == value->number)
			snprintf(text, size, "%s", w->word);
}
