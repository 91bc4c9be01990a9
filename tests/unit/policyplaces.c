/* SPDX-License-Identifier: MIT */
/* Where a policy's values hold: roles, sections, and beside what the user said. */
#include "alloc.h"
#include "settled.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <tlssock.h>

/* What is said of servers does not touch clients, nor the other way round. */
static void test_roles(void **state)
{
	static const struct {
		const char *text;
		int role, setting;
	} rows[] = {
		{"[all]\nverify-clients = required\n", CLIENT, SETTING_PEER_VERIFY},
		{"[all]\nverify-servers = required\n", SERVER, SETTING_PEER_VERIFY},
		{"[all]\nserver-stapling = yes\n", CLIENT, SETTING_SERVER_STAPLING},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings *s = settings_new(IPPROTO_TLS), *out;

		s->numbers[rows[i].setting] = 0;

		assert_int_equal(settled(rows[i].text, rows[i].role, s, &out), 0);
		/* Nothing to add: no copy. */
		assert_ptr_equal(out, s);
		settings_put(out);
		settings_put(s);
	}
}

static const char *environment(const char *name)
{
	return strcmp(name, "TLSSOCK_CA") == 0 || strcmp(name, "TLSSOCK_CERT") == 0 ? "/env" : NULL;
}

static const char *no_environment(const char *name)
{
	(void)name;
	return NULL;
}

/* The environment is the user's: it counts where the program's own word would. */
static void test_environment(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS), *out;

	(void)state;
	settings_environment(environment);
	assert_int_equal(settled("[all]\ntrust = /ca\ncertificate = /c\n", false, s, &out), 0);
	assert_string_equal(credential_spec_last(&out->spec, CREDENTIAL_CA), "/ca");
	assert_false(credential_spec_has(&out->spec, CREDENTIAL_CHAIN));
	settings_put(out);
	assert_int_equal(
		settled("[all]\ntrust = /ca\ncertificate = /c\noverride = trust\n", false, s, &out),
		0);
	assert_false(credential_spec_has(&out->spec, CREDENTIAL_CA));
	assert_string_equal(credential_spec_last(&out->spec, CREDENTIAL_CHAIN), "/c");
	settings_put(out);
	settings_environment(no_environment);
	settings_put(s);
}

static void test_names(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS), *out;

	(void)state;
	settings_tell(s, SETTING_HOSTNAME, NULL, 0);
	assert_int_equal(settled("[all]\nverify-names = yes\n", CLIENT, s, &out), -EPROTO);
	assert_non_null(strstr(settled_reason, "TLS_HOSTNAME"));
	assert_int_equal(settled("[all]\nverify-names = no\n", CLIENT, s, &out), 0);
	settings_put(out);
	assert_int_equal(settled("[all]\nverify-names = yes\n", SERVER, s, &out), 0);
	settings_put(out);
	assert_int_equal(
		settled("[all]\nverify-names = yes\noverride = verify-names\n", CLIENT, s, &out),
		0);
	settings_put(out);
	settings_put(s);
}

/* The protocol of socket() and both bounds meet. */
static void test_versions(void **state)
{
	static const struct {
		const char *text;
		int protocol;
		int64_t max;
		const char *says;
	} rows[] = {
		{"[all]\nmaximum-version = 1.2\n", IPPROTO_TLS_1_3, UNSET, "maximum-version"},
		{"[all]\nmaximum-version = 1.2\n", IPPROTO_TLS_1_2, UNSET, NULL},
		{"[all]\nminimum-version = 1.3\n", IPPROTO_TLS_1_2, UNSET, NULL},
		{"[all]\nminimum-version = 1.3\n", IPPROTO_TLS, TLS_1_2, "minimum-version"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings *s = settings_new(rows[i].protocol), *out;
		int r;

		s->numbers[SETTING_VERSION_MAX] = rows[i].max;
		r = settled(rows[i].text, CLIENT, s, &out);
		assert_int_equal(r, rows[i].says ? -EPROTO : 0);
		if (rows[i].says)
			assert_non_null(strstr(settled_reason, rows[i].says));
		settings_put(out);
		settings_put(s);
	}
}

static const char sections[] = "[all]\n"
			       "handshake-timeout-ms = 1\n"
			       "[program this]\n"
			       "match-program = /bin/*\n"
			       "handshake-timeout-ms = 2\n"
			       "[program other]\n"
			       "match-program = /sbin/*\n"
			       "handshake-timeout-ms = 3\n"
			       "[destination name]\n"
			       "match-host = *.example\n"
			       "handshake-timeout-ms = 4\n"
			       "[destination port]\n"
			       "match-host = b.example\n"
			       "match-port = 444\n"
			       "handshake-timeout-ms = 5\n"
			       "[destination net]\n"
			       "match-address = 10.0.0.0/8\n"
			       "handshake-timeout-ms = 6\n"
			       "[listener]\n"
			       "match-port = 443\n"
			       "handshake-timeout-ms = 7\n"
			       "[destination others]\n"
			       "match-program = /sbin/*\n"
			       "match-host = *\n"
			       "handshake-timeout-ms = 8\n";

struct place {
	bool server;
	const char *name, *address;
	int port;
	int expected;
};

static const struct place places[] = {
	{false, "x.test", "127.0.0.1", 443, 2},
	{false, "a.example", "127.0.0.1", 443, 4},
	{false, "b.example", "127.0.0.1", 443, 4},
	{false, "b.example", "127.0.0.1", 444, 5},
	{false, "b.example", "10.0.0.1", 444, 6},
	{false, NULL, "10.0.0.1", 443, 6},
	{true, NULL, "10.0.0.1", 443, 7},
	{true, NULL, "10.0.0.1", 444, 2},
	{false, NULL, NULL, 0, 2},
};

/* The last section that fits decides. */
static void test_sections(void **state)
{
	struct policy *p = settled_policy(sections);

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		struct sockaddr_in in = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)places[i].port)};
		struct policy_place place = {.server = places[i].server, .name = places[i].name};
		struct settings *s = settings_new(IPPROTO_TLS), *out;

		if (places[i].address) {
			inet_pton(AF_INET, places[i].address, &in.sin_addr);
			place.address = (struct sockaddr *)&in;
		}
		assert_int_equal(settled_at(p, &place, s, &out), 0);
		assert_int_equal(settings_timeout(out), places[i].expected);
		settings_put(out);
		settings_put(s);
	}
	policy_free(p);
}

/* What a section for some place may decide is not certain before the place is known. */
static void test_certain(void **state)
{
	struct policy *p =
		settled_policy("[all]\ncrl = yes\nocsp = yes\nminimum-version = 1.3\n"
			       "[destination old]\nmatch-host = old\nminimum-version = 1.2\n"
			       "override = ocsp\n"
			       "[destination others]\nmatch-program = /sbin/*\nmatch-host = *\n"
			       "crl = no\n");
	struct policy_values values;
	struct policy_set set;

	(void)state;
	policy_find(p, "/bin/program", NULL, &set);
	policy_take(p, &set, &values);
	policy_leave_certain(p, "/bin/program", &values);
	assert_null(values.of[POLICY_MINIMUM_VERSION]);
	assert_non_null(values.of[POLICY_CRL]);
	assert_true(values.may >> POLICY_OCSP & 1);
	assert_false(values.may >> POLICY_CRL & 1);
	policy_free(p);
}

static void test_no_memory(void **state)
{
	struct policy *p =
		settled_policy("[all]\ncrl = yes\n"
			       "ciphers = AES256-SHA, AES128-SHA\n"
			       "security-level = high\ntrust = /ca\ncertificate = /c\nkey = /k\n");
	const struct policy_place place = {.server = false};
	struct settings *s = settings_new(IPPROTO_TLS), *out;
	unsigned long at = 1, count;
	int r;

	(void)state;
	settings_tell(s, SETTING_ALPN, "h2", 2);
	do {
		long live = alloc_live();

		alloc_start(at++);
		r = settled_at(p, &place, s, &out);
		count = alloc_stop();
		assert_int_equal(r < 0 ? r : -ENOMEM, -ENOMEM);
		settings_put(out);
		assert_int_equal(alloc_live(), live);
	} while (r < 0);
	assert_true(count >= 8 && at > count);
	settings_put(s);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_roles),	   UNIT_CASE(test_environment), UNIT_CASE(test_names),
		UNIT_CASE(test_versions),  UNIT_CASE(test_sections),	UNIT_CASE(test_certain),
		UNIT_CASE(test_no_memory),
	};

	return cmocka_run_group_tests_name("policy places", tests, NULL, NULL);
}
