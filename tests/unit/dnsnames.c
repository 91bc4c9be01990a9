/* SPDX-License-Identifier: MIT */
/* A certificate's names of hosts, found in its bytes, compared with what GnuTLS parses. */
#include "dnsnames.h"
#include "chain.h"
#include "unit.h"

#include <string.h>

enum { DER_SIZE = 4096 };

struct row {
	const char *file;
	bool has;
};

static const struct row rows[] = {
	{"good", true},	       {"good-rsa", true},  {"wildcard", true}, {"multi-san", true},
	{"idn", true},	       {"nul-name", true},  {"critical", true}, {"must-staple", true},
	{"constrained", true}, {"ip-as-dns", true}, {"ip-only", false}, {"cn-only", false},
	{"ca", false},	       {"client", false},
};

static size_t read_der(const char *file, uint8_t der[DER_SIZE])
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	size_t len = DER_SIZE;

	assert_int_equal(gnutls_load_file(zoo("%s.pem", file), &pem), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	assert_int_equal(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_DER, der, &len), 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
	return len;
}

/* True also for what GnuTLS does not take: a peer with that is refused. */
static bool gnutls_agrees(uint8_t *der, size_t len)
{
	gnutls_datum_t datum = {der, (unsigned int)len};
	struct chain chain = {.count = 1};
	bool agrees = true;

	assert_int_equal(gnutls_x509_crt_init(&chain.crts[0]), 0);
	if (gnutls_x509_crt_import(chain.crts[0], &datum, GNUTLS_X509_FMT_DER) == 0)
		agrees = chain_has_host_name(&chain);
	chain_close(&chain);
	return agrees;
}

static void test_found(void **state)
{
	const struct row *row = *state;
	uint8_t der[DER_SIZE];
	size_t len = read_der(row->file, der);

	assert_int_equal(gnutls_agrees(der, len), row->has);
	assert_int_equal(dnsnames_has(der, len), row->has);
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, der, n);
		assert_false(dnsnames_has(cut, n));
		free(cut);
	}
}

/* What is found in a certificate that is not as it should be, GnuTLS finds as well. */
static void test_changed(void **state)
{
	const struct row *row = *state;
	static const uint8_t changes[] = {0x01, 0x02, 0x80, 0xb0};
	uint8_t der[DER_SIZE];
	size_t len = read_der(row->file, der);

	for (size_t at = 0; at < len; at++)
		for (size_t i = 0; i < COUNT(changes); i++) {
			der[at] ^= changes[i];
			if (dnsnames_has(der, len) && !gnutls_agrees(der, len))
				fail_msg("byte %zu, changed by 0x%02x", at, changes[i]);
			der[at] ^= changes[i];
		}
}

int main(void)
{
	struct CMUnitTest tests[2 * COUNT(rows)];

	for (size_t i = 0; i < COUNT(rows); i++) {
		tests[2 * i] = UNIT_ROW(rows[i].file, test_found, rows[i]);
		tests[2 * i + 1] = UNIT_ROW("the same, changed", test_changed, rows[i]);
	}
	return cmocka_run_group_tests_name("dnsnames", tests, NULL, NULL);
}
