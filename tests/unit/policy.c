/* SPDX-License-Identifier: MIT */
/* What a policy makes of a socket's settings: each key, floor and override. */
#include "settled.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

struct number {
	const char *key, *value;
	int setting, role;
	int64_t untold, weaker, stricter; /* what holds; what is refused, and kept. UNSET: none */
};

static const struct number numbers[] = {
	{"allow-truncation", "no", SETTING_ALLOW_TRUNCATION, CLIENT, 0, 1, 0},
	{"allow-truncation", "yes", SETTING_ALLOW_TRUNCATION, SERVER, 1, UNSET, 0},
	{"cached-revocation", "yes", SETTING_CACHED_REVOCATION, CLIENT, 1, 0, 1},
	{"crl", "yes", SETTING_CRL, CLIENT, 1, 0, 1},
	{"early-data-bytes", "0", SETTING_EARLY_DATA, CLIENT, UNSET, 1, 0},
	{"early-data-bytes", "4096", SETTING_EARLY_DATA, SERVER, UNSET, 4097, 4096},
	{"handshake-timeout-ms", "5000", SETTING_HANDSHAKE_TIMEOUT, CLIENT, 5000, 5001, 10},
	{"handshake-timeout-ms", "5000", SETTING_HANDSHAKE_TIMEOUT, SERVER, 5000, 0, 5000},
	{"maximum-version", "1.2", SETTING_VERSION_MAX, CLIENT, TLS_1_2, TLS_1_3, TLS_1_2},
	{"maximum-version", "1.3", SETTING_VERSION_MAX, CLIENT, TLS_1_3, UNSET, TLS_1_2},
	{"minimum-version", "1.2", SETTING_VERSION_MIN, CLIENT, TLS_1_2, UNSET, TLS_1_3},
	{"minimum-version", "1.3", SETTING_VERSION_MIN, SERVER, TLS_1_3, TLS_1_2, TLS_1_3},
	{"ocsp", "yes", SETTING_OCSP, CLIENT, 1, 0, 1},
	{"ocsp-stapled", "yes", SETTING_OCSP_STAPLED, CLIENT, 1, 0, 1},
	{"ocsp-stapled", "no", SETTING_OCSP_STAPLED, CLIENT, 0, UNSET, 1},
	{"resumption", "no", SETTING_SESSION_REUSE, CLIENT, 0, 1, 0},
	{"revocation", "soft", SETTING_REVOCATION, CLIENT, 1, 0, 2},
	{"revocation", "hard", SETTING_REVOCATION, SERVER, 2, 1, 2},
	{"security-level", "medium", SETTING_SECURITY_LEVEL, CLIENT, 0, UNSET, UNSET},
	{"security-level", "future", SETTING_SECURITY_LEVEL, SERVER, 3, UNSET, UNSET},
	{"server-stapling", "yes", SETTING_SERVER_STAPLING, SERVER, 1, 0, 1},
	{"session-lifetime-s", "60", SETTING_SESSION_TTL, CLIENT, 60, 61, 0},
	{"verify-clients", "required", SETTING_PEER_VERIFY, SERVER, 2, 1, 2},
	{"verify-clients", "optional", SETTING_PEER_VERIFY, SERVER, 1, 0, 2},
	{"verify-servers", "required", SETTING_PEER_VERIFY, CLIENT, 2, 0, 2},
	{"verify-servers", "optional", SETTING_PEER_VERIFY, CLIENT, 2, 0, 1},
};

static struct settings *told_number(int setting, int64_t number)
{
	struct settings *s = settings_new(IPPROTO_TLS);

	s->numbers[setting] = number;
	return s;
}

/* The number that holds, or -EPROTO. */
static int64_t number_by(const char *text, const struct number *row, int64_t told)
{
	struct settings *s = told_number(row->setting, told), *out;
	int64_t r = settled(text, row->role, s, &out);

	if (r == 0)
		r = out->numbers[row->setting];
	assert_int_equal(s->numbers[row->setting], told);
	settings_put(out);
	settings_put(s);
	return r;
}

static void test_number(void **state)
{
	const struct number *row = *state;
	char text[128], may[192], says[128];

	snprintf(text, sizeof(text), "[all]\n\n%s = %s\n", row->key, row->value);
	assert_int_equal(number_by(text, row, UNSET), row->untold);
	if (row->stricter != UNSET)
		assert_int_equal(number_by(text, row, row->stricter), row->stricter);
	if (row->weaker == UNSET)
		return;
	assert_int_equal(number_by(text, row, row->weaker), -EPROTO);
	snprintf(says, sizeof(says), "the policy /a/policy, line 3, says %s = %s, and the program",
		 row->key, row->value);
	if (strncmp(settled_reason, says, strlen(says)) != 0)
		fail_msg("%s", settled_reason);
	snprintf(may, sizeof(may), "%soverride = crl, %s\n", text, row->key);
	if (row->setting != SETTING_CRL)
		assert_int_equal(number_by(may, row, row->weaker), row->weaker);
	snprintf(may, sizeof(may), "%soverride = all\n", text);
	assert_int_equal(number_by(may, row, row->weaker), row->weaker);
	snprintf(may, sizeof(may), "%soverride = trust\n", text);
	assert_int_equal(number_by(may, row, row->weaker), -EPROTO);
}

struct text {
	const char *policy;
	int setting, role;
	const char *told, *expected; /* NULL: nothing; and refused */
	const char *says;
};

#define SUITES "ciphers = TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384\n"

static const struct text texts[] = {
	{SUITES, SETTING_CIPHERS_ENABLED, CLIENT, NULL,
	 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", NULL},
	{SUITES, SETTING_CIPHERS_ENABLED, SERVER, "TLS_AES_256_GCM_SHA384",
	 "TLS_AES_256_GCM_SHA384", NULL},
	{SUITES, SETTING_CIPHERS_ENABLED, CLIENT,
	 "TLS_AES_128_CCM_SHA256:tls_aes_256_gcm_sha384:TLS_AES_128_GCM_SHA256",
	 "tls_aes_256_gcm_sha384:TLS_AES_128_GCM_SHA256", NULL},
	{"ciphers = ECDHE-RSA-AES256-GCM-SHA384\n", SETTING_CIPHERS_ENABLED, CLIENT,
	 "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", NULL},
	{SUITES, SETTING_CIPHERS_ENABLED, CLIENT, "TLS_AES_128_CCM_SHA256", NULL, "wants none"},
	{SUITES "override = ciphers\n", SETTING_CIPHERS_ENABLED, CLIENT, "TLS_AES_128_CCM_SHA256",
	 "TLS_AES_128_CCM_SHA256", NULL},
	{SUITES, SETTING_CIPHERS_DISABLED, CLIENT, "TLS_AES_128_CCM_SHA256",
	 "TLS_AES_128_CCM_SHA256", NULL},
	{"groups = X25519\n", SETTING_GROUPS, CLIENT, NULL, "X25519", NULL},
	{"groups = X25519\n", SETTING_GROUPS, CLIENT, "SECP256R1,X25519", "X25519", NULL},
	{"groups = X25519\n", SETTING_GROUPS, CLIENT, "SECP256R1", NULL, "wants none"},
	{"priority = NORMAL\n", SETTING_PRIORITY, CLIENT, NULL, "NORMAL", NULL},
	{"priority = NORMAL\n", SETTING_PRIORITY, CLIENT, "NORMAL", "NORMAL", NULL},
	{"priority = NORMAL\n", SETTING_PRIORITY, CLIENT, "SECURE256", NULL, "TLS_PRIORITY"},
	{"priority = NORMAL\noverride = priority\n", SETTING_PRIORITY, CLIENT, "SECURE256",
	 "SECURE256", NULL},
	{"minimum-version = 1.2\n", SETTING_PRIORITY, CLIENT, "LEGACY", NULL, "TLS_PRIORITY"},
	{"security-level = high\n", SETTING_PRIORITY, CLIENT, "NORMAL", NULL, "TLS_PRIORITY"},
	{"ticket-key-file = /keys\n", SETTING_TICKET_KEY_FILE, SERVER, NULL, "/keys", NULL},
	{"ticket-key-file = /keys\n", SETTING_TICKET_KEY_FILE, CLIENT, NULL, NULL, NULL},
	{"ticket-key-file = /keys\n", SETTING_TICKET_KEY_FILE, SERVER, "/mine", NULL,
	 "TLS_TICKET_KEY_FILE"},
	{"crl = yes\n", SETTING_PRIORITY, CLIENT, "NORMAL", "NORMAL", NULL},
	{"verify-names = yes\n", SETTING_HOSTNAME, CLIENT, "a.example", "a.example", NULL},
};

static void test_text(void **state)
{
	const struct text *row = *state;
	struct settings *s = settings_new(IPPROTO_TLS), *out;
	const char *is;
	char text[256];
	int r;

	snprintf(text, sizeof(text), "[all]\n%s", row->policy);
	if (row->told)
		settings_tell(s, (enum setting_value)row->setting, row->told, strlen(row->told));
	r = settled(text, row->role, s, &out);
	assert_int_equal(r, row->says ? -EPROTO : 0);
	if (row->says && !strstr(settled_reason, row->says))
		fail_msg("%s", settled_reason);
	is = r == 0 ? settings_text(out, (enum setting_value)row->setting) : NULL;
	if (row->expected && is)
		assert_string_equal(is, row->expected);
	else
		assert_true(is == row->expected);
	settings_put(out);
	settings_put(s);
}

struct credential {
	const char *policy;
	int role;
	enum credential_role what;
	const char *told;     /* of that kind; NULL: nothing */
	const char *expected; /* NULL: nothing, or refused */
	bool refused;
};

static const struct credential credentials[] = {
	{"trust = /ca\n", CLIENT, CREDENTIAL_CA, NULL, "/ca", false},
	{"trust = /ca\n", CLIENT, CREDENTIAL_CA, "/ca", "/ca", false},
	{"trust = /ca\n", CLIENT, CREDENTIAL_CA, "/mine", NULL, true},
	{"trust = /ca\noverride = trust\n", CLIENT, CREDENTIAL_CA, "/mine", "/mine", false},
	{"trust = system\n", CLIENT, CREDENTIAL_CA, NULL, "system:", false},
	{"trust = system\n", CLIENT, CREDENTIAL_CA, "/mine", NULL, true},
	/* A server that asks nobody for a certificate is not made to. */
	{"trust = /ca\n", SERVER, CREDENTIAL_CA, NULL, NULL, false},
	{"trust = /ca\nverify-clients = required\n", SERVER, CREDENTIAL_CA, NULL, "/ca", false},
	{"trust = /ca\n", SERVER, CREDENTIAL_CA, "/mine", NULL, true},
	{"crl-file = /crl\n", CLIENT, CREDENTIAL_CRL, NULL, "/crl", false},
	{"crl-file = /crl\n", SERVER, CREDENTIAL_CRL, "/crl", "/crl", false},
	{"crl-file = /crl\n", CLIENT, CREDENTIAL_CRL, "/mine", NULL, true},
	{"crl-file = /crl\noverride = crl-file\n", CLIENT, CREDENTIAL_CRL, "/mine", "/mine", false},
	{"certificate = /c\n", SERVER, CREDENTIAL_CHAIN, NULL, "/c", false},
	{"certificate = /c\n", SERVER, CREDENTIAL_KEY, NULL, "/c", false},
	{"certificate = /c\nkey = /k\n", SERVER, CREDENTIAL_KEY, NULL, "/k", false},
	{"certificate = /c\n", SERVER, CREDENTIAL_CHAIN, "/mine", "/mine", false},
	{"certificate = /c\noverride = none\n", SERVER, CREDENTIAL_CHAIN, "/mine", NULL, true},
	{"certificate = /c\noverride = none\n", SERVER, CREDENTIAL_CHAIN, "/c", "/c", false},
};

static void test_credential(void **state)
{
	const struct credential *row = *state;
	struct settings *s = settings_new(IPPROTO_TLS), *out;
	const char *is;
	char text[256];
	int r;

	snprintf(text, sizeof(text), "[all]\n%s", row->policy);
	if (row->told)
		credential_spec_add(&s->spec, row->what, row->told, strlen(row->told));
	r = settled(text, row->role, s, &out);
	assert_int_equal(r, row->refused ? -EPROTO : 0);
	is = r == 0 ? credential_spec_last(&out->spec, row->what) : NULL;
	if (row->expected && is)
		assert_string_equal(is, row->expected);
	else
		assert_true(is == row->expected);
	settings_put(out);
	settings_put(s);
}

/* A row's lines as one, which stays. */
static const char *title(const char *lines)
{
	static char titles[COUNT(texts) + COUNT(credentials)][128];
	static size_t used;
	char *text = titles[used++];

	snprintf(text, sizeof(titles[0]), "%s", lines);
	for (char *at = text; (at = strchr(at, '\n'));)
		*at = at[1] ? ';' : '\0';
	return text;
}

int main(void)
{
	struct CMUnitTest tests[COUNT(numbers) + COUNT(texts) + COUNT(credentials)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(numbers); i++)
		tests[n++] = UNIT_ROW(numbers[i].key, test_number, numbers[i]);
	for (size_t i = 0; i < COUNT(texts); i++)
		tests[n++] = UNIT_ROW(title(texts[i].policy), test_text, texts[i]);
	for (size_t i = 0; i < COUNT(credentials); i++)
		tests[n++] =
			UNIT_ROW(title(credentials[i].policy), test_credential, credentials[i]);
	return _cmocka_run_group_tests("policy", tests, n, NULL, NULL);
}
