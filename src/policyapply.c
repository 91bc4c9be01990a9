/* SPDX-License-Identifier: MIT */
/* What becomes of a socket's settings by the values of a policy that hold for it. */
#include "policyapply.h"

#include "psk.h"
#include "verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

struct settling {
	const struct policy *p;
	const struct policy_values *v;
	bool server;
	const struct settings *told;
	struct settings *out; /* what was told, until something differs */
	char *reason;
	size_t size;
};

/* Says which value of the policy stands against what the program wants. */
__attribute__((format(printf, 3, 4))) static int refuse(struct settling *s, enum policy_key key,
							const char *format, ...)
{
	char value[128] = "", wish[192];
	va_list ap;

	policy_key_format(key, s->v->of[key], value, sizeof(value));
	va_start(ap, format);
	vsnprintf(wish, sizeof(wish), format, ap);
	va_end(ap);
	snprintf(
		s->reason, s->size,
		"the policy %s, line %d, says %s = %s, and the program %s: it may be stricter, not "
		"weaker",
		s->p->path, s->v->of[key]->line, policy_keys[key].name, value, wish);
	return -EPROTO;
}

static bool may(const struct settling *s, enum policy_key key)
{
	return s->v->may >> key & 1;
}

static int put_number(struct settling *s, int setting, int64_t number)
{
	int r = s->out->numbers[setting] == number ? 0 : settings_own(&s->out);

	if (r == 0 && s->out->numbers[setting] != number)
		s->out->numbers[setting] = number;
	return r;
}

static int put_text(struct settling *s, int setting, const char *text)
{
	const char *is = settings_text(s->out, (enum setting_value)setting);
	int r;

	if (is && strcmp(is, text) == 0)
		return 0;
	r = settings_own(&s->out);
	return r < 0 ? r : settings_tell(s->out, (enum setting_value)setting, text, strlen(text));
}

static bool weaker(const struct policy_key_row *row, int64_t told, int64_t policy)
{
	if (row->rule == POLICY_AT_LEAST)
		return told < policy;
	return told > policy || (row->zero_is_most && told == 0);
}

static int settle_number(struct settling *s, enum policy_key key)
{
	const struct policy_key_row *row = &policy_keys[key];
	int64_t told = s->told->numbers[row->setting], policy = s->v->of[key]->number;
	struct policy_value wish = {.number = told};
	char text[64] = "";

	if (told != UNSET && (!weaker(row, told, policy) || may(s, key)))
		return 0;
	if (told != UNSET) {
		policy_key_format(key, &wish, text, sizeof(text));
		return refuse(s, key, "asks for %s (%s)", text, row->option);
	}
	if (row->rule == POLICY_LIMIT)
		return 0;
	/* What a role begins with may be more. */
	if (row->setting == SETTING_PEER_VERIFY &&
	    settings_peer_verify(s->told, s->server) > policy)
		policy = settings_peer_verify(s->told, s->server);
	return put_number(s, row->setting, policy);
}

/* Texts of settings are lists with colons. */
static void add_item(char *list, const char *item, size_t len)
{
	size_t at = strlen(list);

	if (at)
		list[at++] = ':';
	memcpy(list + at, item, len);
	list[at + len] = '\0';
}

/* The items of the program's list that the policy has, or all of the policy's. */
static int settle_list(struct settling *s, enum policy_key key)
{
	const struct policy_key_row *row = &policy_keys[key];
	const char *told = settings_text(s->told, (enum setting_value)row->setting);
	const char *policy = s->v->of[key]->text, *rest = policy, *item;
	char *list;
	int r;

	if (told && may(s, key))
		return 0;
	list = calloc(1, strlen(told ? told : policy) + 2);
	if (!list)
		return -ENOMEM;
	while (!told && *rest) {
		size_t len = policy_list_next(&rest, &item);

		add_item(list, item, len);
	}
	for (const char *at = told; at && *at; at += strspn(at, ":,")) {
		size_t len = strcspn(at, ":,");

		if (policy_list_has(key, policy, at, len))
			add_item(list, at, len);
		at += len;
	}
	r = *list ? put_text(s, row->setting, list)
		  : refuse(s, key, "wants none of these (%s)", row->option);
	free(list);
	return r;
}

static int settle_text(struct settling *s, enum policy_key key)
{
	const struct policy_key_row *row = &policy_keys[key];
	const struct setting *told = &s->told->values[row->setting];
	const char *policy = s->v->of[key]->text;

	if (!told->told)
		return put_text(s, row->setting, policy);
	if (may(s, key) || (told->data && strcmp(told->data, policy) == 0))
		return 0;
	return refuse(s, key, "asks for something else (%s)", row->option);
}

static int settle_keys(struct settling *s)
{
	int r = 0;

	for (int k = 0; r == 0 && k < POLICY_KEYS; k++) {
		const struct policy_key_row *row = &policy_keys[k];

		if (!s->v->of[k] || (s->server ? row->clients_only : row->servers_only) ||
		    row->rule == POLICY_OTHER)
			continue;
		if (row->rule == POLICY_PART)
			r = settle_list(s, (enum policy_key)k);
		else if (row->rule == POLICY_SAME)
			r = settle_text(s, (enum policy_key)k);
		else
			r = settle_number(s, (enum policy_key)k);
	}
	return r;
}

/* The protocol of socket() counts, too. */
static int check_versions(struct settling *s)
{
	int least = settings_min_version(s->told->protocol);
	int64_t min = s->out->numbers[SETTING_VERSION_MIN],
		max = s->out->numbers[SETTING_VERSION_MAX];

	if (min < least)
		min = least;
	if (max == UNSET || min <= max)
		return 0;
	if (s->v->of[POLICY_MINIMUM_VERSION] && s->told->numbers[SETTING_VERSION_MAX] == max)
		return refuse(s, POLICY_MINIMUM_VERSION,
			      "asks for at most TLS 1.2 (TLS_VERSION_MAX)");
	if (s->v->of[POLICY_MAXIMUM_VERSION])
		return refuse(s, POLICY_MAXIMUM_VERSION,
			      "asks for at least TLS 1.3 (TLS_VERSION_MIN, or socket's protocol)");
	return 0;
}

/* A list of the program's own would take the place of the priority string's. */
static int check_lists(struct settling *s)
{
	static const enum policy_key lists[] = {POLICY_CIPHERS, POLICY_GROUPS};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct policy_key_row *row = &policy_keys[lists[i]];

		if (settings_text(s->told, (enum setting_value)row->setting) &&
		    !s->v->of[lists[i]] && !may(s, lists[i]))
			return refuse(s, POLICY_PRIORITY, "says its own (%s)", row->option);
	}
	return 0;
}

/* A priority string says so much that it cannot be compared. */
static int settle_priority(struct settling *s)
{
	static const enum policy_key touched[] = {
		POLICY_PRIORITY, POLICY_SECURITY_LEVEL,	 POLICY_MINIMUM_VERSION,
		POLICY_CIPHERS,	 POLICY_MAXIMUM_VERSION, POLICY_GROUPS,
	};
	const struct policy_value *priority = s->v->of[POLICY_PRIORITY];
	const struct policy_value *level = s->v->of[POLICY_SECURITY_LEVEL];
	const char *told = settings_text(s->told, SETTING_PRIORITY);
	int r = 0;

	if (told && !may(s, POLICY_PRIORITY) && !(priority && strcmp(priority->text, told) == 0))
		for (size_t i = 0; i < sizeof(touched) / sizeof(touched[0]); i++)
			if (s->v->of[touched[i]])
				return refuse(s, touched[i], "says its own (TLS_PRIORITY)");
	if (priority && !may(s, POLICY_PRIORITY))
		r = check_lists(s);
	if (r == 0 && priority && !told)
		r = put_text(s, SETTING_PRIORITY, priority->text);
	if (r == 0 && level && !(told && may(s, POLICY_SECURITY_LEVEL)))
		r = put_number(s, SETTING_SECURITY_LEVEL, level->number);
	return r;
}

static int check_name(struct settling *s)
{
	const struct policy_value *policy = s->v->of[POLICY_VERIFY_NAMES];
	const struct setting *name = &s->told->values[SETTING_HOSTNAME];

	if (!policy || !policy->number || s->server || !name->told || name->data ||
	    may(s, POLICY_VERIFY_NAMES))
		return 0;
	return refuse(s, POLICY_VERIFY_NAMES, "has no name checked (TLS_HOSTNAME)");
}

/* True if the program was told just that of a role. */
static bool told_just(const struct settings *told, enum credential_role role, const char *value)
{
	const struct credential_spec *spec = &told->spec;
	size_t same = 0, count = 0;

	for (size_t i = 0; i < spec->count; i++) {
		count += spec->items[i].role == role;
		same += spec->items[i].role == role && strcmp(spec->items[i].data, value) == 0;
	}
	return count == 1 && same == 1;
}

/*
 * Says a credential where the program said none. -EALREADY: it did, and may; or the
 * environment did.
 */
static int settle_role(struct settling *s, enum policy_key key, enum credential_role role,
		       const char *value)
{
	int r;

	if (credential_spec_has(&s->told->spec, role)) {
		if (may(s, key) || told_just(s->told, role, value))
			return -EALREADY;
		return refuse(s, key, "has its own (%s)", policy_keys[key].option);
	}
	if (may(s, key) && settings_environment_has(role))
		return -EALREADY;
	r = settings_own(&s->out);
	return r < 0 ? r : credential_spec_add(&s->out->spec, role, value, strlen(value));
}

static int settle_identity(struct settling *s)
{
	const struct policy_value *chain = s->v->of[POLICY_CERTIFICATE];
	const struct policy_value *key = s->v->of[POLICY_KEY];
	int r;

	if (!chain)
		return 0;
	r = settle_role(s, POLICY_CERTIFICATE, CREDENTIAL_CHAIN, chain->text);
	if (r < 0)
		return r == -EALREADY ? 0 : r;
	/* One file may hold both. */
	key = key ? key : chain;
	return credential_spec_add(&s->out->spec, CREDENTIAL_KEY, key->text, strlen(key->text));
}

static int settle_trust(struct settling *s)
{
	const struct policy_value *trust = s->v->of[POLICY_TRUST];
	int verify = settings_peer_verify(s->out, s->server), r;

	if (trust && verify != TLS_PEER_VERIFY_NONE && psk_told(s->told) && !may(s, POLICY_TRUST))
		return refuse(s, POLICY_TRUST, "trusts who has a pre-shared key (TLS_PSK)");
	if (!trust ||
	    (verify == TLS_PEER_VERIFY_NONE && !credential_spec_has(&s->told->spec, CREDENTIAL_CA)))
		return 0;
	r = settle_role(s, POLICY_TRUST, CREDENTIAL_CA,
			strcmp(trust->text, "system") == 0 ? credential_system : trust->text);
	if (r < 0)
		return r == -EALREADY ? 0 : r;
	return put_number(s, SETTING_PEER_VERIFY, verify);
}

static int settle_crls(struct settling *s)
{
	const struct policy_value *file = s->v->of[POLICY_CRL_FILE];
	int r = file ? settle_role(s, POLICY_CRL_FILE, CREDENTIAL_CRL, file->text) : 0;

	return r == -EALREADY ? 0 : r;
}

/* The program's callback may refuse more peers, and takes away nothing that the policy says. */
static int settle_callback(struct settling *s)
{
	static const struct {
		enum policy_key key;
		int64_t from; /* the least value that counts */
		uint32_t bits;
	} kept[] = {
		{POLICY_VERIFY_NAMES, 1, VERDICT_NAME},
		{POLICY_TRUST, 0, VERDICT_TRUST},
		{POLICY_SECURITY_LEVEL, 0, VERDICT_DIGEST | VERDICT_KEY},
		{POLICY_CRL, 1, VERDICT_REVOKED},
		{POLICY_CRL_FILE, 0, VERDICT_REVOKED},
		{POLICY_OCSP, 1, VERDICT_REVOKED},
		{POLICY_OCSP_STAPLED, 1, VERDICT_REVOKED | VERDICT_OTHER},
		{POLICY_REVOCATION, TLS_REVOCATION_SOFT, VERDICT_REVOKED},
		{POLICY_REVOCATION, TLS_REVOCATION_HARD, VERDICT_OTHER},
		{POLICY_VERIFY_SERVERS, TLS_PEER_VERIFY_REQUIRED, UINT32_MAX},
		{POLICY_VERIFY_CLIENTS, TLS_PEER_VERIFY_REQUIRED, UINT32_MAX},
	};
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const struct policy_value *value = s->v->of[kept[i].key];
		const struct policy_key_row *row = &policy_keys[kept[i].key];

		if (value && value->number >= kept[i].from && !may(s, kept[i].key) &&
		    !(s->server ? row->clients_only : row->servers_only))
			bits |= kept[i].bits;
	}
	if (!bits || !s->told->values[SETTING_VERIFY_CALLBACK].data)
		return 0;
	return put_number(s, SETTING_VERDICT_KEPT, bits);
}

int policy_settle(const struct policy *p, const struct policy_values *v, bool server,
		  struct settings *told, struct settings **out, char *reason, size_t size)
{
	static int (*const steps[])(struct settling * s) = {
		settle_keys,	 check_versions, settle_priority, check_name,
		settle_identity, settle_trust,	 settle_crls,	  settle_callback,
	};
	struct settling s = {p, v, server, told, settings_ref(told), reason, size};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](&s);
	if (r < 0)
		settings_put(s.out);
	else
		*out = s.out;
	return r;
}
