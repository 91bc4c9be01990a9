/* SPDX-License-Identifier: MIT */
/* Cipher suites by their three names, and what settings leave to agree on. */
#include "priority.h"
#include "alloc.h"
#include "ciphersuites.h"
#include "enginesession.h"
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

static const struct spelling {
	unsigned int id;
	const char *iana, *openssl, *gnutls;
} spellings[] = {
	{0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", "tls_aes_128_gcm_sha256"},
	{0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256",
	 "TLS_CHACHA20_POLY1305_SHA256"},
	{0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256",
	 "TLS_RSA_AES_128_GCM_SHA256"},
	{0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
	 "TLS_ECDHE_RSA_AES_128_GCM_SHA256"},
	{0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
	 "TLS_ECDHE_RSA_CHACHA20_POLY1305"},
	{0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA",
	 "TLS_ECDHE_RSA_AES_128_CBC_SHA1"},
	{0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", "TLS_RSA_AES_256_CBC_SHA1"},
	{0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8",
	 "TLS_ECDHE_ECDSA_AES_128_CCM_8"},
	{0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256", "PSK-AES128-GCM-SHA256",
	 "TLS_PSK_AES_128_GCM_SHA256"},
};

static void spelled(void **state)
{
	const struct spelling *row = *state;
	const char *names[] = {row->iana, row->openssl, row->gnutls};
	struct ciphersuite suite;

	assert_int_equal(ciphersuite_by_id(row->id, &suite), 0);
	assert_string_equal(suite.name, row->iana);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(ciphersuite_by_name(names[i], strlen(names[i]), &suite), 0);
		assert_int_equal(suite.id, row->id);
	}
}

static void names_are_unique(void **state)
{
	struct ciphersuite suite, found;

	(void)state;
	for (size_t i = 0;; i++) {
		int r = ciphersuite_at(i, &suite);

		if (r == -ENOENT)
			break;
		if (r < 0)
			continue;
		assert_int_equal(ciphersuite_by_name(suite.name, strlen(suite.name), &found), 0);
		assert_int_equal(found.id, suite.id);
	}
}

static void refused_suites(void **state)
{
	static const char *const names[] = {
		"TLS_RSA_WITH_NULL_SHA256",
		"TLS_RSA_WITH_RC4_128_SHA",
		"RC4-SHA",
		"DES-CBC3-SHA",
		"TLS_RSA_WITH_3DES_EDE_CBC_SHA",
		"TLS_DH_anon_WITH_AES_128_GCM_SHA256",
		"ADH-AES128-GCM-SHA256",
		"TLS_RSA_EXPORT_WITH_RC4_40_MD5",
		"EXP-RC4-MD5",
		"TLS_DH_ANON_AES_128_GCM_SHA256",
		"TLS_RSA_NULL_MD5",
		"",
		"x",
		"TLS_AES_128_GCM_SHA2567",
		"AES-128-GCM",
	};
	static const unsigned int ids[] = {0x0002, 0x0005, 0x000a, 0x0018, 0x00a6,
					   0x0003, 0,	   0xffff, 0x11301};
	struct ciphersuite suite;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		if (ciphersuite_by_name(names[i], strlen(names[i]), &suite) != -ENOENT)
			fail_msg("%s is %s", names[i], suite.name);
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_int_equal(ciphersuite_by_id(ids[i], &suite), -ENOENT);
}

/* What is told; how many suites then, -1: refused with error; one that must be there, or not. */
static const struct told {
	const char *name;
	int protocol;
	const char *priority, *enabled, *disabled, *groups;
	int min, max;
	int error;
	unsigned int has, has_not;
} told[] = {
	{"nothing", IPPROTO_TLS, .min = UNSET, .max = UNSET, .has = 0xc02f},
	{"1.3 by its protocol", IPPROTO_TLS_1_3, .min = UNSET, .max = UNSET, .has = 0x1301,
	 .has_not = 0xc02f},
	{"1.3 by its number", IPPROTO_TLS, .min = TLS_1_3, .max = UNSET, .has = 0x1301,
	 .has_not = 0xc02f},
	{"1.2 only", IPPROTO_TLS, .min = UNSET, .max = TLS_1_2, .has = 0xc02f, .has_not = 0x1301},
	{"1.0 is 1.2", IPPROTO_TLS, .min = TLS_1_0, .max = UNSET, .has = 0xc02f},
	{"1.1 at most", IPPROTO_TLS, .min = UNSET, .max = TLS_1_1, .error = -EPROTO},
	{"one of 1.3", IPPROTO_TLS, .enabled = "TLS_AES_256_GCM_SHA384", .min = UNSET, .max = UNSET,
	 .has = 0x1302, .has_not = 0x1301},
	{"one of 1.2", IPPROTO_TLS, .enabled = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	 .min = UNSET, .max = UNSET, .has = 0xc030, .has_not = 0x1301},
	{"one of 1.2 for 1.3", IPPROTO_TLS_1_3, .enabled = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	 .min = UNSET, .max = UNSET, .error = -EPROTO},
	{"one less", IPPROTO_TLS, .disabled = "TLS_AES_128_GCM_SHA256", .min = UNSET, .max = UNSET,
	 .has = 0x1302, .has_not = 0x1301},
	{"enabled and disabled", IPPROTO_TLS, .enabled = "TLS_AES_128_GCM_SHA256",
	 .disabled = "TLS_AES_128_GCM_SHA256", .min = UNSET, .max = UNSET, .error = -EPROTO},
	{"a priority string", IPPROTO_TLS, .priority = "SECURE256", .min = UNSET, .max = UNSET,
	 .has = 0x1302, .has_not = 0x1301},
	{"what is weak", IPPROTO_TLS,
	 .priority = "LEGACY:+VERS-TLS1.0:+ANON-DH:+NULL:+3DES-CBC:+ARCFOUR-128:+MD5", .min = UNSET,
	 .max = UNSET, .has = 0x1301, .has_not = 0x0018},
	{"nonsense", IPPROTO_TLS, .priority = "NONSENSE", .min = UNSET, .max = UNSET,
	 .error = -EINVAL},
	{"old versions only", IPPROTO_TLS, .priority = "NONE:+VERS-TLS1.0:+RSA:+AES-128-CBC:+SHA1",
	 .min = UNSET, .max = UNSET, .error = -EPROTO},
	{"groups", IPPROTO_TLS, .groups = "X25519,SECP256R1:FFDHE2048", .min = UNSET, .max = UNSET,
	 .has = 0x1301},
	{"no such group", IPPROTO_TLS, .groups = "X25519:CURVE", .min = UNSET, .max = UNSET,
	 .error = -EINVAL},
	{"not ours", IPPROTO_TCP, .min = UNSET, .max = UNSET, .error = -EPROTONOSUPPORT},
};

static struct settings *make(const struct told *row)
{
	struct settings *s = settings_new(row->protocol);
	const struct {
		enum setting_value which;
		const char *text;
	} texts[] = {
		{SETTING_PRIORITY, row->priority},
		{SETTING_CIPHERS_ENABLED, row->enabled},
		{SETTING_CIPHERS_DISABLED, row->disabled},
		{SETTING_GROUPS, row->groups},
	};

	s->numbers[SETTING_VERSION_MIN] = row->min;
	s->numbers[SETTING_VERSION_MAX] = row->max;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (texts[i].text)
			assert_int_equal(settings_tell(s, texts[i].which, texts[i].text,
						       strlen(texts[i].text)),
					 0);
	return s;
}

static void settings_told(void **state)
{
	const struct told *row = *state;
	struct settings *s = make(row);
	char reason[256] = "";
	struct priority *p = NULL, *again = NULL;
	const uint16_t *ids;

	assert_int_equal(priority_get(s, &p, reason, sizeof(reason)), row->error);
	if (row->error) {
		assert_null(p);
		assert_string_not_equal(reason, "");
	} else {
		assert_true(priority_suites(p, &ids) > 0);
		assert_true(priority_allows(p, row->has));
		assert_false(row->has_not && priority_allows(p, row->has_not));
		assert_int_equal(priority_get(s, &again, reason, sizeof(reason)), 0);
		assert_ptr_equal(again, p);
		priority_put(again);
		priority_put(p);
	}
	settings_put(s);
}

/* More than are kept; each is found or made anew, and what a session has stays. */
static void many(void **state)
{
	struct told row = {.protocol = IPPROTO_TLS, .min = UNSET, .max = UNSET};
	struct priority *first = NULL, *p;
	char groups[128] = "X25519", reason[256];

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct settings *s;

		row.groups = groups;
		s = make(&row);
		assert_int_equal(priority_get(s, &p, reason, sizeof(reason)), 0);
		if (!first)
			first = p;
		else
			priority_put(p);
		settings_put(s);
		strncat(groups, ":", sizeof(groups) - strlen(groups) - 1);
	}
	assert_non_null(priority_gnutls(first));
	priority_put(first);
	priority_put(NULL);
}

static void without_memory(void **state)
{
	struct told row = {.protocol = IPPROTO_TLS,
			   .min = UNSET,
			   .max = UNSET,
			   .groups = "SECP384R1",
			   .enabled = "TLS_AES_128_GCM_SHA256"};
	struct settings *s = make(&row);
	struct priority *p = NULL;
	char reason[256];
	unsigned long at = 0;
	int r;

	(void)state;
	do {
		long live = alloc_live();

		alloc_start(++at);
		r = priority_get(s, &p, reason, sizeof(reason));
		alloc_stop();
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(alloc_live(), live);
		}
	} while (r < 0);
	assert_true(at > 3);
	priority_put(p);
	settings_put(s);
}

static struct engine *session_of(struct settings *s)
{
	struct credentials *c = NULL;
	struct engine *e = NULL;
	char reason[512] = "";

	assert_int_equal(settings_credentials(s, false, &c, reason, sizeof(reason)), 0);
	assert_int_equal(engine_new(&e, s, c, false, NULL, reason, sizeof(reason)), 0);
	credentials_put(c);
	return e;
}

/* Settings remember what a session of theirs had, as long as nobody changes them. */
static void remembered(void **state)
{
	const struct end_options client = end_client(TLS_1_2);
	struct settings *s = end_settings(&client), *other = settings_ref(s);
	struct engine *first = session_of(s), *second = session_of(s), *changed;

	(void)state;
	assert_ptr_equal(s->priority, first->priority);
	assert_ptr_equal(second->priority, first->priority);
	assert_true(priority_allows(first->priority, 0x1301));
	engine_free(second);
	/* In a copy; and in their place, when the sessions are gone. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(settings_own(&other), 0);
		other->numbers[SETTING_VERSION_MAX] = TLS_1_2;
		changed = session_of(other);
		assert_false(priority_allows(changed->priority, 0x1301));
		engine_free(changed);
		settings_put(other);
		if (i == 0)
			engine_free(first);
		other = s;
	}
}

int main(void)
{
	struct CMUnitTest tests[COUNT(spellings) + COUNT(told) + 5] = {
		UNIT_CASE(names_are_unique), UNIT_CASE(refused_suites), UNIT_CASE(many),
		UNIT_CASE(without_memory),   UNIT_CASE(remembered),
	};
	size_t n = 5;

	for (size_t i = 0; i < COUNT(spellings); i++)
		tests[n++] = UNIT_ROW(spellings[i].iana, spelled, spellings[i]);
	for (size_t i = 0; i < COUNT(told); i++)
		tests[n++] = UNIT_ROW(told[i].name, settings_told, told[i]);
	return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
