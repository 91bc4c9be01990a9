/* SPDX-License-Identifier: MIT */
/* The policy's file: what is wrong with one, in which line. */
#include "policyfile.h"
#include "alloc.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONG_NAME "123456789 123456789 123456789 123456789 123456789 "
#define ALL	  "[all]\n"

struct broken {
	const char *text;
	size_t len; /* 0: the text's */
	int line;
	const char *says;
};

static const struct broken broken[] = {
	{"x", 0, 1, "is neither a section nor KEY = VALUE"},
	{ALL "\n# note\nwhat", 0, 4, "is neither a section nor KEY = VALUE"},
	{"[all\nminimum-version = 1.2\n", 0, 1, "is neither a section nor KEY = VALUE"},
	{"minimum-version = 1.2\n", 0, 1, "minimum-version: stands in no section"},
	{"[]\n", 0, 1,
	 "[]: unknown section: there are all, program NAME, destination NAME and "
	 "listener NAME"},
	{"[al]\n", 0, 1,
	 "[al]: unknown section: there are all, program NAME, destination NAME "
	 "and listener NAME"},
	{"[programs x]\nmatch-program=/a\n", 0, 1,
	 "[programs x]: unknown section: there are all, program NAME, destination NAME and "
	 "listener NAME"},
	{"[all] x\n", 0, 1, "something stands behind a section's name"},
	{" [all]\n", 0, 1, "a section's name stands at the beginning of its line"},
	{ALL "crl = no\n [all]\n", 0, 3, "a section's name stands at the beginning of its line"},
	{ALL ALL, 0, 2, "[all]: the section stands in line 1 already"},
	{"[program " LONG_NAME "]\nmatch-program=/a\n", 0, 1,
	 "a section's name has at most 49 bytes"},
	{ALL "minimum-versoin = 1.2\n", 0, 2, "minimum-versoin: unknown key"},
	{ALL "Minimum-Version = 1.2\n", 0, 2, "Minimum-Version: unknown key"},
	{ALL "minimum-version = 1.1\n", 0, 2, "minimum-version: \"1.1\" is not one of 1.2 1.3"},
	{ALL "minimum-version = 1.2\nminimum-version = 1.3\n", 0, 3,
	 "minimum-version: stands in line 2 already"},
	{ALL "minimum-version =\n", 0, 2, "minimum-version: has no value"},
	{ALL "  minimum-version = 1.2\n", 0, 2,
	 "minimum-version: a line that begins with blanks goes on with a list: a key stands at "
	 "the beginning of its line"},
	{ALL "crl = yes\n  ocsp = yes\n", 0, 3,
	 "crl: a line that begins with blanks goes on with a list: a key stands at the beginning "
	 "of its line"},
	{ALL "verify-servers = yes\n", 0, 2,
	 "verify-servers: \"yes\" is not one of none optional required"},
	{ALL "security-level = weak\n", 0, 2,
	 "security-level: \"weak\" is not one of medium high ultra future"},
	{ALL "revocation = yes\n", 0, 2, "revocation: \"yes\" is not one of off soft hard"},
	{ALL "resumption = 1\n", 0, 2, "resumption: \"1\" is not one of no yes"},
	{ALL "handshake-timeout-ms = 0\n", 0, 2,
	 "handshake-timeout-ms: \"0\" is not a number from 1 to 4294967295"},
	{ALL "handshake-timeout-ms = 5s\n", 0, 2,
	 "handshake-timeout-ms: \"5s\" is not a number from 1 to 4294967295"},
	{ALL "early-data-bytes = 4294967296\n", 0, 2,
	 "early-data-bytes: \"4294967296\" is not a number from 0 to 4294967295"},
	{ALL "session-lifetime-s = -1\n", 0, 2,
	 "session-lifetime-s: \"-1\" is not a number from 0 to 604800"},
	{ALL "session-lifetime-s = 99999999999999999999\n", 0, 2,
	 "session-lifetime-s: \"99999999999999999999\" is not a number from 0 to 604800"},
	{ALL "trust = ca.pem\n", 0, 2, "trust: \"ca.pem\" is not an absolute path"},
	{ALL "certificate = system\n", 0, 2, "certificate: \"system\" is not an absolute path"},
	{ALL "key = /key.pem\n", 0, 2, "key: the section has no certificate"},
	{ALL "ciphers = TLS_AES_128_CCM_SHA256,,x\n", 0, 2,
	 "ciphers: an item of the list is empty"},
	{ALL "ciphers = TLS_AES_128_CCM_SHA256, TLS_RSA_WITH_NULL_MD5\n", 0, 2,
	 "ciphers: \"TLS_RSA_WITH_NULL_MD5\" is no cipher suite that may be used"},
	{ALL "groups = X25519, X25520\n", 0, 2,
	 "groups: the priority string, or a group, is not one that GnuTLS knows"},
	{ALL "groups = X25519:+MD5\n", 0, 2, "groups: \"X25519:+MD5\" is no group"},
	{ALL "priority = NORMALLY\n", 0, 2,
	 "priority: the priority string, or a group, is not one that GnuTLS knows"},
	{ALL "override = trust, cypher\n", 0, 2,
	 "override: \"cypher\" is no key that can be overridden, nor all or none"},
	{ALL "override = override\n", 0, 2,
	 "override: \"override\" is no key that can be overridden, nor all or none"},
	{ALL "match-port = 1\n", 0, 2, "match-port: not in a section for all"},
	{"[program x]\ncrl = no\n", 0, 1, "[program x]: needs match-program"},
	{"[program x]\nmatch-program = /a\nmatch-host = b\n", 0, 3,
	 "match-host: not in a section for program"},
	{"[program x]\nmatch-program = a\n", 0, 2, "match-program: \"a\" is not an absolute path"},
	{"[program x]\nmatch-program = /a\nmatch-program = /b\n", 0, 3,
	 "match-program: stands in this section already"},
	{"[destination x]\n match-host = a\nmatch-port = 1\n", 0, 2,
	 "match-host: a line that begins with blanks goes on with a list: a key stands at the "
	 "beginning of its line"},
	{"[destination x]\nmatch-program = /a\n", 0, 1,
	 "[destination x]: needs match-host, match-address or match-port"},
	{"[destination x]\nmatch-host = a:443\n", 0, 2,
	 "match-host: \"a:443\" is not a name as DNS has it, other letters as xn--"},
	{"[destination x]\nmatch-host = \xc3\xbc\n", 0, 2,
	 "match-host: \"\xc3\xbc\" is not a name as DNS has it, other letters as xn--"},
	/* A key, and no name. */
	{"[destination x]\nmatch-host = a\n minimum-version = 1.3\n", 0, 3,
	 "match-host: \"minimum-version = 1.3\" is not a name as DNS has it, other letters as "
	 "xn--"},
	{"[destination x]\nmatch-address = 10.0.0\n", 0, 2,
	 "match-address: \"10.0.0\" is not an address, or one with /PREFIX"},
	{"[destination x]\nmatch-address = 10.0.0.0/33\n", 0, 2,
	 "match-address: \"10.0.0.0/33\" is not an address, or one with /PREFIX"},
	{"[destination x]\nmatch-address = ::/129\n", 0, 2,
	 "match-address: \"::/129\" is not an address, or one with /PREFIX"},
	{"[destination x]\nmatch-port = 65536\n", 0, 2,
	 "match-port: \"65536\" is not a port, or two with - between"},
	{"[destination x]\nmatch-port = 9-8\n", 0, 2,
	 "match-port: \"9-8\" is not a port, or two with - between"},
	{"[listener x]\nverify-clients = none\n", 0, 1,
	 "[listener x]: needs match-address or match-port"},
	{"[listener x]\nmatch-port = 1\nmatch-host = a\n", 0, 3,
	 "match-host: not in a section for listener"},
	{ALL "crl = no\0\n", 16, 2, "has a NUL byte"},
};

static struct policy *parse(const char *text, size_t len)
{
	struct policy *p = NULL;

	assert_int_equal(policy_parse("/a/policy", text, len ? len : strlen(text), &p), 0);
	assert_string_equal(p->path, "/a/policy");
	return p;
}

/* The first error, and that a line after it is still looked at. */
static void test_broken(void **state)
{
	const struct broken *row = *state;
	struct policy *p = parse(row->text, row->len);

	assert_true(p->error_count > 0);
	assert_string_equal(p->errors[0].text, row->says);
	assert_int_equal(p->errors[0].line, row->line);
	policy_free(p);
}

/* All errors of a file are told, in the order of its lines. */
static void test_all_errors(void **state)
{
	struct policy *p = parse("[nothing]\nx = 1\nwhat\n[all]\nvrify = 1\nwho\ncrl = maybe\n", 0);
	static const int lines[] = {1, 3, 5, 6, 7};

	(void)state;
	assert_int_equal(p->error_count, COUNT(lines));
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_int_equal(p->errors[i].line, lines[i]);
	policy_free(p);
}

static void test_too_long(void **state)
{
	char text[400] = ALL "ciphers = ";
	struct policy *p;

	(void)state;
	memset(text + strlen(text), 'a', 300);
	p = parse(text, 0);
	assert_int_equal(p->error_count, 1);
	assert_int_equal(p->errors[0].line, 2);
	assert_non_null(strstr(p->errors[0].text, "is longer than 198 bytes"));
	policy_free(p);
}

static void test_too_many_sections(void **state)
{
	static char text[32 * (POLICY_SECTIONS + 2)];
	struct policy *p;
	size_t at = 0;

	(void)state;
	for (int i = 0; i <= POLICY_SECTIONS; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "[listener %d]\nmatch-port=%d\n", i, i);
	p = parse(text, 0);
	assert_int_equal(p->count, POLICY_SECTIONS);
	assert_int_equal(p->error_count, 1);
	assert_string_equal(p->errors[0].text, "a policy has at most 256 sections");
	policy_free(p);
}

/* A list goes on in lines that begin with blanks; comments and blanks mean nothing. */
static void test_taken(void **state)
{
	struct policy *p = parse("; note\n[all]\n# note\nciphers = TLS_AES_128_CCM_SHA256,\n  "
				 "AES256-SHA, AES128-SHA ; note\n\tTLS_AES_128_GCM_SHA256\n\n"
				 "crl=yes\nkey = /k\ncertificate = /c d\n"
				 "[destination a b]\nmatch-host = *.x.example,\n y.example\n"
				 "override=trust,\n  certificate\n",
				 0);
	const struct policy_section *s = p->sections;

	(void)state;
	assert_int_equal(p->error_count, 0);
	assert_int_equal(p->count, 2);
	assert_string_equal(
		s[0].values[POLICY_CIPHERS].text,
		"TLS_AES_128_CCM_SHA256, AES256-SHA, AES128-SHA, TLS_AES_128_GCM_SHA256");
	assert_int_equal(s[0].values[POLICY_CIPHERS].line, 4);
	assert_int_equal(s[0].values[POLICY_CRL].number, 1);
	assert_int_equal(s[0].values[POLICY_CRL].line, 8);
	assert_string_equal(s[0].values[POLICY_CERTIFICATE].text, "/c d");
	assert_int_equal(s[0].values[POLICY_OCSP].line, 0);
	assert_string_equal(s[1].title, "destination a b");
	assert_string_equal(s[1].matches[POLICY_MATCH_HOST], "*.x.example, y.example");
	assert_int_equal(s[1].values[POLICY_OVERRIDE].number,
			 INT64_C(1) << POLICY_TRUST | INT64_C(1) << POLICY_CERTIFICATE);
	policy_free(p);
}

static void test_no_memory(void **state)
{
	static const char text[] =
		"[all]\nciphers = AES256-SHA,\n  AES128-SHA\nwhat\n[program x]\nmatch-program=/a\n";
	unsigned long at = 1, count;
	struct policy *p;
	int r;

	(void)state;
	do {
		long live = alloc_live();

		p = NULL;
		alloc_start(at++);
		r = policy_parse("/a/policy", text, strlen(text), &p);
		count = alloc_stop();
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_null(p);
		}
		policy_free(p);
		assert_int_equal(alloc_live(), live);
	} while (r < 0);
	assert_true(count >= 8 && at > count);
}

static struct policy *read_policy(const char *path, bool of_system)
{
	struct policy *p = NULL;

	assert_int_equal(policy_read(path, of_system, &p), 0);
	return p;
}

static void assert_refused(const char *path, bool of_system, const char *says)
{
	struct policy *p = read_policy(path, of_system);

	assert_non_null(p);
	assert_int_equal(p->error_count, 1);
	assert_int_equal(p->errors[0].line, 0);
	assert_string_equal(p->errors[0].text, says);
	policy_free(p);
}

/* Whose file it is counts for the system's one. */
static void test_files(void **state)
{
	char path[] = "/tmp/tlssock-policy-XXXXXX";
	int fd = mkstemp(path);
	struct policy *p;

	(void)state;
	assert_int_equal(write(fd, ALL, 6), 6);
	p = read_policy(path, false);
	assert_int_equal(p->error_count, 0);
	policy_free(p);
	assert_int_equal(fchmod(fd, 0666), 0);
	p = read_policy(path, false);
	assert_int_equal(p->error_count, 0);
	policy_free(p);
	if (getuid() == 0) {
		assert_refused(path, true, "can be written by others than root");
		assert_int_equal(fchmod(fd, 0644), 0);
		p = read_policy(path, true);
		assert_int_equal(p->error_count, 0);
		policy_free(p);
		assert_int_equal(fchown(fd, 1, 1), 0);
	}
	assert_refused(path, true, "does not belong to root");
	assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
	assert_refused(path, false, "is greater than 1 MiB");
	close(fd);
	unlink(path);
	assert_refused("/", false, "is no regular file");
	assert_refused(path, false, "cannot be read: No such file or directory");
	assert_null(read_policy(path, true));
	assert_null(read_policy("/dev/null/x", true));
}

static void test_fifo(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/tlssock-policy-fifo-%d", (int)getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, false, "is no regular file");
	unlink(path);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(broken) + 8];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(broken); i++)
		tests[n++] = UNIT_ROW(broken[i].says, test_broken, broken[i]);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_all_errors);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_too_long);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_too_many_sections);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_taken);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_no_memory);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_files);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_fifo);
	assert_true(n <= COUNT(tests));
	return _cmocka_run_group_tests("policy file", tests, n, NULL, NULL);
}
