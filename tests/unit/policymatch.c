/* SPDX-License-Identifier: MIT */
/* What the patterns, addresses and ports of a policy's sections fit. */
#include "policyfile.h"
#include "unit.h"

#include <arpa/inet.h>
#include <stdlib.h>

struct match {
	enum policy_match match;
	const char *list, *what;
	bool fits;
};

static const struct match matches[] = {
	{POLICY_MATCH_PROGRAM, "/usr/bin/curl", "/usr/bin/curl", true},
	{POLICY_MATCH_PROGRAM, "/usr/bin/curl", "/usr/bin/curly", false},
	{POLICY_MATCH_PROGRAM, "/usr/bin/curl", "/USR/bin/curl", false},
	{POLICY_MATCH_PROGRAM, "/opt/*", "/opt/a/b", true},
	{POLICY_MATCH_PROGRAM, "/opt/*/b, /bin/sh", "/bin/sh", true},
	{POLICY_MATCH_PROGRAM, "/opt/*/b*c", "/opt/xb/bbbc", true},
	{POLICY_MATCH_PROGRAM, "/opt/?", "/opt/", false},
	{POLICY_MATCH_PROGRAM, "/opt/?", "/opt/\xff", true},
	{POLICY_MATCH_PROGRAM, "*", "", true},
	{POLICY_MATCH_HOST, "*.example.org", "WWW.example.ORG", true},
	{POLICY_MATCH_HOST, "*.example.org", "a.b.example.org", true},
	{POLICY_MATCH_HOST, "*.example.org", "example.org", false},
	{POLICY_MATCH_HOST, "*.example.org", "example.org.evil", false},
	{POLICY_MATCH_HOST, "Example.ORG.", "example.org", true},
	{POLICY_MATCH_HOST, "example.org", "EXAMPLE.org.", true},
	{POLICY_MATCH_HOST, "xn--bcher-kva.example",
	 "b\xc3\xbc"
	 "cher.example",
	 true},
	{POLICY_MATCH_HOST, "xn--bcher-kva.example",
	 "B\xc3\x9c"
	 "CHER.example",
	 true},
	{POLICY_MATCH_HOST, "example.org", "\xef\xbd\x85xample.org", true},
	{POLICY_MATCH_ADDRESS, "10.0.0.0/8", "10.200.1.1", true},
	{POLICY_MATCH_ADDRESS, "10.0.0.0/8", "11.0.0.1", false},
	{POLICY_MATCH_ADDRESS, "10.128.0.0/9", "10.127.0.1", false},
	{POLICY_MATCH_ADDRESS, "10.128.0.0/9", "10.129.0.1", true},
	{POLICY_MATCH_ADDRESS, "127.0.0.1", "::ffff:127.0.0.1", true},
	{POLICY_MATCH_ADDRESS, "127.0.0.1", "127.0.0.2", false},
	{POLICY_MATCH_ADDRESS, "0.0.0.0/0", "::1", false},
	{POLICY_MATCH_ADDRESS, "::/0", "127.0.0.1", true},
	{POLICY_MATCH_ADDRESS, "fe80::/10, ::1", "::1", true},
	{POLICY_MATCH_ADDRESS, "127.0.0.1", "0.0.0.0", true},
	{POLICY_MATCH_ADDRESS, "127.0.0.1", "::ffff:0.0.0.0", true},
	{POLICY_MATCH_ADDRESS, "127.0.0.1", "::", true},
	{POLICY_MATCH_ADDRESS, "::1", "::", true},
	{POLICY_MATCH_ADDRESS, "::1", "0.0.0.0", false},
	{POLICY_MATCH_ADDRESS, "10.0.0.0/8", "::", false},
	{POLICY_MATCH_PORT, "443", "443", true},
	{POLICY_MATCH_PORT, "443", "44", false},
	{POLICY_MATCH_PORT, "80, 8000-8999", "8000", true},
	{POLICY_MATCH_PORT, "80, 8000-8999", "8999", true},
	{POLICY_MATCH_PORT, "80, 8000-8999", "9000", false},
};

static bool fits(const struct match *row)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (row->match == POLICY_MATCH_PORT)
		return policy_match_port(row->list, (unsigned int)atoi(row->what));
	if (row->match == POLICY_MATCH_PROGRAM)
		return policy_match_program(row->list, row->what);
	if (row->match == POLICY_MATCH_HOST)
		return policy_match_host(row->list, row->what);
	if (inet_pton(AF_INET, row->what, &in.sin_addr) == 1)
		return policy_match_address(row->list, (struct sockaddr *)&in, false);
	assert_int_equal(inet_pton(AF_INET6, row->what, &in6.sin6_addr), 1);
	return policy_match_address(row->list, (struct sockaddr *)&in6, false);
}

static void test_matches(void **state)
{
	struct sockaddr_in everywhere = {.sin_family = AF_INET};
	char reason[256];

	(void)state;
	for (size_t i = 0; i < COUNT(matches); i++) {
		assert_int_equal(policy_match_check(matches[i].match, matches[i].list, reason,
						    sizeof(reason)),
				 0);
		if (fits(&matches[i]) != matches[i].fits)
			fail_msg("%s and %s", matches[i].list, matches[i].what);
	}
	assert_false(policy_match_program("*", NULL));
	assert_false(policy_match_host("*", NULL));
	assert_false(policy_match_address("::/0", NULL, false));
	/* Who listens everywhere has that address. */
	assert_false(policy_match_address("127.0.0.1", (struct sockaddr *)&everywhere, true));
	assert_true(policy_match_address("0.0.0.0", (struct sockaddr *)&everywhere, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {UNIT_CASE(test_matches)};

	return cmocka_run_group_tests_name("policy matches", tests, NULL, NULL);
}
