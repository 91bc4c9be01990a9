/* SPDX-License-Identifier: MIT */
/* Identities in other forms than PEM files: DER, encrypted keys, tokens. */
#include "alloc.h"
#include "credentials.h"
#include "proc.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_KEY  "pkcs11:token=zoo;object=good;type=private"
#define TOKEN_CERT "pkcs11:token=zoo;object=good;type=cert"

struct row {
	const char *title;
	const char *passphrase, *chain, *key; /* of the zoo, or a URL */
	int result;
	const char *reason; /* a part of it */
};

static const struct row rows[] = {
	/* First: a process that has logged in to a token is not asked again. */
	{"a token, no PIN", NULL, TOKEN_CERT, TOKEN_KEY, -EACCES, "wants a PIN"},
	{"a token, a wrong PIN", NULL, TOKEN_CERT, TOKEN_KEY "?pin-value=9999", -EACCES,
	 "wants a PIN"},
	{"a token, a wrong PIN in a file", "passphrase", TOKEN_CERT, TOKEN_KEY, -EACCES,
	 "wants a PIN"},
	{"a chain in DER", NULL, "good.der", "good.key", 0, NULL},
	{"a key in DER, SEC 1", NULL, "good.pem", "good.key.der", 0, NULL},
	{"a key in DER, PKCS#8", NULL, "good.der", "good.pkcs8.der", 0, NULL},
	{"an RSA key in DER", NULL, "good-rsa.pem", "good-rsa.pkcs8.der", 0, NULL},
	{"another's key in DER", NULL, "good.der", "good-rsa.pkcs8.der", -EPROTO, "belong"},
	{"a certificate in DER as key", NULL, "good.der", "good.der", -EINVAL, "good.der"},
	{"PBES2", "passphrase", "good.pem", "good.pbes2.key", 0, NULL},
	{"PBES2 in DER", "passphrase", "good.der", "good.pbes2.der", 0, NULL},
	{"OpenSSL's encryption", "passphrase", "good.pem", "good.openssl.key", 0, NULL},
	{"no encryption", "passphrase", "good.pem", "good.key", 0, NULL},
	{"no encryption in DER", "passphrase", "good.pem", "good.pkcs8.der", 0, NULL},
	{"PBES2, no passphrase", NULL, "good.pem", "good.pbes2.key", -EACCES, "is encrypted"},
	{"PBES2 in DER, no passphrase", NULL, "good.pem", "good.pbes2.der", -EACCES,
	 "is encrypted"},
	{"OpenSSL's, no passphrase", NULL, "good.pem", "good.openssl.key", -EACCES, "is encrypted"},
	{"PBES2, a wrong passphrase", "wrong-passphrase", "good.pem", "good.pbes2.key", -EACCES,
	 "good.pbes2.key: the passphrase does not open it"},
	{"OpenSSL's, a wrong passphrase", "wrong-passphrase", "good.pem", "good.openssl.key",
	 -EACCES, "does not open it"},
	{"no such passphrase", "none", "good.pem", "good.pbes2.key", -ENOENT, "none: No such file"},
	{"an empty passphrase", "empty.pem", "good.pem", "good.pbes2.key", -EINVAL,
	 "no passphrase in it"},
	{"a passphrase that is too long", "good.pkcs8.der", "good.pem", "good.pbes2.key", -EACCES,
	 NULL},
	{"a directory as passphrase", "roots", "good.pem", "good.key", -EINVAL, "a directory"},
	{"another's encrypted key", "passphrase", "exact.pem", "good.pbes2.key", -EPROTO, "belong"},
	{"a token, its PIN in the URL", NULL, TOKEN_CERT, TOKEN_KEY "?pin-value=1234", 0, NULL},
	{"a token, its PIN encoded", NULL, TOKEN_CERT, TOKEN_KEY "?pin-value=%31%32%33%34", 0,
	 NULL},
	{"a token, its PIN in a file", "pin", TOKEN_CERT, TOKEN_KEY, 0, NULL},
	{"a token's key, a file's chain", "pin", "good.pem", TOKEN_KEY, 0, NULL},
	{"a token's key, a DER file's chain", "pin", "good.der", TOKEN_KEY, 0, NULL},
	{"a token's chain, a file's key", "passphrase", TOKEN_CERT, "good.pbes2.key", 0, NULL},
	{"a token, no such file for the PIN", NULL, TOKEN_CERT, TOKEN_KEY "?pin-source=/none",
	 -ENOENT, "/none: No such file"},
	{"no such token", NULL, "good.pem", "pkcs11:token=none;object=good?pin-value=1234", -ENOENT,
	 "no token has this"},
	{"no such chain in the token", NULL, "pkcs11:token=zoo;object=none;type=cert", "good.key",
	 -ENOENT, "no token has this"},
	{"no such key in the token", NULL, "good.pem",
	 "pkcs11:token=zoo;object=none;type=private?pin-value=1234", -ENOENT, "no token has this"},
	{"a URL that is none", NULL, "good.pem", "pkcs11:bad", -EINVAL, "pkcs11:bad: "},
	{"a token's key of another chain", "pin", "exact.pem", TOKEN_KEY, -EPROTO, "belong"},
};

static void add(struct credential_spec *spec, enum credential_role role, const char *text)
{
	if (text && strncmp(text, "pkcs11:", 7) != 0)
		text = zoo("%s", text);
	if (text)
		assert_int_equal(credential_spec_add(spec, role, text, strlen(text)), 0);
}

static void fill(struct credential_spec *spec, const char *passphrase, const char *chain,
		 const char *key)
{
	add(spec, CREDENTIAL_PASSPHRASE, passphrase);
	add(spec, CREDENTIAL_CHAIN, chain);
	add(spec, CREDENTIAL_KEY, key);
}

static int get(const char *passphrase, const char *chain, const char *key, struct credentials **c,
	       char *reason)
{
	struct credential_spec spec = {0};
	int r;

	fill(&spec, passphrase, chain, key);
	*c = NULL;
	r = credentials_get(&spec, c, reason, 512);
	credential_spec_fini(&spec);
	return r;
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct credentials *c;
	char reason[512] = "";
	int r = get(row->passphrase, row->chain, row->key, &c, reason);

	if (r != row->result)
		fail_msg("%s, not %s: %s", r ? strerrorname_np(-r) : "0",
			 row->result ? strerrorname_np(-row->result) : "0", reason);
	if (row->reason && !strstr(reason, row->reason))
		fail_msg("the reason is: %s", reason);
	/* No PIN in a log. */
	assert_null(strstr(reason, "1234"));
	assert_null(strstr(reason, "9999"));
	assert_int_equal(credentials_have_identity(c), r == 0);
	credentials_put(c);
}

/* A file: URL as RFC 7512 has it, and a path. */
static void test_pin_source(void **state)
{
	static const char *const forms[] = {"%s?pin-source=%s", "%s?pin-source=file:%s",
					    "%s?pin-source=file://%s", "%s?x=y&pin-source=%s"};
	char url[4096], reason[512] = "";
	struct credentials *c;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), forms[i], TOKEN_KEY, zoo("pin"));
#pragma GCC diagnostic pop
		if (get(NULL, TOKEN_CERT, url, &c, reason) != 0)
			fail_msg("%s: %s", url, reason);
		credentials_put(c);
	}
}

/* A key before its passphrase. */
static void test_order(void **state)
{
	struct credential_spec spec = {0};
	struct credentials *c = NULL;
	char reason[512];

	(void)state;
	add(&spec, CREDENTIAL_CHAIN, "good.pem");
	add(&spec, CREDENTIAL_KEY, "good.pbes2.key");
	add(&spec, CREDENTIAL_PASSPHRASE, "passphrase");
	assert_int_equal(credentials_get(&spec, &c, reason, sizeof(reason)), -EACCES);
	credential_spec_fini(&spec);
}

/* Ours, one after the other, on every way in. */
static void test_no_memory(void **state)
{
	static const char *const ways[][3] = {
		{"passphrase", "good.der", "good.pbes2.der"},
		{"pin", TOKEN_CERT, TOKEN_KEY ";id=%01"},
	};
	char reason[512];

	(void)state;
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct credential_spec spec = {0};
		struct credentials *c = NULL;
		unsigned long at = 0;
		int r = -ENOMEM;

		fill(&spec, ways[i][0], ways[i][1], ways[i][2]);
		while (r == -ENOMEM) {
			alloc_start(++at);
			r = credentials_get(&spec, &c, reason, sizeof(reason));
			alloc_stop();
		}
		if (r != 0)
			fail_msg("allocation %lu: %d, %s", at, r, reason);
		assert_true(at > 8);
		credentials_put(c);
		credential_spec_fini(&spec);
	}
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		UNIT_CASE(test_pin_source),
		UNIT_CASE(test_order),
		UNIT_CASE(test_no_memory),
	};
	struct CMUnitTest tests[COUNT(rows) + COUNT(others)];

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = UNIT_ROW(rows[i].title, test_row, rows[i]);
	for (size_t i = 0; i < COUNT(others); i++)
		tests[COUNT(rows) + i] = others[i];
	return cmocka_run_group_tests_name("credentials: forms", tests, NULL, NULL);
}
