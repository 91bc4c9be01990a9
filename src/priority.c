/* SPDX-License-Identifier: MIT */
#include "priority.h"

#include "ciphersuites.h"
#include "error.h"
#include "guard.h"
#include "libgnutls.h"
#include "psk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { KEPT = 16 };

struct priority {
	unsigned int refs; /* atomic; the cache has one */
	char *text;	   /* what it was made from */
	gnutls_priority_t gnutls;
	uint16_t *suites;
	size_t count;
	struct priority *next; /* newest first */
};

static struct guard lock = GUARD_INIT;
static struct priority *cache;

void priority_lock(void)
{
	guard_lock(&lock);
}

void priority_unlock(void)
{
	guard_unlock(&lock);
}

int priority_min_version(const struct settings *s)
{
	int floor = settings_min_version(s->protocol);
	int told = (int)s->numbers[SETTING_VERSION_MIN];

	return told > floor ? told : floor;
}

int priority_max_version(const struct settings *s)
{
	int told = (int)s->numbers[SETTING_VERSION_MAX];

	return told == UNSET ? TLS_1_3 : told;
}

/* The part that GnuTLS parses before suites are looked at. The base comes first. */
static void write_versions(FILE *out, const struct settings *s)
{
	static const char *const profiles[] = {
		[SECURITY_LEVEL_HIGH] = "HIGH",
		[SECURITY_LEVEL_ULTRA] = "ULTRA",
		[SECURITY_LEVEL_FUTURE] = "FUTURE",
	};
	int64_t level = s->numbers[SETTING_SECURITY_LEVEL];

	fputs(":-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL", out);
	if (priority_min_version(s) > TLS_1_2 || priority_max_version(s) < TLS_1_2)
		fputs(":-VERS-TLS1.2", out);
	if (priority_max_version(s) < TLS_1_3)
		fputs(":-VERS-TLS1.3", out);
	/* The last one counts. */
	if (level > SECURITY_LEVEL_MEDIUM)
		fprintf(out, ":%%PROFILE_%s", profiles[level]);
	/* Whatever the base allows. */
	fputs(":-ANON-DH:-ANON-ECDH:-NULL:-ARCFOUR-128:-3DES-CBC:-MD5", out);
}

/* With a fresh secret first: who gets the key later reads nothing of before. */
static void write_psk(FILE *out, const struct settings *s)
{
	if (psk_only(s))
		fputs(":-KX-ALL", out);
	if (psk_told(s))
		fputs(":+ECDHE-PSK:+DHE-PSK:+PSK", out);
}

static void write_groups(FILE *out, const char *groups)
{
	if (!groups)
		return;
	fputs(":-GROUP-ALL", out);
	while (*groups) {
		size_t len = strcspn(groups, ":,");

		if (len)
			fprintf(out, ":+GROUP-%.*s", (int)len, groups);
		groups += len + (groups[len] != '\0');
	}
}

/*
 * The base: what the program said; else what the system's administrator did for all of
 * GnuTLS (@SYSTEM), or GnuTLS's own default.
 */
static int parse(gnutls_priority_t *out, const char *base, const char *rest)
{
	bool level = strstr(rest, "%PROFILE_") || (base && strstr(base, "%PROFILE_"));
	char *text = NULL;
	int r;

	if (base) {
		if (asprintf(&text, "%s%s%s", base, rest, level ? "" : ":%PROFILE_MEDIUM") < 0)
			return GNUTLS_E_MEMORY_ERROR;
		r = gnutls_priority_init2(out, text, NULL, 0);
		free(text);
		return r;
	}
	if (asprintf(&text, "@SYSTEM%s", rest) < 0)
		return GNUTLS_E_MEMORY_ERROR;
	r = gnutls_priority_init2(out, text, NULL, 0);
	free(text);
	if (r >= 0 || r == GNUTLS_E_MEMORY_ERROR)
		return r;
	if (asprintf(&text, "%s%s", rest + 1, level ? "" : ":%PROFILE_MEDIUM") < 0)
		return GNUTLS_E_MEMORY_ERROR;
	r = gnutls_priority_init2(out, text, NULL, GNUTLS_PRIORITY_INIT_DEF_APPEND);
	free(text);
	return r;
}

/* Calls fn with each suite of a list of names. */
static bool listed(const char *list, unsigned int id)
{
	while (list && *list) {
		size_t len = strcspn(list, ":");
		struct ciphersuite suite;

		if (ciphersuite_by_name(list, len, &suite) == 0 && suite.id == id)
			return true;
		list += len + (list[len] == ':');
	}
	return false;
}

static void keep_suite(struct priority *p, const struct settings *s, unsigned int id)
{
	struct ciphersuite suite;
	bool fits = ciphersuite_by_id(id, &suite) == 0 &&
		    (suite.tls13 ? priority_max_version(s) >= TLS_1_3
				 : priority_min_version(s) <= TLS_1_2 &&
					   priority_max_version(s) >= TLS_1_2);

	if (fits && p->count < PRIORITY_SUITES &&
	    !listed(settings_text(s, SETTING_CIPHERS_DISABLED), id))
		p->suites[p->count++] = (uint16_t)id;
}

/* Those that were told, or those that the parsed priorities have; without the disabled ones. */
static void find_suites(struct priority *p, const struct settings *s)
{
	const char *enabled = settings_text(s, SETTING_CIPHERS_ENABLED);
	struct ciphersuite suite;
	unsigned int place;

	for (const char *at = enabled; at && *at;) {
		size_t len = strcspn(at, ":");

		if (ciphersuite_by_name(at, len, &suite) == 0)
			keep_suite(p, s, suite.id);
		at += len + (at[len] == ':');
	}
	for (unsigned int i = 0; !enabled; i++) {
		int r = gnutls_priority_get_cipher_suite_index(p->gnutls, i, &place);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r == 0 && ciphersuite_at(place, &suite) == 0)
			keep_suite(p, s, suite.id);
	}
}

/* GnuTLS takes no suites, but their parts: all that one of them has. */
static void write_suites(FILE *out, const struct priority *p, const struct settings *s)
{
	bool has12 = false, has13 = false;
	struct ciphersuite suite;

	fputs(":-KX-ALL:-CIPHER-ALL:-MAC-ALL", out);
	for (size_t i = 0; i < p->count; i++) {
		ciphersuite_by_id(p->suites[i], &suite);
		has12 = has12 || !suite.tls13;
		has13 = has13 || suite.tls13;
		if (suite.kx)
			fprintf(out, ":+%s", suite.kx);
		fprintf(out, ":+%s:+%s", suite.cipher, suite.mac);
	}
	/* TLS 1.3 has no such part, but GnuTLS wants to see one that has a group. */
	if (has13 && !psk_only(s))
		fputs(":+ECDHE-RSA:+ECDHE-ECDSA:+DHE-RSA", out);
	if (has13)
		write_psk(out, s);
	if (!has12)
		fputs(":-VERS-TLS1.2", out);
	if (!has13)
		fputs(":-VERS-TLS1.3", out);
}

static void priority_free(struct priority *p)
{
	if (p->gnutls)
		gnutls_priority_deinit(p->gnutls);
	free(p->suites);
	free(p->text);
	free(p);
}

static int restrict_suites(struct priority *p, const struct settings *s, const char *rest)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return GNUTLS_E_MEMORY_ERROR;
	fputs(rest, out);
	write_suites(out, p, s);
	if (fclose(out) != 0) {
		free(text);
		return GNUTLS_E_MEMORY_ERROR;
	}
	gnutls_priority_deinit(p->gnutls);
	p->gnutls = NULL;
	r = parse(&p->gnutls, settings_text(s, SETTING_PRIORITY), text);
	free(text);
	return r;
}

static int make(struct priority *p, const struct settings *s, const char *rest)
{
	int r = parse(&p->gnutls, settings_text(s, SETTING_PRIORITY), rest);

	if (r < 0)
		return r;
	find_suites(p, s);
	if (p->count == 0)
		return GNUTLS_E_NO_PRIORITIES_WERE_SET;
	if (settings_text(s, SETTING_CIPHERS_ENABLED) || settings_text(s, SETTING_CIPHERS_DISABLED))
		r = restrict_suites(p, s, rest);
	return r;
}

/* What tells settings apart here; the part behind the base starts at *rest. */
static char *describe(const struct settings *s, size_t *rest)
{
	const char *texts[] = {settings_text(s, SETTING_PRIORITY),
			       settings_text(s, SETTING_CIPHERS_ENABLED),
			       settings_text(s, SETTING_CIPHERS_DISABLED)};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fprintf(out, "%s\n", texts[i] ? texts[i] : "");
	fflush(out);
	*rest = size;
	write_versions(out, s);
	write_psk(out, s);
	write_groups(out, settings_text(s, SETTING_GROUPS));
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int refuse(int result, char *reason, size_t size)
{
	if (result == GNUTLS_E_MEMORY_ERROR) {
		snprintf(reason, size, "%s", error_errno_text(ENOMEM));
		return -ENOMEM;
	}
	if (result == GNUTLS_E_NO_PRIORITIES_WERE_SET) {
		snprintf(reason, size,
			 "no cipher suite is left: look at the versions and cipher suites "
			 "that were set, and at what the system's policy allows");
		return -EPROTO;
	}
	snprintf(reason, size, "the priority string, or a group, is not one that GnuTLS knows");
	return -EINVAL;
}

static int priority_new(const struct settings *s, char *text, size_t rest, struct priority **out)
{
	struct priority *p = calloc(1, sizeof(*p));
	int r = GNUTLS_E_MEMORY_ERROR;

	if (!p) {
		free(text);
		return r;
	}
	p->refs = 1;
	p->text = text;
	p->suites = calloc(PRIORITY_SUITES, sizeof(*p->suites));
	if (p->suites)
		r = make(p, s, text + rest);
	if (r < 0)
		priority_free(p);
	else
		*out = p;
	return r;
}

static struct priority *find_locked(const char *text)
{
	struct priority *p = cache;

	while (p && strcmp(p->text, text) != 0)
		p = p->next;
	return p;
}

/* The oldest make room. */
static void keep_locked(struct priority *p)
{
	struct priority **at = &cache;
	int n = 0;

	p->next = cache;
	cache = p;
	while (*at && n++ < KEPT)
		at = &(*at)->next;
	if (*at) {
		p = *at;
		*at = NULL;
		priority_put(p);
	}
}

struct priority *priority_ref(struct priority *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

int priority_get(const struct settings *s, struct priority **out, char *reason, size_t size)
{
	size_t rest = 0;
	struct priority *p;
	char *text;
	int r = 0;

	if (settings_min_version(s->protocol) < 0) {
		snprintf(reason, size, "the protocol is not one of TLS's");
		return -EPROTONOSUPPORT;
	}
	text = describe(s, &rest);
	if (!text)
		return refuse(GNUTLS_E_MEMORY_ERROR, reason, size);
	priority_lock();
	p = find_locked(text);
	if (p)
		free(text);
	else
		r = priority_new(s, text, rest, &p);
	if (r >= 0) {
		if (!find_locked(p->text))
			keep_locked(p);
		*out = priority_ref(p);
	}
	priority_unlock();
	return r < 0 ? refuse(r, reason, size) : 0;
}

void priority_put(struct priority *p)
{
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		priority_free(p);
}

void *priority_gnutls(const struct priority *p)
{
	return p->gnutls;
}

size_t priority_suites(const struct priority *p, const uint16_t **ids)
{
	*ids = p->suites;
	return p->count;
}

bool priority_allows(const struct priority *p, unsigned int id)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->suites[i] == id)
			return true;
	return false;
}
