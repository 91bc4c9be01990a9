/* SPDX-License-Identifier: MIT */
/* The sentences, whole: which certificate, what is wrong, since when, and what to do. */
#include "verifytext.h"
#include "alloc.h"
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct row {
	const char *identity, *ca, *name;
	const char *parts[6]; /* in this order */
} rows[] = {
	{"expired",
	 "ca.pem",
	 "localhost",
	 {"the certificate \"CN=Test expired\" (issued by \"CN=Test Root\", valid from 2019-01-01 "
	  "00:00 UTC to 2020-01-01 00:00 UTC) is refused: it expired on 2020-01-01 00:00 UTC; have "
	  "it renewed, or set the clock of this machine, which says 20",
	  " UTC, if that is wrong"}},
	{"not-yet-valid",
	 "ca.pem",
	 "localhost",
	 {"valid from 2090-01-01 00:00 UTC to 2095-01-01 00:00 UTC) is refused: it is not valid "
	  "before 2090-01-01 00:00 UTC; set the clock of this machine, which says 20"}},
	{"below-expired",
	 "ca.pem",
	 "localhost",
	 {"the certificate \"CN=Test below-expired\" (issued by \"CN=Test expired-link\"",
	  "is refused: the certificate \"CN=Test expired-link\" in its chain expired on 2020-01-01 "
	  "00:00 UTC; have it renewed"}},
	{"good",
	 "other-ca.pem",
	 "localhost",
	 {"is refused: its issuer \"CN=Test Root\" leads to no trusted certificate authority; if "
	  "it is to be trusted, name its certificate by TLS_TRUSTED_PEER_CERTIFICATES or "
	  "TLSSOCK_CA"}},
	{"incomplete",
	 "ca.pem",
	 "localhost",
	 {"its issuer \"CN=Test Intermediate\" leads to no trusted",
	  "or have the peer send the certificates in between"}},
	{"long-chain",
	 "other-ca.pem",
	 "localhost",
	 {"the certificate \"CN=Test Link 1\" in its chain: its issuer \"CN=Test Root\" leads to "
	  "no trusted"}},
	{"self-signed",
	 "ca.pem",
	 "localhost",
	 {"it signed itself, and is not among those trusted here", "name it by TLS_TRUSTED_PEER"}},
	{"weak-key",
	 "ca.pem",
	 "localhost",
	 {"a key or signature is too weak: of it, RSA, 1024 bits; have it issued anew, with RSA "
	  "of 2048 bits or an elliptic curve"}},
	{"sha1", "ca.pem", "localhost", {"too weak: of it, signed with ECDSA-SHA1"}},
	{"md5", "md5-ca.pem", "localhost", {"too weak: of it, signed with RSA-MD5"}},
	{"below-weak",
	 "ca.pem",
	 "localhost",
	 {"too weak: of the certificate \"CN=Test weak-link\" in its chain, RSA, 1024 bits"}},
	{"below-no-authority",
	 "ca.pem",
	 "localhost",
	 {"its issuer \"CN=Test no-authority\" is not a certificate authority"}},
	{"too-deep", "ca.pem", "localhost", {"an authority in its chain was not allowed"}},
	{"constrained",
	 "ca.pem",
	 "localhost",
	 {"an authority in its chain was not allowed to issue it; the names or the length"}},
	{"forged",
	 "ca.pem",
	 "localhost",
	 {"the signature on it is not that of its issuer \"CN=Test Root\"; the chain"}},
	{"wrong-usage",
	 "ca.pem",
	 "localhost",
	 {"it was not issued for this use, as a server; have it issued with the key purpose "
	  "serverAuth"}},
	{"multi-san",
	 "ca.pem",
	 "example.org",
	 {"it was not issued for the name \"example.org\", but for \"a.example.test\", "
	  "\"b.example.test\", \"localhost\"; expect a name that it has, by TLS_HOSTNAME"}},
	{"ip-only",
	 "ca.pem",
	 "localhost",
	 {"not issued for the name \"localhost\", but for \"127.0.0.1\", \"::1\""}},
	{"cn-only",
	 "ca.pem",
	 "localhost",
	 {"not issued for the name \"localhost\", but for no host at all (a subject's common name "
	  "does not count)"}},
	{"cn-only", "ca.pem", "127.0.0.1", {"\"127.0.0.1\", but for no host at all"}},
	{"expired",
	 "ca.pem",
	 "example.org",
	 {"it expired on 2020-01-01 00:00 UTC, and it was not issued for the name \"example.org\", "
	  "but for \"localhost\"; have it renewed"}},
};

static void test_sentence(void **state)
{
	const struct versioned *v = *state;
	const struct row *row = v->row;
	struct end_options client = end_client(v->version), server = end_server(v->version);
	const char *text;
	struct pair p;

	server.identity = row->identity;
	client.ca = row->ca;
	client.name = row->name;
	pair_open(&p, &client, &server, 0);
	assert_int_equal(p.client_result, -EPROTO);
	text = engine_reason(p.client.engine);
	if (getenv("TLSSOCK_TEST_SHOW"))
		print_message("%s\n", text);
	for (size_t i = 0; i < COUNT(row->parts) && row->parts[i]; i++) {
		const char *found = strstr(text, row->parts[i]);

		if (!found)
			fail_msg("\"%s\" is not in \"%s\"", row->parts[i],
				 engine_reason(p.client.engine));
		text = found + strlen(row->parts[i]);
	}
	pair_close(&p);
}

/* A peer that showed nothing, or something that is no certificate, is explained too. */
static void test_nothing_shown(void **state)
{
	struct chain chain = {0};
	struct verdict verdict = {.status = GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED};
	const struct expectation expected = {true, NULL, 0};

	(void)state;
	verify_explain(&chain, &expected, &verdict);
	assert_string_equal(
		verdict.text,
		"the certificate \"?\" is refused: it expired on ; have it renewed, or "
		"set the clock of this machine, which says 1970-01-01 00:00 UTC, if that "
		"is wrong");
}

/* Every bit at once, and names as long as they can be: the text ends in time. */
static void test_long(void **state)
{
	char name[600];
	struct chain chain = {0};
	struct verdict verdict = {.status = ~0u};
	const struct expectation expected = {true, name, 0};

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	verify_explain(&chain, &expected, &verdict);
	assert_int_equal(strnlen(verdict.text, sizeof(verdict.text)), sizeof(verdict.text) - 1);
}

/* Without memory the sentence may be poorer; the verdict is the same, or there is none. */
static void test_no_memory(void **state)
{
	const struct end_options client = end_client(TLS_1_3), server = end_server(TLS_1_3);
	struct verdict good, verdict;
	struct pair p;
	unsigned long n, i;

	(void)state;
	pair_open(&p, &client, &server, 0);
	alloc_include_gnutls(true);
	alloc_start(0);
	assert_int_equal(verify_peer(p.client.engine->session, 1, "example.org", &good), 0);
	n = alloc_stop();
	assert_true(good.status != 0 && n > 20);
	for (i = 1; i <= n; i++) {
		int r;

		alloc_start(i);
		r = verify_peer(p.client.engine->session, 1, "example.org", &verdict);
		alloc_stop();
		if (r != -ENOMEM) {
			assert_int_equal(r, 0);
			assert_true(verdict.status != 0);
			assert_string_not_equal(verdict.text, "");
		}
		/* A good one is never bad for want of memory, nor a bad one good. */
		alloc_start(i);
		r = verify_peer(p.client.engine->session, 1, "localhost", &verdict);
		alloc_stop();
		assert_true(r == -ENOMEM || r == 0);
	}
	alloc_include_gnutls(false);
	pair_close(&p);
}

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(versions) * COUNT(rows) + 3] = {
		UNIT_CASE(test_nothing_shown), UNIT_CASE(test_long), UNIT_CASE(test_no_memory)};
	size_t n = 3;

	for (size_t v = 0; v < COUNT(versions); v++)
		for (size_t i = 0; i < COUNT(rows); i++)
			tests[n++] = versioned_case(versions[v], rows[i].identity, test_sentence,
						    &rows[i]);
	return cmocka_run_group_tests_name("verifytext", tests, NULL, NULL);
}
